//! Engine.IO v4 over long polling and websocket, and nothing of Socket.IO.
//!
//! One thread accepts connections (`accept`) and gives each to an event loop. There it is a small task in which hyper serves requests
//! (`listener`). Each Engine.IO *session* is a task too (`session`), on the loop of the connection that opened it: the handshake makes it, it lasts over polls and the upgrade, and it owns the Socket.IO side of the connection,
//! the [`Protocol`]. A request that belongs to a session is sent to the session's task as a command, through its [`Outbox`]. A
//! websocket's stream is taken out of hyper and handed to the session, so that an idle connection keeps no buffer.
//!
//! Other modules see what is re-exported here, and no type of hyper or tungstenite.

pub(crate) use self::{
    addresses::AddressLimits,
    cookie::Cookie,
    options::Options,
    origins::Origins,
    outbox::Outbox,
    protocol::{EngineRequest, Protocol, ProtocolFactory},
    proxies::{Proxies, ProxyHeader},
    server::Engine,
};

mod accept;
mod addresses;
mod admission;
mod byte_stream;
mod closing;
mod command;
mod cookie;
mod counters;
mod decoder;
mod handshake;
mod heartbeat;
mod http_stream;
mod inbound;
mod listener;
mod options;
mod origins;
mod outbox;
mod pace;
mod payload;
mod polling;
mod probe;
mod protocol;
mod proxies;
mod proxy_protocol;
mod refusal_log;
mod registry;
mod relief;
mod request_target;
mod response;
mod server;
mod session;
mod session_end;
mod session_id;
mod tasks;
#[cfg(test)]
mod tests;
mod websocket;
