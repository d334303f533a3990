//! The facts of the contract between Innkeeper and its plugins, for whatever implements one of its sides: the host, an SDK, and the
//! in-memory hosts of SDKs. The interfaces themselves are the WIT files beside this crate.
//!
//! Each host has its own implementation of the rules, so that one can be checked against the other. The facts are here once, because
//! two copies of them drift apart.

pub mod capabilities;
pub mod codes;
pub mod defaults;
pub mod events;
pub mod fields;
pub mod flags;
pub mod hooks;
pub mod kinds;
pub mod limits;
pub mod modes;
pub mod options;
pub mod reasons;
pub mod refusals;

pub use refusals::Refusal;
