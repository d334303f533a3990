//! A host for a plugin's unit tests, in memory: `cargo test` runs them natively, without a server and without waiting.
//!
//! The test plays the clients. When a client does something, the plugins' calls run until each has ended or waits; then the test goes on.
//! Time does not pass until [`Host::advance`] lets it: timers, sleeps, timeouts, the store's expiry and the windows of rate limits all
//! follow that one clock. Nothing in it is random, so a test that passes once passes always.
//!
//! ```
//! use innkeeper_plugin::testing::Host;
//! use innkeeper_plugin::{Plugin, Reply, Result, Socket};
//! use serde_json::{Value, json};
//!
//! fn plugin() -> Plugin {
//!     Plugin::new().namespace("/chat").on("room:join", join)
//! }
//!
//! fn join(socket: &Socket, room: String) -> Result<Reply<Value>> {
//!     socket.join(&room)?;
//!     socket.to(&room).emit("user:joined", socket.id())?;
//!     Ok(Reply(json!({"success": true})))
//! }
//!
//! # // In a plugin this is a function with `#[test]`.
//! # fn a_socket_that_joins_is_announced_to_the_others() -> Result<(), innkeeper_plugin::testing::ConnectError> {
//! let host = Host::new(plugin);
//! let (alice, bob) = (host.socket("/chat").connect()?, host.socket("/chat").connect()?);
//!
//! bob.emit("room:join", "lobby");
//! let ack: Value = alice.emit_with_ack("room:join", "lobby");
//!
//! assert_eq!(ack, json!({"success": true}));
//! assert_eq!(bob.received(), [("user:joined", json!([alice.id()]))]);
//! # Ok(()) }
//! # a_socket_that_joins_is_announced_to_the_others().unwrap();
//! ```
//!
//! What the host promises holds here, too: a handler's writes are applied together or not at all, a question first sends what
//! was recorded, a panic is an `INTERNAL_ERROR`. A plugin is granted every capability that it requests, and no other. Every
//! call gets a new instance, because the memory of a plugin is a cache; statics are the exception, since all tests of a process
//! share them.
//!
//! [`Host::node`] adds another server of a cluster, which emits, rooms, questions and server events reach as on the real host.
//!
//! Not here: polling, volatile emits (they always arrive), outgoing HTTP, and the bounds on memory and running time: a
//! handler that computes for ever never ends.

mod apply;
mod asking;
mod bucket;
mod call;
mod call_host;
mod chain;
mod checks;
mod client;
mod connect_error;
mod connecting;
mod failure;
mod host;
mod host_state;
mod ids;
mod imports;
mod job;
mod line;
mod loaded_plugin;
mod node;
mod node_state;
mod nodes;
mod overlay;
mod question;
mod queue;
mod random;
mod recording;
mod room_set;
mod scheduler;
mod server_question;
mod server_socket;
mod steps;
mod store;
mod timers;
mod windows;
mod write;

pub use bucket::Bucket;
pub use client::{Ack, Client, Received};
pub use connect_error::ConnectError;
pub use connecting::Connecting;
pub use host::Host;
pub use line::Line;
pub use node::Node;
