//! JSON Web Tokens: verified with keys that only the host holds, and signed for the operator at the console.
//!
//! `jwt` knows keys and signatures; `claims` has the rules of Node's `jsonwebtoken` for what a token says. Which algorithms pass is
//! a setting of the key and never of the token, so `alg: none` and an HMAC made with a public key cannot be asked for. No token and no
//! secret is logged; why a token was refused stands in the debug log, and its bearer is not told.

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
