//! The disconnect reason as Engine.IO and Socket.IO spell it.

/// A disconnect reason, for example "transport close".
pub(crate) type Reason = &'static str;
