//! What the nodes of a cluster ask each other, as the rest of the host sees it: neither the wire between the nodes nor Redis is known
//! here.

mod question;
mod server_event;

pub(crate) use question::{PeerAnswer, PeerAnswers, PeerQuestion, PeerRequest, PeerSocket};
pub(crate) use server_event::{NodeReply, PluginReply, Reply, ServerEvent, ServerEvents};
