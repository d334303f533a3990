//! Where cargo built this program, and where the sources of the reference plugins are.
//!
//! Both are looked for when they are needed, because the path at which a program was compiled says nothing: the program may
//! have been moved or installed.

use std::env;
use std::path::{Path, PathBuf};

/// In every target directory: cargo writes the first, and the second if it has made the directory itself.
const TARGET_MARKS: [&str; 2] = [".rustc_info.json", "CACHEDIR.TAG"];
/// In every checkout of this repository.
const CHECKOUT_MARKS: [&str; 3] = ["Cargo.toml", "plugin-sdk/rust/Cargo.toml", "plugins/echo/Cargo.toml"];
/// `target/<triple>/debug/deps/program` is the deepest.
const PROGRAM_DEPTH: usize = 4;

/// A target directory of cargo.
pub(super) struct Target {
    pub(super) folder: PathBuf,
}

impl Target {
    /// Where the demo keeps its files.
    pub(super) fn demo(&self) -> PathBuf {
        self.folder.join("innkeeper").join("demo")
    }

    /// Where what `innkeeper dev` builds is kept, given where shipped components are.
    pub(super) fn of_dev(shipped: &Path) -> PathBuf {
        shipped.join("dev")
    }

    /// Where `innkeeper build` puts the component of this name.
    pub(super) fn component(&self, name: &str) -> PathBuf {
        self.folder.join("innkeeper").join(format!("{name}.wasm"))
    }
}

/// The target directory that this program lies in; `None` for an installed program. The environment and the current directory do not
/// change the answer, because the components in it are trusted as much as this program.
pub(super) fn own_target() -> Option<Target> {
    let program = env::current_exe().ok()?;
    let folders = program.ancestors().skip(1).take(PROGRAM_DEPTH);
    target_among(folders)
}

/// Where the demo builds the sources of this checkout: as cargo would, or beside this program. Cargo itself is not asked. A relative
/// folder is relative to the current one, as for cargo; it is made absolute, because cargo is started elsewhere.
pub(super) fn target_of(checkout: &Path) -> Target {
    let named = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    let named = named.and_then(|folder| std::path::absolute(folder).ok()).map(|folder| Target { folder });
    named.or_else(own_target).unwrap_or_else(|| Target { folder: checkout.join("target") })
}

/// The checkout of this repository that the current directory is in.
pub(super) fn checkout() -> Option<PathBuf> {
    let folder = env::current_dir().ok()?;
    checkout_among(folder.ancestors())
}

fn target_among<'p>(mut folders: impl Iterator<Item = &'p Path>) -> Option<Target> {
    let found = folders.find(|folder| TARGET_MARKS.iter().any(|mark| folder.join(mark).is_file()));
    found.map(|folder| Target { folder: folder.to_owned() })
}

fn checkout_among<'p>(mut folders: impl Iterator<Item = &'p Path>) -> Option<PathBuf> {
    folders.find(|folder| CHECKOUT_MARKS.iter().all(|mark| folder.join(mark).is_file())).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{checkout_among, own_target, target_among};

    #[test]
    fn a_test_lies_in_the_target_directory_and_an_installed_program_in_none() {
        let program = std::env::current_exe().unwrap_or_default();
        let target = own_target().map(|target| target.folder);
        assert!(target.is_some_and(|folder| program.starts_with(&folder) && folder.join("debug").is_dir()));
        assert!(target_among(Path::new("/usr/local/bin").ancestors()).is_none());
    }

    #[test]
    fn the_checkout_is_found_from_any_folder_in_it() {
        let host = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(checkout_among(host.join("src/cli").ancestors()).as_deref(), host.parent());
        assert_eq!(checkout_among(Path::new("/usr/share/doc").ancestors()), None);
    }
}
