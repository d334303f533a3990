//! The token of the admin interface, and the file that keeps it.
//!
//! Whoever has the token may change everything that runs. So the file belongs to this user, and nobody else may read it; one that others
//! can read is refused and not repaired, since its token may be known already.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::whole_file;

/// Random bytes of a token that is made here.
const RANDOM_BYTES: usize = 32;
/// Characters that a token has at least: what an operator writes into the file must not be guessed either.
const SHORTEST: usize = 32;
/// More than any token has.
const FILE_BYTES: u64 = 4_096;

/// The token, as a digest: what is compared with it has its length then, and takes the same time.
pub(crate) struct Token([u8; 32]);

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// There is a file, and it cannot be used.
    #[error("the token for the admin interface, {}: {what}; {remedy} (token_file in [internal] names another file)", path.display())]
    Unusable { path: PathBuf, what: String, remedy: &'static str },
    /// There is none, and none can be made.
    #[error("the token for the admin interface cannot be kept in {}: {source}; name another file with token_file in [internal]", path.display())]
    NotKept { path: PathBuf, source: io::Error },
}

impl Token {
    /// The token in this file, which is made if it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, TokenError> {
        match fs::metadata(path) {
            Ok(metadata) => read(path, &metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let not_kept = |source| TokenError::NotKept { path: path.to_owned(), source };
                make(path).map_err(not_kept)?;
                // Another start may have been faster.
                let metadata = fs::metadata(path).map_err(not_kept)?;
                read(path, &metadata)
            }
            Err(error) => Err(unusable(path, error.to_string(), "let this user read it")),
        }
    }

    /// Whether this is the token, in a time that says nothing about it.
    pub(super) fn is(&self, given: &[u8]) -> bool {
        self.0.ct_eq(&digest(given)).into()
    }
}

fn digest(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

fn unusable(path: &Path, what: impl Into<String>, remedy: &'static str) -> TokenError {
    TokenError::Unusable { path: path.to_owned(), what: what.into(), remedy }
}

fn read(path: &Path, metadata: &Metadata) -> Result<Token, TokenError> {
    const ANOTHER: &str = "remove it, and the next start makes a new one";
    // Before it is opened: a pipe would wait for somebody to write.
    if !metadata.is_file() {
        return Err(unusable(path, "it is no file", "remove it"));
    }
    let readable = |error: io::Error| unusable(path, error.to_string(), "let this user read it");
    let file = File::open(path).map_err(readable)?;
    check_private(&file.metadata().map_err(readable)?).map_err(|what| unusable(path, what, ANOTHER))?;
    let mut text = Vec::new();
    file.take(FILE_BYTES).read_to_end(&mut text).map_err(readable)?;
    let token = text.trim_ascii();
    if token.len() < SHORTEST || !token.iter().all(|byte| is_token(*byte)) {
        let what = format!("it holds no token: that is a line of at least {SHORTEST} letters, digits and - . _ ~ + / =");
        return Err(unusable(path, what, ANOTHER));
    }
    Ok(Token(digest(token)))
}

/// What the header `Authorization` takes (`token68`, RFC 9110).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

/// Refuses what others may have read.
fn check_private(metadata: &Metadata) -> Result<(), String> {
    if metadata.uid() != geteuid().as_raw() {
        return Err(format!("it belongs to the user {}, and not to this one", metadata.uid()));
    }
    match metadata.mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(format!("others may read or write it (mode {mode:03o}, and not 600): its token may be known")),
    }
}

/// Writes a new token whole, and then gives it its name, if nobody else has done that meanwhile.
fn make(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(whole_file::folder_of(path))?;
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random)?;
    whole_file::write_new(path, whole_file::PRIVATE, format!("{}\n", URL_SAFE_NO_PAD.encode(random)).as_bytes())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;
    use std::thread;

    use super::Token;

    /// A folder of this test's own.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("innkeeper-token-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_token_that_others_may_know_is_refused() {
        let folder = folder("refused");
        let path = folder.join("token");
        let refused = |what: &str| {
            let error = Token::open(&path).err().unwrap().to_string();
            assert!(error.contains(what) && error.contains("token_file in [internal]"), "{error}");
        };
        for short in ["", "\n", "hunter2", &"x y".repeat(20), &"é".repeat(40)] {
            fs::write(&path, short).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            refused("holds no token");
        }
        let token = "x".repeat(40);
        fs::write(&path, format!("{token}\n")).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o644] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            refused(&format!("mode {mode:03o}"));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        assert!(Token::open(&path).unwrap().is(token.as_bytes()));
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused("it is no file");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn of_several_starts_one_makes_the_token_and_all_have_it() {
        let folder = folder("made");
        let path = folder.join("inside").join("token");
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let path = path.clone();
                thread::spawn(move || Token::open(&path).unwrap())
            })
            .collect();
        let tokens: Vec<_> = starts.into_iter().map(|start| start.join().unwrap()).collect();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!((text.len(), fs::metadata(&path).unwrap().permissions().mode() & 0o777), (44, 0o600));
        assert!(tokens.iter().all(|token| token.is(text.trim().as_bytes()) && !token.is(text.as_bytes()) && !token.is(b"")));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing unfinished is left");
        fs::remove_dir_all(&folder).unwrap();
    }
}
