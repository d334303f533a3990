//! Innkeeper: a realtime server that speaks Socket.IO and is extended with WebAssembly.
//!
//! A packet goes one way: `engine` → `protocol` → `dispatch` → `plugin` → `effect` → `adapter` → `engine`. `docs/architecture.md` walks along.

pub mod cli;

mod adapter;
mod admin;
mod app;
mod auth;
mod body;
mod budget;
mod cluster;
mod config;
mod dispatch;
mod drain;
mod effect;
mod engine;
mod event_loops;
mod files;
mod fixed_limits;
mod frame;
mod generations;
mod host_names;
mod internal;
mod json;
mod limit_hits;
mod log_limiter;
mod metrics;
mod msgpack;
mod node;
mod packet;
mod peers;
mod plugin;
mod protocol;
mod rate_limit;
mod reason;
mod redis_link;
mod request;
#[cfg(test)]
mod scenarios;
mod steady_rate;
mod store;
mod telemetry;
mod text_file;
mod turn;
mod waiting_bytes;
mod whole_file;

pub use config::Config;
