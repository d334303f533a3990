//! Keys and signatures, on the crate `jsonwebtoken`. Claims are checked in `claims`, because the rules of the crate are not those of
//! Node.

use std::path::Path;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey, Header, Validation};

use super::claims::Claims;
use super::error::{AuthError, TokenError};
use crate::config::{KeyConfig, KeySource};
use crate::text_file;

/// The keys under one name.
pub(super) struct Verifier {
    keys: Vec<VerificationKey>,
    /// Whether the token chooses by its `kid`, as in a JWKS.
    chosen_by_id: bool,
}

struct VerificationKey {
    id: Option<String>,
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(super) fn load(config: &KeyConfig) -> Result<Self, AuthError> {
        let algorithms = config.algorithms.iter().map(|name| algorithm(config, name)).collect::<Result<Vec<_>, _>>()?;
        match &config.source {
            KeySource::Secret(secret) => Self::one(config, DecodingKey::from_secret(secret.reveal().as_bytes()), &algorithms),
            KeySource::PublicKey(path) => Self::one(config, public_key(config, path)?, &algorithms),
            KeySource::Jwks(path) => Self::set(config, path, &algorithms),
        }
    }

    /// The claims of a token whose signature matches.
    pub(super) fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        // Decoding reads the header, too; only a choice among keys needs it beforehand.
        let one = if self.chosen_by_id { self.chosen_key(token)? } else { self.keys.first() };
        let one = one.ok_or_else(|| TokenError::Key("its `kid` names none of the keys".to_owned()))?;
        let decoded = jsonwebtoken::decode::<Claims>(token, &one.key, &one.validation);
        let decoded = decoded.map_err(|error| match jsonwebtoken::decode_header(token) {
            Ok(header) => one.reason(&header, &error),
            Err(error) => not_a_token(&error),
        })?;
        if decoded.header.crit.is_some() {
            return Err(TokenError::Invalid("it requires extensions (`crit`), and this server has none".to_owned()));
        }
        Ok(decoded.claims)
    }

    /// The key that the token names. It may leave that out if there is only one.
    fn chosen_key(&self, token: &str) -> Result<Option<&VerificationKey>, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| not_a_token(&error))?;
        Ok(match (&header.kid, self.keys.as_slice()) {
            (Some(id), keys) => keys.iter().find(|one| one.id.as_ref() == Some(id)),
            (None, [one]) => Some(one),
            (None, _) => None,
        })
    }

    fn one(config: &KeyConfig, key: DecodingKey, algorithms: &[Algorithm]) -> Result<Self, AuthError> {
        if let Some(unfit) = algorithms.iter().find(|algorithm| !fits(&key, **algorithm)) {
            return Err(AuthError::Algorithm { key: config.name.clone(), algorithm: format!("{unfit:?}") });
        }
        match VerificationKey::new(None, key, algorithms) {
            Some(one) => Ok(Self { keys: vec![one], chosen_by_id: false }),
            None => Err(AuthError::Algorithm { key: config.name.clone(), algorithm: "any".into() }),
        }
    }

    /// Keys that no algorithm fits, or that are not for signatures, are left out: a set serves more than tokens.
    fn set(config: &KeyConfig, path: &Path, algorithms: &[Algorithm]) -> Result<Self, AuthError> {
        let unfit = |what: String| AuthError::Unfit { key: config.name.clone(), path: path.to_owned(), what };
        let text = read(config, path)?;
        let set: JwkSet = serde_json::from_str(&text).map_err(|error| unfit(format!("is not a JWKS: {error}")))?;
        let keys: Vec<_> = set.keys.iter().filter_map(|jwk| from_jwk(jwk, algorithms)).collect();
        if keys.is_empty() {
            return Err(unfit("has no public key that signatures could be verified with".to_owned()));
        }
        Ok(Self { keys, chosen_by_id: true })
    }
}

impl VerificationKey {
    /// A key with those of the algorithms, or of all that there are, that go with it. None if no algorithm does.
    fn new(id: Option<String>, key: DecodingKey, algorithms: &[Algorithm]) -> Option<Self> {
        let family = key.family();
        let asked = if algorithms.is_empty() { family.algorithms() } else { algorithms };
        let algorithms: Vec<_> = asked.iter().copied().filter(|algorithm| fits(&key, *algorithm)).collect();
        let mut validation = Validation::new(*algorithms.first()?);
        validation.algorithms = algorithms;
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        Some(Self { id, key, validation })
    }

    fn reason(&self, header: &Header, error: &Error) -> TokenError {
        match error.kind() {
            ErrorKind::InvalidAlgorithm => {
                let taken: Vec<_> = self.validation.algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect();
                TokenError::Signature(format!("its algorithm is {:?}, and this key takes {}", header.alg, taken.join(", ")))
            }
            ErrorKind::InvalidSignature => TokenError::Signature("its signature was not made with this key".to_owned()),
            _ => not_a_token(error),
        }
    }
}

/// A token of these claims. None, if the algorithm does not go with secrets.
pub(super) fn signed(secret: &str, algorithm: &str, claims: &Claims) -> Option<String> {
    let header = Header::new(algorithm.parse().ok()?);
    jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).ok()
}

fn not_a_token(error: &Error) -> TokenError {
    TokenError::Invalid(format!("it is not a token of a kind that is known here ({error})"))
}

fn algorithm(config: &KeyConfig, name: &str) -> Result<Algorithm, AuthError> {
    name.parse().map_err(|_| AuthError::Algorithm { key: config.name.clone(), algorithm: name.to_owned() })
}

fn from_jwk(jwk: &Jwk, algorithms: &[Algorithm]) -> Option<VerificationKey> {
    if matches!(&jwk.common.public_key_use, Some(other) if *other != PublicKeyUse::Signature) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok().filter(|key| key.family() != AlgorithmFamily::Hmac)?;
    // A key that names its algorithm is used with no other.
    let own = jwk.common.key_algorithm.map(|own| own.to_string().parse::<Algorithm>());
    let algorithms = match own {
        None => algorithms.to_vec(),
        Some(Ok(own)) if algorithms.is_empty() || algorithms.contains(&own) => vec![own],
        Some(_) => return None,
    };
    VerificationKey::new(jwk.common.key_id.clone(), key, &algorithms)
}

/// Whether the key can be used with the algorithm at all: its family, its curve. The signature that is tried here need not match.
fn fits(key: &DecodingKey, algorithm: Algorithm) -> bool {
    key.family() == algorithm.family() && jsonwebtoken::crypto::verify("AAAA", b"", key, algorithm).is_ok()
}

fn public_key(config: &KeyConfig, path: &Path) -> Result<DecodingKey, AuthError> {
    let text = read(config, path)?;
    let pem = text.as_bytes();
    let key =
        DecodingKey::from_rsa_pem(pem).or_else(|_| DecodingKey::from_ec_pem(pem)).or_else(|_| DecodingKey::from_ed_pem(pem));
    key.map_err(|_| AuthError::Unfit {
        key: config.name.clone(),
        path: path.to_owned(),
        what: "is not a PEM file with a public key (RSA, P-256, P-384 or Ed25519)".to_owned(),
    })
}

fn read(config: &KeyConfig, path: &Path) -> Result<String, AuthError> {
    text_file::read(path).map_err(|source| AuthError::Read { key: config.name.clone(), path: path.to_owned(), source })
}
