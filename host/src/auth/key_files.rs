//! The files that a key of the configuration names.

use std::path::Path;

use jsonwebtoken::DecodingKey;

use super::error::AuthError;
use crate::config::secret_problem;
use crate::text_file;

/// The text of a file, without the byte order mark that some editors write.
pub(super) fn read_text(key: &str, path: &Path) -> Result<String, AuthError> {
    text_file::read(path).map_err(|source| AuthError::Read { key: key.to_owned(), path: path.to_owned(), source })
}

/// The secret is all bytes of the file: taking some away would break a random one that ends with them.
pub(super) fn secret_file(key: &str, path: &Path) -> Result<Vec<u8>, AuthError> {
    let read = std::fs::read(path);
    let secret = read.map_err(|source| AuthError::Read { key: key.to_owned(), path: path.to_owned(), source })?;
    if let Some((problem, remedy)) = secret_problem(&secret) {
        return Err(unfit(key, path, format!("{problem}; {remedy}")));
    }
    if secret.ends_with(b"\n") {
        tracing::warn!(
            key,
            path = %path.display(),
            "this secret ends with a line break, which is part of it; write the file without one, unless the program that signs has it too"
        );
    }
    Ok(secret)
}

/// The key of a PEM file.
pub(super) fn public_key(key: &str, path: &Path) -> Result<DecodingKey, AuthError> {
    let text = read_text(key, path)?;
    let pem = text.as_bytes();
    let read =
        DecodingKey::from_rsa_pem(pem).or_else(|_| DecodingKey::from_ec_pem(pem)).or_else(|_| DecodingKey::from_ed_pem(pem));
    read.map_err(|_| unfit(key, path, "is not a PEM file with a public key (RSA, P-256, P-384 or Ed25519)".to_owned()))
}

/// A file that is there and cannot be used.
pub(super) fn unfit(key: &str, path: &Path, what: String) -> AuthError {
    AuthError::Unfit { key: key.to_owned(), path: path.to_owned(), what }
}
