//! The effects of calls: what plugins recorded is applied here, in call order, in one step for each namespace.

mod effects;
mod joins;
mod local;
mod overlay;
mod publisher;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use effects::Effects;
pub(crate) use joins::Joins;
pub(crate) use local::LocalEffects;
pub(crate) use overlay::Overlay;
pub(crate) use publisher::Publisher;
pub(crate) use write::{Asked, Flags, QuestionTarget, Target, Timer, TimerChange, Timers, Write};
