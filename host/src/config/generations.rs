//! `[generations]`: when another generation of a plugin takes over.

use super::field::Field::Boolean;
use super::key_spec::KeySpec;

/// When another generation of a plugin takes over, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationsConfig {
    /// Whether a changed component file is loaded by itself.
    pub watch: bool,
}

impl Default for GenerationsConfig {
    fn default() -> Self {
        Self { watch: true }
    }
}

/// `[generations]`.
pub(super) const KEYS: &[KeySpec<GenerationsConfig>] = &[KeySpec::new(
    "watch",
    |generations: &mut GenerationsConfig| Boolean(&mut generations.watch),
    "whether a plugin's component file is watched, so that a changed one takes over by itself; without it `innkeeper plugin swap` does that",
)];
