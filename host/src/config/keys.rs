//! `[keys.<name>]`: the keys that tokens are verified with. Plugins use a key by its name and never see it.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::field::Field::{Custom, Duration as Time};
use super::key_spec::KeySpec;
use super::paths::{existing_file, shown};
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, once, text, word};

const HMAC: [&str; 3] = ["HS256", "HS384", "HS512"];
const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const LEEWAYS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);
/// Shown in the place of a secret.
const REDACTED: &str = "<redacted>";
const SOURCES: &str = "give it one of `secret`, `public_key` and `jwks`";

/// `[keys.<name>]`.
pub(super) const KEYS: &[KeySpec<KeyConfig>] = &[
    KeySpec::new(
        "secret",
        |key: &mut KeyConfig| Custom { kind: "text", value: key.source.redacted() },
        "the secret that tokens are signed with (HS256, HS384, HS512): 32 random bytes or more, and not in this file but in a variable. Without a file the variable JWT_SECRET is the secret of the key `default`",
    )
    .example("\"${JWT_SECRET}\""),
    KeySpec::new(
        "public_key",
        |key: &mut KeyConfig| Custom { kind: "PEM file", value: key.source.public_key() },
        "instead of a secret: the public key that belongs to the signing key (RSA, ECDSA or Ed25519)",
    )
    .example("\"key.pem\""),
    KeySpec::new(
        "jwks",
        |key: &mut KeyConfig| Custom { kind: "JSON file", value: key.source.jwks() },
        "instead of a secret: several public keys, found by the token's `kid`",
    )
    .example("\"jwks.json\""),
    KeySpec::new(
        "algorithms",
        |key: &mut KeyConfig| Custom { kind: ALGORITHMS_KIND, value: listed(&key.algorithms) },
        "the only algorithms that are accepted, whatever the header of a token says; without this key, all that fit the key",
    )
    .example("[\"HS256\"]"),
    KeySpec::new(
        "issuer",
        |key: &mut KeyConfig| Custom { kind: "text or list of texts", value: listed(&key.issuer) },
        "the token's `iss` must be one of these",
    )
    .example("[\"https://id.example.com\"]"),
    KeySpec::new(
        "audience",
        |key: &mut KeyConfig| Custom { kind: "text or list of texts", value: listed(&key.audience) },
        "the token's `aud` must name one of these",
    )
    .example("[\"chat\"]"),
    KeySpec::new(
        "leeway",
        |key: &mut KeyConfig| Time(&mut key.leeway, LEEWAYS),
        "how far clocks may differ when `exp` and `nbf` are checked",
    ),
];
/// As in [`ALGORITHMS`], which a test compares.
const ALGORITHMS_KIND: &str = "list of HS256, HS384, HS512, RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";

/// One key, and what its tokens must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyConfig {
    /// The name of its table, by which plugins name the key.
    pub name: String,
    /// The key itself.
    pub source: KeySource,
    /// The only algorithms that are accepted, whatever the header of a token says. Empty: all that fit the key.
    pub algorithms: Vec<String>,
    /// If not empty: the token's `iss` must be one of these.
    pub issuer: Vec<String>,
    /// If not empty: the token's `aud` must name one of these.
    pub audience: Vec<String>,
    /// How far clocks may differ when `exp` and `nbf` are checked. Default none.
    pub leeway: Duration,
}

/// The kind of a key, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// `secret`: shared with the program that makes the tokens.
    Secret(Secret),
    /// `public_key`: a PEM file.
    PublicKey(PathBuf),
    /// `jwks`: a JSON file with several public keys, told apart by `kid`.
    Jwks(PathBuf),
}

impl KeySource {
    fn redacted(&self) -> Option<Value> {
        matches!(self, Self::Secret(secret) if !secret.reveal().is_empty()).then(|| REDACTED.into())
    }

    fn public_key(&self) -> Option<Value> {
        if let Self::PublicKey(path) = self { shown(path) } else { None }
    }

    fn jwks(&self) -> Option<Value> {
        if let Self::Jwks(path) = self { shown(path) } else { None }
    }
}

/// A text that must not be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for making a key of it and for nothing else.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl KeyConfig {
    /// A key with a shared secret, and defaults.
    pub(crate) fn secret(name: &str, secret: Secret) -> Self {
        Self {
            name: name.to_owned(),
            source: KeySource::Secret(secret),
            algorithms: Vec::new(),
            issuer: Vec::new(),
            audience: Vec::new(),
            leeway: Duration::ZERO,
        }
    }
}

