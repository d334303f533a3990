//! Types of the contract's imports that callers of the host meet.

pub(crate) use crate::bindings::innkeeper::plugin::cluster::Answers as ServersAnswers;
pub(crate) use crate::bindings::innkeeper::plugin::emit::Answers;
pub(crate) use crate::bindings::innkeeper::plugin::sockets::{Handshake, Page, RemoteSocket};
pub(crate) use crate::bindings::innkeeper::plugin::timers::Setting;
