//! Packets: how they are decoded, encoded and kept. A leaf: nothing here refers to a socket.
//!
//! An event or ack of the server is a [`Payload`] first, then [`PacketParts`], then an [`EncodedPacket`], which is shared by
//! all sockets that receive it. A packet of a client is a [`ClientPacket`], which borrows from the message it came in.

mod decode;
mod encode;
mod encoded;
mod open;
mod partial;
mod payload;
#[cfg(test)]
mod tests;

pub(crate) use decode::{ClientPacket, DecodeError, PacketType, decode, split_event};
pub(crate) use encode::{PacketParts, connect_error_packet, connect_packet, disconnect_packet};
pub(crate) use encoded::EncodedPacket;
pub(crate) use open::OpenPacket;
pub(crate) use partial::PartialPacket;
pub(crate) use payload::{Message, Payload};
