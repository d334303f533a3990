//! What a guest can reach: one file for each import of the contract. Writes are recorded, questions are asked, reads read.
//!
//! Nothing here waits but `calls.wait`. Nothing leaves but what a question or a flush sends on its way; the rest leaves when
//! the call has ended well.

mod acks;
mod calls;
mod emit;
mod jwt;
mod log;
mod rate_limit;
mod rooms;
mod sockets;
mod state;
mod store;
mod ticket;
mod timers;
mod unsupported;
mod wasi;

pub(crate) use jwt::KeyAccess;
pub(crate) use log::GuestLog;
pub(crate) use state::{ActiveCall, CallLimits, InstanceState, PluginContext};
pub(crate) use store::StoreAccess;
