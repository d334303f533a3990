//! JSON Web Tokens: verified with keys that only the host holds, and signed for the operator at the console.
//!
//! `jwt` verifies signatures with keys; `claims` applies the rules of Node's `jsonwebtoken` to what a token says. Which
//! algorithms pass is a setting of the key and never of the token, so a token cannot choose `alg: none`, or an HMAC made with a
//! public key. No token and no secret is logged. The reason of a refusal is in the debug log and not in what the bearer of the
//! token receives.

mod claims;
mod error;
mod jwt;
mod keys;
mod sign;

pub(crate) use claims::Claims;
pub(crate) use error::{AuthError, TokenError};
pub(crate) use keys::Keys;
pub(crate) use sign::{SignError, sign};

#[cfg(test)]
mod tests;
