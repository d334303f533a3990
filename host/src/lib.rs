//! Innkeeper: a realtime server that speaks Socket.IO and is extended with WebAssembly.
//!
//! A packet goes one way: `engine` → `socket` → `dispatch` → `plugin` → `effect` → `engine`. `docs/architecture.md` walks along.

pub mod cli;

mod app;
mod auth;
mod config;
mod dispatch;
mod drain;
mod effect;
mod engine;
mod files;
mod frame;
mod http;
mod json;
mod plugin;
mod rate_limit;
mod request;
#[cfg(test)]
mod scenarios;
mod socket;
mod sockets;
mod store;
mod telemetry;

pub use config::Config;
