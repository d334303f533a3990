//! JSON Web Tokens: verified with keys that only the host holds, and signed for the operator at the console.
//!
//! `token` takes a token apart, `jwt` verifies its signature with the keys of one name, `claims` applies the rules of Node's
//! `jsonwebtoken` to what it says. Which algorithms pass is a setting of the key and never of the token, so a token cannot choose
//! `alg: none`, or an HMAC made with a public key. No token and no secret is logged. The reason of a refusal is in the debug log
//! and not in what the bearer of the token receives.

mod claims;
mod error;
mod jwks;
mod jwt;
mod key_files;
mod keys;
mod sign;
mod token;
mod verification_key;

pub(crate) use error::{AuthError, TokenError};
pub(crate) use keys::Keys;
pub(crate) use sign::{Claims, SignError, sign};

#[cfg(test)]
mod tests;
