//! Hostile tokens first, then what Node's `jsonwebtoken` would accept. The fixtures' private keys exist nowhere any more.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use innkeeper_contract::limits::TOKEN_BYTES_MAX;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::{Claims, Keys, TokenError, sign};
use crate::config::{KeyConfig, KeySource, Secret};

const SECRET: &str = "a secret that is long enough not to be guessed";
const RS256: &str = include_str!("fixtures/rs256.jwt");
const ES256: &str = include_str!("fixtures/es256.jwt");
const RSA_PEM: &str = include_str!("fixtures/rsa.pem");
const NOW: u64 = 1_700_000_000;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/auth/fixtures").join(name)
}

fn key(source: KeySource) -> KeyConfig {
    KeyConfig { source, ..secret(SECRET) }
}

fn secret(text: &str) -> KeyConfig {
    KeyConfig::secret("k", Secret::new(text.to_owned()))
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn verify(config: &KeyConfig, token: &str) -> Result<Claims, String> {
    let keys = Keys::load(std::slice::from_ref(config)).expect("the key can be used");
    keys.verify("k", token, at(NOW)).map_err(|refused| refused.to_string())
}

fn signed(config: &KeyConfig, claims: Value) -> String {
    let KeySource::Secret(secret) = &config.source else { return String::new() };
    let key = EncodingKey::from_secret(secret.reveal().as_bytes());
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a secret signs")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[test]
fn a_token_without_a_signature_is_refused_however_it_is_spelled() {
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let token = format!("{}.{}.", part(&json!({"alg": algorithm})), part(&json!({"userId": 1})));
        assert!(verify(&secret(SECRET), &token).is_err(), "{algorithm}");
    }
    let good = signed(&secret(SECRET), json!({"userId": 1}));
    let (message, _) = good.rsplit_once('.').expect("three parts");
    for token in [message.to_owned(), format!("{message}."), format!("{good}."), format!("{good}A"), format!(".{good}")] {
        assert!(verify(&secret(SECRET), &token).is_err(), "{token}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let long = "a".repeat(100_000);
    for token in ["", ".", "..", "...", "a.b.c", "\u{0}", "ü.ü.ü", " ", long.as_str()] {
        assert!(verify(&secret(SECRET), token).is_err(), "{token:.20}");
    }
}

#[test]
fn a_token_has_so_many_bytes_and_no_more() {
    let of_length = |length: usize| {
        // Three bytes of claims are four of the token.
        let near = (length - 200) * 3 / 4;
        let mut tokens = (near..).map(|filler| signed(&secret(SECRET), json!({"filler": "x".repeat(filler)})));
        tokens.find(|token| token.len() >= length).filter(|token| token.len() == length).expect("a token of this length")
    };
    assert!(verify(&secret(SECRET), &of_length(TOKEN_BYTES_MAX)).is_ok());
    let refused = verify(&secret(SECRET), &of_length(TOKEN_BYTES_MAX + 1)).expect_err("it is too long");
    assert!(refused.contains(&format!("more than {TOKEN_BYTES_MAX} bytes")), "{refused}");
}

#[test]
fn a_public_key_used_as_a_secret_signs_nothing() {
    for text in [RSA_PEM, RSA_PEM.trim()] {
        let token = signed(&secret(text), json!({"userId": 1}));
        assert!(verify(&key(KeySource::PublicKey(file("rsa.pem"))), &token).is_err());
        assert!(verify(&key(KeySource::Jwks(file("keys.json"))), &token).is_err());
    }
    // The set has an HMAC key, which is nothing for a set of public keys.
    let token = signed(&secret("secret"), json!({"userId": 1}));
    assert!(verify(&key(KeySource::Jwks(file("keys.json"))), &token).is_err());
}

#[test]
fn the_key_chooses_the_algorithm_and_not_the_token() {
    let strong = KeyConfig { algorithms: vec!["HS512".into()], ..secret(SECRET) };
    let token = signed(&secret(SECRET), json!({"userId": 1}));
    assert!(verify(&secret(SECRET), &token).is_ok());
    assert!(verify(&strong, &token).is_err());
    assert!(verify(&secret(SECRET), RS256).is_err());
    assert!(verify(&key(KeySource::PublicKey(file("ec.pem"))), RS256).is_err());
    let other = KeyConfig { algorithms: vec!["PS256".into()], ..key(KeySource::PublicKey(file("rsa.pem"))) };
    assert!(verify(&other, RS256).is_err());
}

#[test]
fn a_wrong_secret_and_changed_claims_are_refused() {
    let token = signed(&secret(SECRET), json!({"userId": 1}));
    assert!(verify(&secret("another secret, which is just as long"), &token).is_err());
    let parts: Vec<_> = token.split('.').collect();
    let [header, _, signature] = parts.as_slice() else { return assert_eq!(parts.len(), 3) };
    assert!(verify(&secret(SECRET), &format!("{header}.{}.{signature}", part(&json!({"userId": 2})))).is_err());
}

#[test]
fn times_are_checked_as_node_does() {
    let told = |claims: Value| verify(&secret(SECRET), &signed(&secret(SECRET), claims)).map(|_| ());
    assert_eq!(told(json!({"exp": NOW})), Err("it has expired".into()));
    assert_eq!(told(json!({"exp": NOW + 1})), Ok(()));
    assert_eq!(told(json!({"exp": -1})), Err("it has expired".into()));
    assert_eq!(told(json!({"nbf": NOW + 1})), Err("it is not valid yet".into()));
    assert_eq!(told(json!({"nbf": NOW})), Ok(()));
    assert_eq!(told(json!({})), Ok(()));
    for odd in [json!("9999999999"), json!(null), json!([]), json!({})] {
        assert_eq!(told(json!({"exp": odd})), Err("`exp` is not a number".into()));
        assert_eq!(told(json!({"nbf": odd})), Err("`nbf` is not a number".into()));
    }
    let patient = KeyConfig { leeway: Duration::from_secs(5), ..secret(SECRET) };
    assert!(verify(&patient, &signed(&patient, json!({"exp": NOW - 4, "nbf": NOW + 5}))).is_ok());
    assert!(verify(&patient, &signed(&patient, json!({"exp": NOW - 5}))).is_err());
}

#[test]
fn issuer_and_audience_must_be_there_if_they_are_configured() {
    let strict = KeyConfig { issuer: vec!["us".into()], audience: vec!["app".into(), "web".into()], ..secret(SECRET) };
    let passes = |claims: Value| verify(&strict, &signed(&strict, claims)).is_ok();
    for claims in [json!({}), json!({"iss": "us"}), json!({"iss": "them", "aud": "app"}), json!({"iss": ["us"], "aud": "app"})] {
        assert!(!passes(claims.clone()), "{claims}");
    }
    assert!(!passes(json!({"iss": "us", "aud": []})));
    assert!(passes(json!({"iss": "us", "aud": "app"})));
    assert!(passes(json!({"iss": "us", "aud": ["other", "web"]})));
    assert!(verify(&secret(SECRET), &signed(&secret(SECRET), json!({"aud": "anyone"}))).is_ok());
}

#[test]
fn public_keys_and_sets_of_them_verify() {
    for (name, token) in [("rsa.pem", RS256), ("ec.pem", ES256)] {
        let claims = verify(&key(KeySource::PublicKey(file(name))), token).expect("it is valid");
        assert_eq!(claims.get("userId"), Some(&json!(7)));
        assert!(verify(&key(KeySource::Jwks(file("keys.json"))), token).is_ok());
    }
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_start_by_name() {
    let told = |config: KeyConfig| Keys::load(&[config]).err().expect("it cannot be used").to_string();
    assert!(told(key(KeySource::PublicKey(file("keys.json")))).contains("is not a PEM file"));
    assert!(told(key(KeySource::Jwks(file("rsa.pem")))).contains("is not a JWKS"));
    assert!(told(key(KeySource::PublicKey(file("nowhere.pem")))).starts_with("keys.k: cannot read"));
    let curve = KeyConfig { algorithms: vec!["ES384".into()], ..key(KeySource::PublicKey(file("ec.pem"))) };
    assert_eq!(told(curve), "keys.k: the algorithm \"ES384\" does not go with this key");
}

#[test]
fn an_unknown_key_is_no_invalid_token_and_no_secret_is_shown() {
    let refused = Keys::default().verify("other", "token", at(NOW)).expect_err("there are no keys");
    assert!(matches!(refused, TokenError::UnknownKey(name) if name == "other"));
    let shown = format!("{:?}", secret(SECRET));
    assert!(shown.contains("[redacted]") && !shown.contains(SECRET), "{shown}");
}

#[test]
fn what_is_signed_with_a_key_passes_it_and_no_other() {
    let claims = json!({"userId": "ann", "exp": NOW + 1}).as_object().cloned().expect("an object");
    let strict = KeyConfig {
        algorithms: vec!["HS384".into(), "HS512".into()],
        issuer: vec!["us".into()],
        audience: vec!["app".into(), "web".into()],
        ..secret(SECRET)
    };
    for config in [secret(SECRET), KeyConfig { algorithms: vec!["HS512".into(), "HS256".into()], ..secret(SECRET) }, strict] {
        let token = sign(&config, claims.clone()).expect("a secret signs");
        assert_eq!(verify(&config, &token).expect("it passes").get("userId"), Some(&json!("ann")));
        assert!(verify(&KeyConfig { algorithms: config.algorithms.clone(), ..secret("another one") }, &token).is_err());
    }
    let told = sign(&key(KeySource::PublicKey(file("rsa.pem"))), claims).expect_err("a public key signs nothing").to_string();
    assert!(told.starts_with("keys.k is a public key"), "{told}");
}

#[test]
fn a_refusal_names_the_algorithm_or_the_key_for_the_operator() {
    let strong = KeyConfig { algorithms: vec!["HS512".into()], ..secret(SECRET) };
    let token = signed(&secret(SECRET), json!({"userId": 1}));
    assert_eq!(verify(&strong, &token), Err("its algorithm is HS256, and this key takes HS512".into()));
    assert_eq!(verify(&secret("another"), &token), Err("its signature was not made with this key".into()));
}

#[test]
fn each_refusal_has_its_reason() {
    let kind = |config: &KeyConfig, token: &str| {
        let keys = Keys::load(std::slice::from_ref(config)).expect("the key can be used");
        match keys.verify("k", token, at(NOW)).expect_err("a refused token") {
            TokenError::UnknownKey(_) => "unknown",
            TokenError::Expired { .. } => "expired",
            TokenError::NotBefore { .. } => "not-before",
            TokenError::Signature(_) => "signature",
            TokenError::Claims(_) => "claims",
            TokenError::Key(_) => "key",
            TokenError::Invalid(_) => "invalid",
        }
    };
    let (ours, other) = (secret(SECRET), secret("another secret that is long enough as well"));
    assert_eq!(kind(&ours, &signed(&ours, json!({"exp": NOW - 1}))), "expired");
    assert_eq!(kind(&ours, &signed(&ours, json!({"nbf": NOW + 1}))), "not-before");
    assert_eq!(kind(&ours, &signed(&other, json!({}))), "signature");
    assert_eq!(kind(&ours, RS256.trim()), "signature");
    assert_eq!(kind(&ours, &signed(&ours, json!({"exp": "soon"}))), "claims");
    assert_eq!(kind(&KeyConfig { issuer: vec!["us".to_owned()], ..ours.clone() }, &signed(&ours, json!({}))), "claims");
    assert_eq!(kind(&ours, "a.b"), "invalid");
}
