//! A JWKS file: several keys, of which a token names one by its `kid`.
//!
//! The file is read again when a token names a key that is not in it, as an issuer adds a key before it signs with it. That happens
//! on the connection's own thread, because the token waits for the answer, and is bounded for that: one small file on this machine,
//! at most once in [`PAUSE`], however many tokens name whatever keys; and only a file that has changed is parsed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;

use super::error::AuthError;
use super::key_files::{read_text, unfit};
use super::token::id_text;
use super::verification_key::VerificationKey;
use crate::text_file;

/// From one reading for an unknown key to the next.
const PAUSE: Duration = Duration::from_secs(10);
/// What makes a key. The other members may be of any type.
const PARTS: [&str; 7] = ["kty", "crv", "n", "e", "x", "y", "k"];

type KeySet = Vec<Arc<VerificationKey>>;

/// The keys of a file.
pub(super) struct Jwks {
    /// The name of the key in the configuration.
    name: String,
    path: PathBuf,
    algorithms: Vec<Algorithm>,
    keys: ArcSwap<KeySet>,
    /// Held while the file is read: tokens that name unknown keys meanwhile wait for what comes of it.
    last: Mutex<LastRead>,
}

struct LastRead {
    content: Result<String, String>,
    /// When the file was last read for an unknown key.
    at: Option<SystemTime>,
}

impl Jwks {
    pub(super) fn load(name: &str, path: &Path, algorithms: &[Algorithm]) -> Result<Self, AuthError> {
        let content = read_text(name, path)?;
        let keys = parse(name, &content, algorithms).map_err(|what| unfit(name, path, what))?;
        Ok(Self {
            name: name.to_owned(),
            path: path.to_owned(),
            algorithms: algorithms.to_vec(),
            keys: ArcSwap::from_pointee(keys),
            last: Mutex::new(LastRead { content: Ok(content), at: None }),
        })
    }

    pub(super) fn keys(&self) -> Arc<KeySet> {
        self.keys.load_full()
    }

    /// The keys with this id. A token may leave it out if there is only one key.
    pub(super) fn named(&self, id: Option<&str>, now: SystemTime) -> KeySet {
        let Some(id) = id else {
            let keys = self.keys();
            return if keys.len() == 1 { keys.to_vec() } else { KeySet::new() };
        };
        let found = self.find(id);
        if !found.is_empty() {
            return found;
        }
        self.read_again(now);
        self.find(id)
    }

    fn find(&self, id: &str) -> KeySet {
        self.keys.load().iter().filter(|key| key.id.as_deref() == Some(id)).cloned().collect()
    }

    /// Takes over what has changed in the file. A file that cannot be used leaves the keys as they are.
    fn read_again(&self, now: SystemTime) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |at: SystemTime| now.duration_since(at).unwrap_or(PAUSE);
        if last.at.is_some_and(|at| since(at) < PAUSE) {
            return;
        }
        last.at = Some(now);
        let content = text_file::read(&self.path).map_err(|error| error.to_string());
        if content == last.content {
            return;
        }
        let read = content.as_ref().map_err(String::clone);
        let parsed = read.and_then(|content| parse(&self.name, content, &self.algorithms));
        let (key, path) = (&self.name, self.path.display());
        match parsed {
            Ok(keys) => {
                tracing::info!(key, %path, keys = keys.len(), "the JWKS file has changed and was read again");
                self.keys.store(Arc::new(keys));
            }
            Err(reason) => {
                tracing::warn!(key, %path, reason, "the JWKS file cannot be used; the keys that were read before stay")
            }
        }
        last.content = content;
    }
}

/// Keys that no algorithm fits, or that are not for signatures, are left out: a set serves more than tokens.
fn parse(name: &str, content: &str, algorithms: &[Algorithm]) -> Result<KeySet, String> {
    let set: Value = serde_json::from_str(content).map_err(|error| format!("is not a JWKS: {error}"))?;
    let list = set.get("keys").and_then(Value::as_array).ok_or("is not a JWKS: it has no list `keys`")?;
    let keys: KeySet = list.iter().filter_map(|jwk| from_jwk(name, jwk, algorithms)).map(Arc::new).collect();
    if keys.is_empty() { Err("has no key that signatures could be verified with".to_owned()) } else { Ok(keys) }
}

fn from_jwk(name: &str, jwk: &Value, algorithms: &[Algorithm]) -> Option<VerificationKey> {
    let member = |name: &str| jwk.get(name).filter(|value| !value.is_null());
    if member("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let parts = PARTS.iter().filter_map(|part| Some(((*part).to_owned(), member(part)?.clone())));
    let made: Jwk = serde_json::from_value(Value::Object(parts.collect())).ok()?;
    let key = DecodingKey::from_jwk(&made).ok()?;
    // Anybody could sign with an empty secret.
    if key.try_get_as_bytes().is_ok_and(<[u8]>::is_empty) {
        return None;
    }
    // A key that names its algorithm is used with no other.
    let own = match member("alg") {
        None => return VerificationKey::new(name, member("kid").map(id_text), key, algorithms),
        Some(own) => own.as_str()?.parse::<Algorithm>().ok()?,
    };
    let is_taken = algorithms.is_empty() || algorithms.contains(&own);
    if is_taken { VerificationKey::new(name, member("kid").map(id_text), key, &[own]) } else { None }
}
