//! `[keys.<name>]`: the keys that tokens are verified with. Plugins use a key by its name and never see it.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::field::Field::{Custom, Duration as Time};
use super::key_source::{KeySource, SOURCES, Secret};
use super::key_spec::KeySpec;
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{once, text, word};

const HMAC: [&str; 3] = ["HS256", "HS384", "HS512"];
const ALGORITHMS: [&str; 12] =
    ["HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];
const LEEWAYS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);
const ONE_SOURCE: &str =
    "give it one of `secret`, `secret_base64`, `secret_file`, `public_key` and `jwks`; for several keys at once, a list";

/// `[keys.<name>]`.
pub(super) const KEYS: &[KeySpec<KeyConfig>] = &[
    KeySpec::new(
        "secret",
        |key: &mut KeyConfig| Custom { kind: "text or list of texts", value: key.written(KeySource::secret) },
        "the secret that tokens are signed with (HS256, HS384, HS512): 32 random bytes or more, and not in this file but in a variable. Without a file the variable JWT_SECRET is the secret of the key `default`. Each of these keys of the table may be a list, so that tokens of an old key stay valid while a new one takes over: all keys of the list verify, and `innkeeper token` signs with the first",
    )
    .example("\"${JWT_SECRET}\""),
    KeySpec::new(
        "secret_base64",
        |key: &mut KeyConfig| Custom { kind: "base64 or list of it", value: key.written(KeySource::secret_base64) },
        "instead of `secret`: a secret that is bytes, in base64 or base64url, as for Node's Buffer.from(secret, 'base64')",
    )
    .example("\"${JWT_SECRET}\""),
    KeySpec::new(
        "secret_file",
        |key: &mut KeyConfig| Custom { kind: "file or list of files", value: key.written(KeySource::secret_file) },
        "instead of `secret`: a file whose bytes are the secret, all of them; a line break at its end is part of the secret, and reported in the log",
    )
    .example("\"secret.key\""),
    KeySpec::new(
        "public_key",
        |key: &mut KeyConfig| Custom { kind: "PEM file or list of files", value: key.written(KeySource::public_key) },
        "instead of a secret: the public key that belongs to the signing key (RSA, ECDSA or Ed25519)",
    )
    .example("\"key.pem\""),
    KeySpec::new(
        "jwks",
        |key: &mut KeyConfig| Custom { kind: "JSON file or list of files", value: key.written(KeySource::jwks) },
        "instead of a secret: several keys, found by the token's `kid`; public keys, or secrets (`oct`). The file is read again when a token names a key that is not in it, at most every 10 s; a key that is taken out stays valid until then",
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
    /// The key itself, or several of which each is valid; the first one signs.
    pub sources: Vec<KeySource>,
    /// The only algorithms that are accepted, whatever the header of a token says. Empty: all that fit the key.
    pub algorithms: Vec<String>,
    /// If not empty: the token's `iss` must be one of these.
    pub issuer: Vec<String>,
    /// If not empty: the token's `aud` must name one of these.
    pub audience: Vec<String>,
    /// How far clocks may differ when `exp` and `nbf` are checked. Default none.
    pub leeway: Duration,
}

impl KeyConfig {
    /// A key with a shared secret, and defaults.
    pub(crate) fn secret(name: &str, secret: Secret) -> Self {
        Self {
            name: name.to_owned(),
            sources: vec![KeySource::Secret(secret)],
            algorithms: Vec::new(),
            issuer: Vec::new(),
            audience: Vec::new(),
            leeway: Duration::ZERO,
        }
    }

    /// The sources of one kind as the file would have them.
    fn written(&self, kind: fn(&KeySource) -> Option<Value>) -> Option<Value> {
        let mut values: Vec<_> = self.sources.iter().filter_map(kind).collect();
        if values.len() > 1 { Some(values.into()) } else { values.pop() }
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
    let (mut sources, mut given) = (Vec::new(), 0);
    for (name, read) in SOURCES {
        if let Some(entry) = reader.entry(section, name) {
            given += 1;
            sources.extend(reader.items(&entry, |raw| read(raw, file)));
            if entry.is_empty_list() {
                reader.problem(&entry.key, Problem::new("the list names no key", "name one, or leave the key out"));
            }
        }
    }
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
    if given != 1 && section.is_there() {
        let problem = if given == 0 { "the key itself is missing" } else { "there are several keys of one name" };
        reader.problem(path, Problem::new(problem, ONE_SOURCE));
    }
    // What could not be read is reported already: the configuration is refused, and this key is left out.
    if sources.is_empty() {
        return None;
    }
    into.sources = sources;
    check_fit(reader, path, &into);
    Some(into)
}

/// A secret goes with HMAC, a public key never does: else anybody who has the public key could sign with it. A JWKS has keys of
/// both kinds, each with its own algorithms.
fn check_fit(reader: &mut Reader<'_>, path: &str, key: &KeyConfig) {
    let (is_secret, fits) = match key.sources.first() {
        Some(KeySource::PublicKey(_)) => (false, "use one of RS, PS, ES or EdDSA with public keys"),
        None | Some(KeySource::Jwks(_)) => return,
        Some(_) => (true, "use HS256, HS384 or HS512 with a secret"),
    };
    if let Some(problem) = key.algorithms.iter().find(|name| HMAC.contains(&name.as_str()) != is_secret) {
        reader.problem(&format!("{path}.algorithms"), Problem::new(format!("{problem:?} does not fit this key"), fits));
    }
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
