//! What the limits of rate do while Redis does not answer.

use super::problem::Problem;
use super::value::{RawValue, word};

/// What the limits of rate do while Redis does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Each node counts alone.
    #[default]
    Local,
    /// Nothing is counted, and everything allowed.
    Allow,
    /// Nothing is allowed.
    Deny,
}

const WORDS: [&str; 3] = ["local", "allow", "deny"];

impl OnFailure {
    /// As the file has it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

pub(super) fn on_failure(raw: &RawValue) -> Result<OnFailure, Problem> {
    Ok(match word(raw, &WORDS, "way to do without Redis")? {
        "allow" => OnFailure::Allow,
        "deny" => OnFailure::Deny,
        _ => OnFailure::Local,
    })
}
