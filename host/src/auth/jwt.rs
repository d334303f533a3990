//! Keys and signatures, on the crate `jsonwebtoken`. Of the crate only the cryptography is used: its header has types where Node's
//! `jsonwebtoken` has none, and its rules for claims differ.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, crypto};
use serde_json::{Map, Value};

use super::error::{AuthError, TokenError};
use super::jwks::Jwks;
use super::key_files::{public_key, secret_file};
use super::token::Token;
use super::verification_key::{VerificationKey, fits};
use crate::config::{KeyConfig, KeySource};

/// The keys under one name: one, or several while one takes the place of another.
pub(super) struct Verifier {
    /// In the order of the configuration: the first one signs.
    sources: Vec<Source>,
}

enum Source {
    Key(Arc<VerificationKey>),
    Set(Jwks),
}

impl Verifier {
    pub(super) fn load(config: &KeyConfig) -> Result<Self, AuthError> {
        let algorithms = config.algorithms.iter().map(|name| algorithm(config, name)).collect::<Result<Vec<_>, _>>()?;
        let source = |source: &KeySource| match source {
            KeySource::Secret(secret) | KeySource::SecretBase64(secret) => secret_key(config, secret.reveal(), &algorithms),
            KeySource::SecretFile(path) => secret_key(config, &secret_file(&config.name, path)?, &algorithms),
            KeySource::PublicKey(path) => pem_key(config, path, &algorithms),
            KeySource::Jwks(path) => Jwks::load(&config.name, path, &algorithms).map(Source::Set),
        };
        Ok(Self { sources: config.sources.iter().map(source).collect::<Result<_, _>>()? })
    }

    /// Checks the signature of a token.
    pub(super) fn verify(&self, token: &Token<'_>, now: SystemTime) -> Result<(), TokenError> {
        let named: Vec<_> = self.sources.iter().flat_map(|source| source.named(token.key_id.as_deref(), now)).collect();
        if named.is_empty() {
            return Err(TokenError::Key("its `kid` names none of the keys".to_owned()));
        }
        // A token cannot choose an algorithm that its key does not take: not `none`, and no HMAC made with a public key.
        let chosen = token.algorithm.parse::<Algorithm>().ok();
        let fitting = named.iter().filter_map(|key| Some((key, chosen.filter(|chosen| key.algorithms.contains(chosen))?)));
        let mut refused = None;
        for (key, algorithm) in fitting {
            match crypto::verify(token.signature, token.message.as_bytes(), &key.key, algorithm) {
                Ok(true) => return Ok(()),
                Ok(false) => refused = Some("its signature was not made with this key".to_owned()),
                Err(_) => return Err(TokenError::Invalid("it is not a token: its signature is not base64".to_owned())),
            }
        }
        Err(TokenError::Signature(refused.unwrap_or_else(|| {
            let mut taken: Vec<_> = named.iter().flat_map(|key| &key.algorithms).map(|taken| format!("{taken:?}")).collect();
            taken.dedup();
            format!("its algorithm is {:?}, and this key takes {}", token.algorithm, taken.join(", "))
        })))
    }

    /// A token of these claims, signed with the first of the keys. None if that is a public key.
    pub(super) fn sign(&self, claims: &Map<String, Value>) -> Option<String> {
        let key = self.sources.first()?.signing_key()?;
        // The usual one, where the key takes it.
        let algorithm = key.algorithms.iter().find(|taken| **taken == Algorithm::HS256).or(key.algorithms.first())?;
        let header = Header { kid: key.id.clone(), ..Header::new(*algorithm) };
        let secret = EncodingKey::from_secret(key.key.try_get_as_bytes().ok()?);
        jsonwebtoken::encode(&header, claims, &secret).ok()
    }
}

impl Source {
    /// The keys that a token with this `kid` may mean. Only a set is asked for an id: the others have none.
    fn named(&self, id: Option<&str>, now: SystemTime) -> Vec<Arc<VerificationKey>> {
        match self {
            Self::Key(key) => vec![key.clone()],
            Self::Set(set) => set.named(id, now),
        }
    }

    fn signing_key(&self) -> Option<Arc<VerificationKey>> {
        let is_secret = |key: &Arc<VerificationKey>| key.key.family() == AlgorithmFamily::Hmac;
        match self {
            Self::Key(key) => Some(key.clone()).filter(is_secret),
            Self::Set(set) => set.keys().iter().find(|key| is_secret(key)).cloned(),
        }
    }
}

fn secret_key(config: &KeyConfig, secret: &[u8], algorithms: &[Algorithm]) -> Result<Source, AuthError> {
    one(config, DecodingKey::from_secret(secret), algorithms)
}

fn pem_key(config: &KeyConfig, path: &Path, algorithms: &[Algorithm]) -> Result<Source, AuthError> {
    one(config, public_key(&config.name, path)?, algorithms)
}

fn one(config: &KeyConfig, key: DecodingKey, algorithms: &[Algorithm]) -> Result<Source, AuthError> {
    let unfit = |algorithm: String| AuthError::Algorithm { key: config.name.clone(), algorithm };
    if let Some(other) = algorithms.iter().find(|algorithm| !fits(&key, **algorithm)) {
        return Err(unfit(format!("{other:?}")));
    }
    let key = VerificationKey::new(&config.name, None, key, algorithms);
    key.map(|key| Source::Key(Arc::new(key))).ok_or_else(|| unfit("any".to_owned()))
}

fn algorithm(config: &KeyConfig, name: &str) -> Result<Algorithm, AuthError> {
    name.parse().map_err(|_| AuthError::Algorithm { key: config.name.clone(), algorithm: name.to_owned() })
}
