//! The package in the plugin's folder, as `cargo metadata` describes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::BuildError;
use crate::cli::child::clean;
use crate::text_file;

/// The profile for guests, if the workspace has it.
const GUEST: &str = "guest";

/// A package that makes a component.
pub(super) struct Package {
    pub(super) name: String,
    /// The file name of its library, without extension.
    pub(super) library: String,
    /// The file with which its library begins.
    pub(super) source: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) manifest: PathBuf,
    pub(super) target_dir: PathBuf,
    /// Of what is shipped.
    pub(super) profile: &'static str,
    /// The folders of the package, and of those that it depends on by their paths.
    pub(super) sources: Vec<PathBuf>,
}

/// The part of `cargo metadata` that counts here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Described>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Described {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    #[serde(default)]
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    /// Of a dependency that is on this disk.
    path: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
    src_path: PathBuf,
}

impl Package {
    /// The package whose Cargo.toml is in this folder.
    pub(super) fn find(folder: &Path) -> Result<Self, BuildError> {
        let missing = |_| BuildError::NoManifest(folder.to_owned());
        let folder = folder.canonicalize().map_err(missing)?;
        let manifest = folder.join("Cargo.toml").canonicalize().map_err(missing)?;
        let metadata = metadata(&folder, &manifest)?;
        let own = |package: &Described| {
            let path = package.manifest_path.canonicalize();
            path.is_ok_and(|path| path == manifest)
        };
        let sources = sources(&metadata.packages, &folder);
        let Some(package) = metadata.packages.into_iter().find(own) else {
            return Err(BuildError::NoPackage { folder });
        };
        let profile = profile(&metadata.workspace_root);
        let Some(library) = package.targets.into_iter().find(Target::is_component) else {
            return Err(BuildError::NoLibrary { package: package.name });
        };
        Ok(Self {
            library: library.name.replace('-', "_"),
            source: library.src_path,
            name: package.name,
            folder,
            manifest,
            target_dir: metadata.target_directory,
            profile,
            sources,
        })
    }
}

impl Target {
    fn is_component(&self) -> bool {
        self.crate_types.iter().any(|kind| kind == "cdylib")
    }
}

fn metadata(folder: &Path, manifest: &Path) -> Result<Metadata, BuildError> {
    let mut cargo = clean("cargo");
    cargo.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
    cargo.arg(manifest).current_dir(folder);
    let output = cargo.output().map_err(|source| BuildError::start("cargo", source))?;
    if !output.status.success() {
        return Err(BuildError::Metadata {
            folder: folder.to_owned(),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    serde_json::from_slice(&output.stdout).map_err(|source| BuildError::Strange(folder.to_owned(), source))
}

/// The package's folder, and those of its dependencies on this disk. Cargo describes only the packages of the workspace: of another one
/// its folder is known, and not what that depends on.
fn sources(packages: &[Described], folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        let of_folder = packages.iter().filter(|package| package.manifest_path.parent() == Some(&folder));
        let paths = of_folder.flat_map(|package| &package.dependencies).filter_map(|dependency| dependency.path.clone());
        open.extend(paths.filter(|path| !found.contains(path)));
        found.insert(folder);
    }
    found.into_iter().collect()
}

/// `guest` if the workspace defines it, else `release`. A workspace that cannot be read is cargo's to complain about.
fn profile(workspace: &Path) -> &'static str {
    let text = text_file::read(&workspace.join("Cargo.toml")).unwrap_or_default();
    let (table, _) = toml::de::DeTable::parse_recoverable(&text);
    let profiles = table.get_ref().get("profile");
    match profiles.and_then(|profiles| profiles.get_ref().get(GUEST)) {
        Some(_) => GUEST,
        None => "release",
    }
}
