//! The look-up of a URL's path in the folder.
//!
//! There are two checks. The first is on the path itself: each part is decoded once, and a part that is empty, begins with a dot
//! or contains a separator names no file; so `..` in every spelling and every hidden file are refused before the disk is read.
//! The second is on the file that the path leads to: with all symbolic links followed, it must be in the folder and must not be
//! hidden. (A link could be swapped between this check and the opening; but a program that can do that can write in the folder
//! anyway.)

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::conditions::Version;

/// What a path names.
pub(super) enum Lookup {
    File(OpenFile),
    /// A folder with an `index.html`, requested without the slash at the end.
    Folder,
}

/// An open file.
pub(super) struct OpenFile {
    pub(super) path: PathBuf,
    pub(super) handle: fs::File,
    pub(super) bytes: u64,
    pub(super) version: Version,
}

/// Why what is there cannot be served.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) path: PathBuf,
    pub(super) error: io::Error,
}

/// Looks a path up in a folder. The path is as it stands in the URL. `None`: it names no file. Blocks.
pub(super) fn find(folder: &Path, path: &str) -> Result<Option<Lookup>, Unreadable> {
    let Some((parts, ends_with_slash)) = parts(path) else { return Ok(None) };
    let root = readable(folder, folder.canonicalize())?;
    let Some(mut found) = resolve_inside(&root, &parts.iter().fold(root.clone(), |path, part| path.join(part)))? else {
        return Ok(None);
    };
    if readable(&found, found.metadata())?.is_dir() {
        let Some(index) = resolve_inside(&root, &found.join("index.html"))? else { return Ok(None) };
        found = index;
        if !ends_with_slash {
            return Ok(found.is_file().then_some(Lookup::Folder));
        }
    } else if ends_with_slash {
        return Ok(None);
    }
    // Not a pipe or a device: the opening of one may wait for ever.
    if !found.is_file() {
        return Ok(None);
    }
    readable(&found.clone(), open(found)).map(|file| Some(Lookup::File(file)))
}

fn readable<T>(path: &Path, result: io::Result<T>) -> Result<T, Unreadable> {
    result.map_err(|error| Unreadable { path: path.to_owned(), error })
}

/// The decoded parts of a path, and whether a slash stands at its end.
fn parts(path: &str) -> Option<(Vec<String>, bool)> {
    let path = path.strip_prefix('/')?;
    if path.is_empty() {
        return Some((Vec::new(), true));
    }
    let (path, ends_with_slash) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
    let parts: Option<Vec<_>> = path.split('/').map(part).collect();
    Some((parts?, ends_with_slash))
}

fn part(text: &str) -> Option<String> {
    let part = decode(text)?;
    let is_forbidden = |letter: char| matches!(letter, '/' | '\\') || letter.is_control();
    (!part.is_empty() && !part.starts_with('.') && !part.contains(is_forbidden)).then_some(part)
}

/// Decodes `%20` and the like. A text with an invalid escape, or that is not UTF-8, names no file.
fn decode(text: &str) -> Option<String> {
    // The crate keeps what is not an escape; here it makes the name invalid.
    let is_escape =
        |after: &str| matches!(after.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
    if !text.split('%').skip(1).all(is_escape) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Cow::into_owned)
}

/// The path with all links followed, if it is there, in the folder, and no part of it is hidden.
fn resolve_inside(root: &Path, path: &Path) -> Result<Option<PathBuf>, Unreadable> {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    let path = match path.canonicalize() {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory | InvalidFilename) => return Ok(None),
        resolved => readable(path, resolved)?,
    };
    let is_visible = |part: Component<'_>| !part.as_os_str().as_encoded_bytes().starts_with(b".");
    let is_inside = path.strip_prefix(root).is_ok_and(|below| below.components().all(is_visible));
    Ok(is_inside.then_some(path))
}

fn open(path: PathBuf) -> io::Result<OpenFile> {
    let handle = fs::File::open(&path)?;
    let metadata = handle.metadata()?;
    let version = Version::new(metadata.len(), metadata.modified()?);
    Ok(OpenFile { path, handle, bytes: metadata.len(), version })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use super::{Lookup, find, parts};
    use std::path::Path;

    #[test]
    fn no_spelling_of_a_path_leaves_the_folder_or_shows_what_is_hidden() {
        for path in [
            "",
            "x",
            "//",
            "//etc/passwd",
            "/a//b",
            "/..",
            "/../x",
            "/a/../b",
            "/%2e%2e/x",
            "/%2E./x",
            "/.%2e/x",
            "/a%2f..%2fb",
            "/a%5cb",
            "/a\\b",
            "/.git/config",
            "/%2egit",
            "/a/.env",
            "/a%00.html",
            "/%",
            "/%4",
            "/%zz",
            "/%ff",
            "/./a",
            "/a/./b",
        ] {
            assert_eq!(parts(path), None, "{path}");
        }
        assert_eq!(parts("/%252e%252e/x"), Some((vec!["%2e%2e".to_owned(), "x".to_owned()], false)));
        assert_eq!(parts("/a%20b/%C3%A9/"), Some((vec!["a b".to_owned(), "é".to_owned()], true)));
        assert_eq!(parts("/"), Some((Vec::new(), true)));
    }

    #[test]
    fn files_are_found_by_their_own_address_only() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for none in ["/src", "/Cargo.toml/", "/Cargo.toml/x", "/nowhere", &format!("/{}", "x".repeat(300))] {
            assert!(matches!(find(here, none), Ok(None)), "{none}");
        }
        assert!(matches!(find(here, "/src/lib.rs"), Ok(Some(Lookup::File(file))) if file.bytes > 0));
        assert!(matches!(find(here, "/assets/demo"), Ok(Some(Lookup::Folder))));
        assert!(matches!(find(here, "/assets/demo/"), Ok(Some(Lookup::File(_)))));
        assert!(find(&here.join("nowhere"), "/").is_err());
    }
}
