//! How a package is built: found once, and used for each build of it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::args::BuildArgs;
use super::error::BuildError;
use super::file::check;
use super::package::Package;
use super::toolchain::Toolchain;
use crate::cli::paths::Target;

/// The profile of [`Profile::Quick`], which no workspace has to define.
const QUICK: &str = "innkeeper-dev";
/// A build of what was changed takes a second or two. The names of functions stay, for backtraces, and nothing else for a debugger,
/// which would be larger than the code; a panic says its line in any case. Small code is compiled sooner by the server.
const QUICK_SETTINGS: [&str; 8] = [
    "inherits = \"release\"",
    "opt-level = \"s\"",
    "lto = \"off\"",
    "codegen-units = 16",
    "incremental = true",
    "debug = false",
    "strip = \"debuginfo\"",
    "panic = \"abort\"",
];

/// What a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Profile {
    /// To be used: small and fast code, which takes its time.
    Shipped,
    /// To be tried at once.
    Quick,
}

/// A package, and what builds it.
pub(in crate::cli) struct Recipe {
    package: Package,
    toolchain: Toolchain,
    target_dir: PathBuf,
    profile: Profile,
}

impl Recipe {
    pub(in crate::cli) fn find(request: &BuildArgs, profile: Profile) -> Result<Self, BuildError> {
        let package = Package::find(&request.folder)?;
        let toolchain = Toolchain::find(&package.folder, request.install)?;
        let target_dir = request.target_dir.as_deref().unwrap_or(&package.target_dir);
        let target_dir =
            std::path::absolute(target_dir).map_err(|source| BuildError::Write { path: target_dir.to_owned(), source })?;
        Ok(Self { package, toolchain, target_dir, profile })
    }

    pub(in crate::cli) fn name(&self) -> &str {
        &self.package.name
    }

    /// The folder of the package.
    pub(in crate::cli) fn folder(&self) -> &Path {
        &self.package.folder
    }

    /// Where its sources are.
    pub(in crate::cli) fn sources(&self) -> &[PathBuf] {
        &self.package.sources
    }

    /// Where a component is put that nobody names a file for.
    pub(in crate::cli) fn component(&self) -> PathBuf {
        Target { folder: self.target_dir.clone() }.component(&self.package.name)
    }

    pub(super) fn package(&self) -> &Package {
        &self.package
    }

    pub(super) fn toolchain(&self) -> &impl fmt::Display {
        &self.toolchain
    }

    /// The command that builds it. It shows its progress on stderr, and reads and writes nothing else.
    pub(in crate::cli) fn cargo(&self) -> Command {
        let mut cargo = self.toolchain.cargo(&self.package.folder);
        cargo.args(["--profile", self.profile(), "--package", &self.package.name]);
        if self.profile == Profile::Quick {
            for setting in QUICK_SETTINGS {
                cargo.args(["--config", &format!("profile.{QUICK}.{setting}")]);
            }
        }
        cargo.arg("--manifest-path").arg(&self.package.manifest);
        cargo.arg("--target-dir").arg(&self.target_dir);
        cargo.stdin(Stdio::null()).stdout(Stdio::null());
        cargo
    }

    /// The component that the command has made, if it ended well.
    pub(in crate::cli) fn made(&self, done: bool) -> Result<PathBuf, BuildError> {
        if !done {
            return Err(BuildError::Cargo { package: self.package.name.clone() });
        }
        let folder = self.target_dir.join(self.toolchain.target()).join(self.profile());
        let made = folder.join(format!("{}.wasm", self.package.library));
        check(&made).map(|()| made)
    }

    fn profile(&self) -> &str {
        match self.profile {
            Profile::Shipped => self.package.profile,
            Profile::Quick => QUICK,
        }
    }
}
