//! What a guest can reach: one file for each import of the contract, as methods of [`InstanceState`] in the host's own types.
//! Writes are recorded, questions are sent, reads are answered at once. How a version of the contract spells them stands in
//! `bindings`.
//!
//! Nothing here waits but [`InstanceState::wait_for`]. Nothing is sent but by a question or a flush, which send what was recorded
//! before them; the rest is applied when the call has ended well. In `shared` mode a question sends nothing: what was recorded is
//! applied when the entry has returned.

mod acks;
mod calls;
mod cluster;
mod context;
mod emit;
mod fetch;
mod handshake;
mod jwt;
mod known_sockets;
mod log;
mod names_page;
mod open_tickets;
mod peers;
mod rate_limit;
mod rooms;
mod settle;
mod shared;
mod sockets;
mod state;
mod store;
mod target;
mod ticket;
mod tickets;
mod timers;
mod unsupported;
mod wasi;

pub(super) use calls::CallTimeExceeded;
pub(super) use context::GenerationContext;
pub(super) use fetch::{FetchFields, RemoteSocket};
pub(super) use handshake::HandshakeFields;
pub(super) use known_sockets::{EntryEffects, KnownSockets};
pub(super) use settle::SettledBy;
pub(super) use shared::{BegunCall, EndedCall, SharedState};
pub(super) use state::{ActiveCall, InstanceState};
pub(super) use target::GuestTarget;
pub(super) use ticket::HostAnswer;
pub(super) use tickets::{Answered, Tickets};
pub(super) use timers::TimerSetting;
pub(super) use unsupported::unsupported;
