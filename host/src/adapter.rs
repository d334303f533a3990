//! The adapter, in Socket.IO's sense: which sockets are in which namespace and room, and what each socket has open.
//!
//! The other modules read and change this one; this one uses none of them but the leaves. Locks are taken in one order, the
//! namespaces by their names and then one leaf below them (a socket, the index of sockets, an outgoing sink, a question), and
//! never held over an await.

mod by_name;
mod chain_number;
mod due_timers;
mod handshake;
mod id;
mod index;
mod namespace;
mod namespaces;
mod question;
mod rooms;
mod sink;
mod socket;

pub(crate) use due_timers::{DueTimer, TimerId};
pub(crate) use handshake::{Handshake, HandshakeCopy};
pub(crate) use id::SocketId;
pub(crate) use namespace::{Locked, lock_all};
pub(crate) use namespaces::Adapter;
pub(crate) use question::{Question, QuestionAnswers};
pub(crate) use rooms::RoomFilter;
pub(crate) use sink::Sink;
pub(crate) use socket::{Namespace, Socket, SocketState};
