//! The component that cargo has made: whether it is one, and how it gets where it is expected.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use super::error::BuildError;
use crate::whole_file;

/// How a component begins: the magic, then version 13 in layer 1. A core module has version 1 in layer 0.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// Whether the file is a component, according to its first bytes.
pub(super) fn check(file: &Path) -> Result<(), BuildError> {
    let mut head = Vec::new();
    let opened = fs::File::open(file).and_then(|open| open.take(8).read_to_end(&mut head));
    opened.map_err(|source| BuildError::Missing { path: file.to_owned(), source })?;
    match head.as_slice() {
        head if head == COMPONENT => Ok(()),
        head if head == MODULE => Err(BuildError::Module(file.to_owned())),
        _ => Err(BuildError::NotWasm(file.to_owned())),
    }
}

/// Copies it, whole: a server may watch the file, and another build write it. The file gets the time at which the build began: a source
/// that was changed since is newer.
pub(in crate::cli) fn put(made: &Path, output: &Path, begun: SystemTime) -> io::Result<u64> {
    fs::create_dir_all(whole_file::folder_of(output))?;
    let mut bytes = 0;
    whole_file::replace(output, whole_file::ORDINARY, |file| {
        bytes = io::copy(&mut fs::File::open(made)?, file)?;
        file.set_modified(begun)
    })?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use super::{check, put};
    use crate::cli::build::BuildError;
    use std::fs;
    use std::time::SystemTime;

    #[test]
    fn only_a_component_passes_and_it_replaces_what_was_there() {
        let folder = std::env::temp_dir().join(format!("innkeeper-build-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (made, output) = (folder.join("made.wasm"), folder.join("new/output.wasm"));

        assert!(matches!(check(&made), Err(BuildError::Missing { .. })));
        fs::write(&made, b"\0asm\x01\0\0\0rest").unwrap();
        assert!(matches!(check(&made), Err(BuildError::Module(_))));
        fs::write(&made, b"\x7fELF").unwrap();
        assert!(matches!(check(&made), Err(BuildError::NotWasm(_))));
        fs::write(&made, b"\0asm\x0d\0\x01\0rest").unwrap();
        assert!(check(&made).is_ok());

        assert_eq!(put(&made, &output, SystemTime::now()).unwrap(), 12);
        assert_eq!(put(&made, &output, SystemTime::now()).unwrap(), 12);
        assert_eq!(fs::read_dir(folder.join("new")).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
