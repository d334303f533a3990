//! The keys of `[keys.<name>]` that give the key itself: secrets, and the files that keys are in.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::paths::{existing_file, shown};
use super::problem::Problem;
use super::value::{RawValue, text};

/// As lenient as Node's `Buffer.from(text, "base64")`, which decodes what other programs have written.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent).with_decode_allow_trailing_bits(true),
);
/// Shown in the place of a secret.
const REDACTED: &str = "<redacted>";
/// How a key of the table becomes one source of the key.
type ReadSource = fn(&RawValue, &Path) -> Result<KeySource, Problem>;
/// The keys of the table of which each gives the key itself: one of them is there, with one value or a list.
pub(super) const SOURCES: [(&str, ReadSource); 5] = [
    ("secret", |raw, _| secret(raw).map(KeySource::Secret)),
    ("secret_base64", |raw, _| secret_base64(raw).map(KeySource::SecretBase64)),
    ("secret_file", |raw, file| existing(raw, file).map(KeySource::SecretFile)),
    ("public_key", |raw, file| existing(raw, file).map(KeySource::PublicKey)),
    ("jwks", |raw, file| existing(raw, file).map(KeySource::Jwks)),
];

/// The kind of a key, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `secret`: shared with the program that makes the tokens.
    Secret(Secret),
    /// `secret_base64`: the same, decoded.
    SecretBase64(Secret),
    /// `secret_file`: the same, in a file.
    SecretFile(PathBuf),
    /// `public_key`: a PEM file.
    PublicKey(PathBuf),
    /// `jwks`: a JSON file with several keys, told apart by `kid`.
    Jwks(PathBuf),
}

/// What the key of the same name in the table has, as it may be shown.
impl KeySource {
    pub(super) fn secret(&self) -> Option<Value> {
        matches!(self, Self::Secret(secret) if !secret.reveal().is_empty()).then(|| REDACTED.into())
    }

    pub(super) fn secret_base64(&self) -> Option<Value> {
        matches!(self, Self::SecretBase64(_)).then(|| REDACTED.into())
    }

    pub(super) fn secret_file(&self) -> Option<Value> {
        if let Self::SecretFile(path) = self { shown(path) } else { None }
    }

    pub(super) fn public_key(&self) -> Option<Value> {
        if let Self::PublicKey(path) = self { shown(path) } else { None }
    }

    pub(super) fn jwks(&self) -> Option<Value> {
        if let Self::Jwks(path) = self { shown(path) } else { None }
    }
}

/// Bytes that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes themselves, for making a key of them and for nothing else.
    pub(crate) fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// The message of a problem never shows the secret.
fn secret(raw: &RawValue) -> Result<Secret, Problem> {
    let written = secret_text(raw)?;
    check_secret(written.as_bytes())?;
    Ok(Secret::new(written))
}

fn secret_base64(raw: &RawValue) -> Result<Secret, Problem> {
    let written = secret_text(raw)?;
    let standard = |letter: char| match letter {
        '-' => '+',
        '_' => '/',
        other => other,
    };
    let written: String = written.chars().filter(|letter| !letter.is_ascii_whitespace()).map(standard).collect();
    let decoded = BASE64.decode(written);
    let bytes =
        decoded.map_err(|_| Problem::new("the secret is not base64", "a secret that is a text is written as `secret`"))?;
    check_secret(&bytes)?;
    Ok(Secret::new(bytes))
}

fn secret_text(raw: &RawValue) -> Result<String, Problem> {
    const REMEDY: &str = "write it like \"${JWT_SECRET}\"";
    let written = text(raw).map_err(|_| Problem::new("the secret is not a string", REMEDY))?;
    if written == REDACTED {
        return Err(Problem::new(
            "this is what `config show` shows in place of the secret, and anybody could sign with it",
            REMEDY,
        ));
    }
    Ok(written)
}

/// Refuses what cannot be a secret.
pub(super) fn check_secret(secret: &[u8]) -> Result<(), Problem> {
    match secret_problem(secret) {
        Some((problem, remedy)) => Err(Problem::new(format!("the secret {problem}"), remedy)),
        None => Ok(()),
    }
}

/// Why these bytes cannot be a secret, and what to do.
pub(crate) fn secret_problem(secret: &[u8]) -> Option<(&'static str, &'static str)> {
    const PEM: &[u8] = b"-----BEGIN";
    if secret.trim_ascii().is_empty() {
        return Some(("is empty", "anybody could sign with it; set a long random one"));
    }
    if secret.windows(PEM.len()).any(|part| part == PEM) {
        return Some(("is a PEM key", "anybody who has it could sign; write public_key = \"<file>\""));
    }
    None
}

fn existing(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    existing_file(file, &text(raw)?, "correct the path, which is relative to the configuration")
}