/// Every key of the file.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path) -> Vec<KeyConfig> {
    let parent = reader.section(root, "keys");
    let sections = reader.named(&parent);
    let mut keys = Vec::new();
    for (name, mut section) in sections {
        keys.extend(key(reader, &parent.key(name), name, &mut section, file));
        reader.close(section);
    }
    keys
}

fn key(reader: &mut Reader<'_>, path: &str, name: &str, section: &mut Section<'_>, file: &Path) -> Option<KeyConfig> {
    let (mut secret_source, mut pem, mut jwks) = (None, None, None);
    reader.set(section, "secret", &mut secret_source, |raw| secret(raw).map(|text| Some(KeySource::Secret(text))));
    reader.set(section, "public_key", &mut pem, |raw| existing(raw, file).map(|path| Some(KeySource::PublicKey(path))));
    reader.set(section, "jwks", &mut jwks, |raw| existing(raw, file).map(|path| Some(KeySource::Jwks(path))));
    let mut into = KeyConfig::secret(name, Secret::new(String::new()));
    reader.read(section, KEYS, &mut into);
    if let Some(entry) = reader.entry(section, "algorithms") {
        let mut seen = Vec::new();
        let names = reader.items(&entry, |raw| once(&mut seen, word(raw, &ALGORITHMS, "signature algorithm")?));
        if names.is_empty() {
            reader.problem(&entry.key, Problem::new("the list names no algorithm", "name one, or leave the key out"));
        }
        into.algorithms = names.into_iter().map(str::to_owned).collect();
    }
    for (name, target) in [("issuer", &mut into.issuer), ("audience", &mut into.audience)] {
        if let Some(entry) = reader.entry(section, name) {
            *target = reader.items(&entry, text);
            if target.is_empty() {
                reader.problem(&entry.key, Problem::new("the list is empty", "name one, or leave the key out"));
            }
        }
    }
    let given = ["secret", "public_key", "jwks"].iter().filter(|name| reader.has(&format!("{path}.{name}"))).count();
    if given != 1 && section.is_there() {
        let problem = if given == 0 { "the key itself is missing" } else { "there are several keys of one name" };
        reader.problem(path, Problem::new(problem, SOURCES));
    }
    // What could not be read is reported already: the configuration is refused, and this key is left out.
    into.source = secret_source.or(pem).or(jwks)?;
    check_fit(reader, path, &into);
    Some(into)
}

/// A secret goes with HMAC, a public key never does: else anybody who has the public key could sign with it.
fn check_fit(reader: &mut Reader<'_>, path: &str, key: &KeyConfig) {
    let (is_secret, fits) = match &key.source {
        KeySource::Secret(_) => (true, "use HS256, HS384 or HS512 with a secret"),
        KeySource::PublicKey(_) | KeySource::Jwks(_) => (false, "use one of RS, PS, ES or EdDSA with public keys"),
    };
    if let Some(problem) = key.algorithms.iter().find(|name| HMAC.contains(&name.as_str()) != is_secret) {
        reader.problem(&format!("{path}.algorithms"), Problem::new(format!("{problem:?} does not fit this key"), fits));
    }
}

/// The message of a problem never shows the secret.
fn secret(raw: &RawValue) -> Result<Secret, Problem> {
    let written = text(raw).map_err(|_| Problem::new("the secret is not a string", "write it like \"${JWT_SECRET}\""))?;
    check_secret(&written)?;
    Ok(Secret::new(written))
}

/// Refuses what cannot be a secret.
pub(super) fn check_secret(written: &str) -> Result<(), Problem> {
    if written.trim().is_empty() {
        return Err(Problem::new("the secret is empty", "anybody could sign with it; set a long random one"));
    }
    if written.contains("-----BEGIN") {
        return Err(Problem::new("the secret is a PEM key", "anybody who has it could sign; write public_key = \"<file>\""));
    }
    Ok(())
}

fn existing(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    existing_file(file, &text(raw)?, "correct the path, which is relative to the configuration")
}

fn listed(names: &[String]) -> Option<Value> {
    (!names.is_empty()).then(|| names.into())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_description_of_algorithms_names_every_one() {
        assert_eq!(super::ALGORITHMS_KIND, format!("list of {}", super::ALGORITHMS.join(", ")));
    }
}
