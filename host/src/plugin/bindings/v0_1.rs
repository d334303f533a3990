//! `innkeeper:plugin@0.1.0`: generated from `wit/v0.1`, and how its types are converted to the host's own. One file for each
//! import.

mod acks;
mod calls;
mod cluster;
mod component;
mod config;
mod convert;
mod emit;
mod exports;
#[expect(clippy::too_many_arguments, reason = "an export has the parameters that the contract gives it")]
mod generated;
mod http;
mod jwt;
mod log;
mod rate_limit;
mod registration;
mod rooms;
mod sockets;
mod store;
mod timers;

pub(in crate::plugin) use component::Component;
