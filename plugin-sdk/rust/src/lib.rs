//! Write Innkeeper plugins in Rust.
//!
//! A plugin is a list of functions for the events of a Socket.IO server, built as a WebAssembly component. Names and meanings are
//! those of Socket.IO; arguments are typed through serde; errors travel with `?`.
//!
//! ```
//! use innkeeper_plugin::{Plugin, Reply, Result, Socket, export};
//! use serde_json::{Value, json};
//!
//! fn plugin() -> Plugin {
//!     Plugin::new().namespace("/chat").on("room:join", join)
//! }
//!
//! fn join(socket: &Socket, room: String) -> Result<Reply<Value>> {
//!     socket.join(&room)?;
//!     socket.to(&room).emit("user:joined", json!({"id": socket.id()}))?;
//!     Ok(Reply(json!({"success": true})))
//! }
//!
//! export!(plugin);
//! ```
//!
//! A handler's writes happen together when it ends well, or not at all. The memory of a plugin is a cache: an instance serves one
//! call at a time and any socket, so what must last goes into [`Socket::set_data`] or into the [`store`].

#![warn(clippy::missing_errors_doc)]

mod answers;
mod args;
mod arguments;
mod binary;
mod broadcast;
mod disconnect;
mod entries;
mod error;
mod event;
mod handler;
mod handshake;
mod handshake_json;
mod host;
mod id;
mod json;
mod namespaces;
mod payload;
mod placeholders;
mod plugin;
mod remote_socket;
mod rooms;
mod router;
mod runtime;
mod server_event;
mod socket;
mod timer;
mod timer_setting;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod component;
#[doc(hidden)]
pub mod exports;
pub mod jwt;
pub mod log;
pub mod rate_limit;
pub mod store;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use answers::Answers;
pub use arguments::{Argument, Arguments, OwnedNotBorrowed};
pub use binary::Binary;
pub use broadcast::{Broadcast, io, of, of_pattern};
pub use disconnect::{Disconnect, DisconnectHandler};
pub use error::{Error, Result};
pub use event::{Ack, Event, IntoReply, Reply};
pub use handler::{Handler, IntoDone, Lifecycle};
pub use handshake::Handshake;
pub use id::Id;
pub use namespaces::Namespaces;
pub use payload::{Args, Payload, Spread};
pub use plugin::{IntoPlugin, Plugin};
pub use remote_socket::{Fetched, Field, RemoteSocket};
pub use rooms::Rooms;
pub use runtime::{NoConfig, config, config_once, flush, node, now_ms, random_bytes, random_id, sleep};
pub use server_event::{ServerAnswers, ServerEvent};
pub use socket::{Emit, Socket};
pub use timer::Timer;
pub use timer_setting::{TimerSetting, timer};

/// Compiles the examples of the README beside it.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
