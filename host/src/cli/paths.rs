//! Where the reference plugins' sources and the built components are.

use std::env;
use std::path::{Path, PathBuf};

/// A target directory of cargo.
pub(super) struct Target {
    pub(super) folder: PathBuf,
}

impl Target {
    /// Where the demo keeps what it has.
    pub(super) fn demo(&self) -> PathBuf {
        self.folder.join("innkeeper").join("demo")
    }

    /// Where `innkeeper build` puts the component of this name.
    pub(super) fn component(&self, name: &str) -> PathBuf {
        self.folder.join("innkeeper").join(format!("{name}.wasm"))
    }
}

/// The target directory that this program was built in, else that of the workspace. Asks cargo nothing: it may not be there.
pub(super) fn target() -> Target {
    let named = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let folder = named.or_else(beside_program);
    Target { folder: folder.unwrap_or_else(|| workspace().join("target")) }
}

/// The root of the workspace: where this program was compiled if that is still there, else the current directory.
pub(super) fn workspace() -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let there = compiled.filter(|folder| folder.join("plugins").is_dir());
    there.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// `target` for a program at `target/debug/innkeeper`; cargo leaves a tag there.
fn beside_program() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let folder = program.parent()?.parent()?;
    folder.join("CACHEDIR.TAG").is_file().then(|| folder.to_owned())
}
