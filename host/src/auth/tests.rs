//! Hostile tokens first, then what Node's `jsonwebtoken` would accept. The fixtures' private keys exist nowhere any more.
#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use innkeeper_contract::limits::TOKEN_BYTES_MAX;
use jsonwebtoken::{Algorithm, EncodingKey, Header, crypto};
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
    KeyConfig { sources: vec![source], ..secret(SECRET) }
}

fn secret(text: &str) -> KeyConfig {
    KeyConfig::secret("k", Secret::new(text))
}

/// A file that ends with the test.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let file = Self(std::env::temp_dir().join(format!("innkeeper-auth-{}-{name}", std::process::id())));
        file.write(content);
        file
    }

    fn write(&self, content: impl AsRef<[u8]>) {
        std::fs::write(&self.0, content).expect("the folder for temporary files can be written to");
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _gone = std::fs::remove_file(&self.0);
    }
}

/// A JWKS of secrets, each with its id.
fn jwks(keys: &[(Value, &str)]) -> String {
    let jwk = |(id, secret): &(Value, &str)| json!({"kty": "oct", "kid": id, "k": URL_SAFE_NO_PAD.encode(secret), "x5c": 5});
    json!({"keys": keys.iter().map(jwk).collect::<Vec<_>>()}).to_string()
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn load(config: &KeyConfig) -> Keys {
    Keys::load(std::slice::from_ref(config)).expect("the key can be used")
}

fn verify(config: &KeyConfig, token: &str) -> Result<Claims, String> {
    let claims = load(config).verify("k", token, at(NOW)).map_err(|refused| refused.to_string())?;
    Ok(serde_json::from_str(&claims).expect("a JSON object"))
}

fn signed(config: &KeyConfig, claims: Value) -> String {
    let Some(KeySource::Secret(secret)) = config.sources.first() else { return String::new() };
    let key = EncodingKey::from_secret(secret.reveal());
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a secret signs")
}

/// A token with any header and any claims, as text.
fn spelled(secret: &str, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(secret.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a secret signs");
    format!("{message}.{signature}")
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
    // The set has a secret, too: only a token that names it is verified with it.
    let set = key(KeySource::Jwks(file("keys.json")));
    assert!(verify(&set, &signed(&secret("secret"), json!({"userId": 1}))).is_err());
    assert!(verify(&set, &spelled("secret", r#"{"alg":"HS256","kid":"oct"}"#, "{}")).is_ok());
    for header in [r#"{"alg":"HS256","kid":"rsa"}"#, r#"{"alg":"HS256","kid":"enc"}"#, r#"{"alg":"RS256","kid":"oct"}"#] {
        assert!(verify(&set, &spelled("secret", header, "{}")).is_err(), "{header}");
        assert!(verify(&set, &spelled(RSA_PEM, header, "{}")).is_err(), "{header}");
    }
}

#[test]
fn an_empty_secret_in_a_set_is_no_key() {
    let file = TempFile::new("empty.json", jwks(&[(json!("none"), ""), (json!("good"), SECRET)]));
    let set = key(KeySource::Jwks(file.0.clone()));
    assert!(verify(&set, &spelled("", r#"{"alg":"HS256","kid":"none"}"#, "{}")).is_err());
    assert!(verify(&set, &spelled(SECRET, r#"{"alg":"HS256","kid":"good"}"#, "{}")).is_ok());
}

#[test]
fn of_the_header_only_the_algorithm_and_the_key_id_count() {
    let odd = [
        r#""kid":7"#,
        r#""kid":null"#,
        r#""kid":{}"#,
        r#""nonce":5"#,
        r#""typ":null"#,
        r#""typ":["JWT"]"#,
        r#""cty":1.5"#,
        r#""x5c":"one""#,
        r#""x5t":{}"#,
        r#""jku":false"#,
        r#""jwk":"none""#,
        r#""zip":0"#,
        r#""enc":[]"#,
        r#""x":"\ud800""#,
        r#""n":1e999"#,
        r#""crit":null"#,
    ];
    for member in odd {
        let token = spelled(SECRET, &format!(r#"{{"alg":"HS256",{member}}}"#), r#"{"userId":1}"#);
        assert!(verify(&secret(SECRET), &token).is_ok(), "{member}");
    }
    for header in [
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
        r#"{"alg":"HS256","crit":"\ud800"}"#,
        r#"{"alg":7}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":null}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"hs256"}"#,
        "{}",
        "[]",
        "7",
        "",
    ] {
        assert!(verify(&secret(SECRET), &spelled(SECRET, header, "{}")).is_err(), "{header}");
    }
}

#[test]
fn claims_are_of_any_type_and_as_the_issuer_wrote_them() {
    let keys = load(&secret(SECRET));
    for claims in [
        r#"{"sub":5,"jti":7,"iss":null,"aud":{"a":[1.50]},"iat":"then"}"#,
        r#"{"name":"\ud83d","n":1e999,"id":12345678901234567890123}"#,
        r#"{ "b": 1, "a": 2, "b": 3 }"#,
        "{}",
    ] {
        assert_eq!(keys.verify("k", &spelled(SECRET, r#"{"alg":"HS256"}"#, claims), at(NOW)).expect("valid"), claims);
    }
    for claims in ["", "[]", "7", "null", "{", r#"{"a":}"#] {
        let refused = keys.verify("k", &spelled(SECRET, r#"{"alg":"HS256"}"#, claims), at(NOW)).expect_err("no object");
        assert!(matches!(refused, TokenError::Invalid(_)), "{claims}");
    }
    for claims in [r#"{"exp":1e999}"#, r#"{"exp":"\ud800"}"#, r#"{"exp":9999999999,"exp":"x"}"#] {
        let refused = keys.verify("k", &spelled(SECRET, r#"{"alg":"HS256"}"#, claims), at(NOW)).expect_err("no time");
        assert!(matches!(refused, TokenError::Claims(_)), "{claims}");
    }
}

#[test]
fn the_id_of_a_key_may_be_a_number() {
    let other = "another secret that is long enough as well";
    let file = TempFile::new("ids.json", jwks(&[(json!(7), SECRET), (json!("8"), other)]));
    let set = key(KeySource::Jwks(file.0.clone()));
    for (secret, id) in [(SECRET, "7"), (SECRET, "\"7\""), (SECRET, "7.0"), (other, "8"), (other, "\"8\"")] {
        let token = spelled(secret, &format!(r#"{{"alg":"HS256","kid":{id}}}"#), "{}");
        assert!(verify(&set, &token).is_ok(), "{id}");
    }
    for header in
        [r#"{"alg":"HS256","kid":8}"#, r#"{"alg":"HS256","kid":null}"#, r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","kid":[7]}"#]
    {
        assert!(verify(&set, &spelled(SECRET, header, "{}")).is_err(), "{header}");
    }
}

#[test]
fn a_secret_may_be_bytes_and_in_a_file_as_they_are() {
    let bytes = b"\0\xff a secret of bytes that is long enough\n";
    let file = TempFile::new("secret.key", bytes);
    let message = format!("{}.{}", part(&json!({"alg": "HS256"})), part(&json!({"userId": 1})));
    let sign_with = |secret: &[u8]| {
        let key = EncodingKey::from_secret(secret);
        format!("{message}.{}", crypto::sign(message.as_bytes(), &key, Algorithm::HS256).expect("a secret signs"))
    };
    for source in [KeySource::SecretBase64(Secret::new(*bytes)), KeySource::SecretFile(file.0.clone())] {
        assert!(verify(&key(source.clone()), &sign_with(bytes)).is_ok());
        assert!(verify(&key(source.clone()), &sign_with(bytes.trim_ascii_end())).is_err());
        let made = sign(&key(source.clone()), Claims::new()).expect("a secret signs");
        assert!(verify(&key(source), &made).is_ok());
    }
    let unfit = |content: &str| {
        file.write(content);
        load_error(key(KeySource::SecretFile(file.0.clone())))
    };
    assert!(unfit("\n").contains("is empty; anybody could sign with it"));
    assert!(unfit(RSA_PEM).contains("is a PEM key"));
}

#[test]
fn several_keys_are_valid_at_once_and_the_first_one_signs() {
    let old = "the old secret, which is long enough as well";
    let both = KeyConfig { sources: [SECRET, old].map(|text| KeySource::Secret(Secret::new(text))).to_vec(), ..secret(SECRET) };
    for text in [SECRET, old] {
        assert!(verify(&both, &signed(&secret(text), json!({}))).is_ok(), "{text}");
    }
    assert_eq!(verify(&both, &signed(&secret("a third"), json!({}))), Err("its signature was not made with this key".into()));
    let made = sign(&both, Claims::new()).expect("a secret signs");
    assert!(verify(&secret(SECRET), &made).is_ok() && verify(&secret(old), &made).is_err());

    let public = [file("rsa.pem"), file("ec.pem")].map(KeySource::PublicKey).to_vec();
    for token in [RS256, ES256] {
        assert!(verify(&KeyConfig { sources: public.clone(), ..secret(SECRET) }, token).is_ok());
    }
}

#[test]
fn a_set_is_read_again_for_an_unknown_key_and_not_more_often_than_every_ten_seconds() {
    let (first, second, third) = ("first, long enough not to be guessed", "second, long enough not to be guessed", "third");
    let token = |id: &str, secret: &str| spelled(secret, &json!({"alg": "HS256", "kid": id}).to_string(), "{}");
    let file = TempFile::new("rotated.json", jwks(&[(json!("1"), first)]));
    let keys = load(&key(KeySource::Jwks(file.0.clone())));
    let passes = |token: &str, after: u64| keys.verify("k", token, at(NOW + after)).is_ok();
    assert!(passes(&token("1", first), 0));

    file.write(jwks(&[(json!("1"), first), (json!("2"), second)]));
    assert!(passes(&token("2", second), 0), "the first unknown key");
    file.write(jwks(&[(json!("2"), second), (json!("3"), third)]));
    assert!(!passes(&token("3", third), 9), "too soon");
    assert!(passes(&token("1", first), 9), "a key that was taken out stays until the file is read again");
    // A known key with a wrong signature is no reason to read.
    assert!(!passes(&token("2", first), 11) && passes(&token("1", first), 11));
    assert!(passes(&token("3", third), 11) && !passes(&token("1", first), 11));

    for broken in ["{", r#"{"keys":[]}"#] {
        file.write(broken);
        assert!(!passes(&token("4", third), 30));
        assert!(passes(&token("3", third), 30), "the keys that were read before stay");
    }
    std::fs::remove_file(&file.0).expect("the file is there");
    assert!(!passes(&token("4", third), 50) && passes(&token("3", third), 50));
    file.write(jwks(&[(json!("4"), third)]));
    assert!(passes(&token("4", third), 70));
    // A clock that is set back does not stop it.
    file.write(jwks(&[(json!("5"), third)]));
    assert!(passes(&token("5", third), 10));
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

fn load_error(config: KeyConfig) -> String {
    Keys::load(&[config]).err().expect("it cannot be used").to_string()
}

#[test]
fn keys_that_cannot_be_used_are_refused_at_start_by_name() {
    let told = load_error;
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
    assert_eq!(verify(&strong, &token), Err("its algorithm is \"HS256\", and this key takes HS512".into()));
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
    assert_eq!(kind(&ours, &spelled(SECRET, r#"{"alg":"none"}"#, "{}")), "signature");
    assert_eq!(kind(&key(KeySource::Jwks(file("keys.json"))), &spelled(SECRET, r#"{"alg":"HS256","kid":"else"}"#, "{}")), "key");
    assert_eq!(kind(&ours, "a.b"), "invalid");
}
