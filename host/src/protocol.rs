//! Socket.IO v5 on top of the engine's messages.
//!
//! A [`Connection`](connection::Connection) is the Socket.IO side of one connection. It keeps the connection's sockets, one for
//! each namespace, decodes messages into events for their queues, and leaves every decision to the plugins behind them.

mod connection;
mod factory;
mod limits;
mod sink;
mod sockets;

pub(crate) use factory::SocketIo;
pub(crate) use limits::{Backlog, ConnectionLimits};
