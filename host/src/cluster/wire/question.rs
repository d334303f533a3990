//! Emits that await acks, and those acks: as broadcasts, in msgpack.

use std::time::Duration;

use super::broadcast::{Options, Packet, checked, message, push_options, push_packet};
use super::ignored::Ignored;
use super::kinds::{Request, RequestKind, Response, ResponseKind, first_argument};
use super::types;
use crate::adapter::RoomFilter;
use crate::msgpack::{Reader, Writer};
use crate::packet::{Message, Payload};

/// An emit that awaits the acks of clients.
pub(super) fn encode_question(uid: &str, number: &str, message: &Message, rooms: &RoomFilter, timeout: Duration) -> Vec<u8> {
    let mut writer = Writer::with_capacity(message.payload.len() + 192);
    writer.map(5);
    writer.str("uid");
    writer.str(uid);
    writer.str("requestId");
    writer.str(number);
    writer.str("type");
    writer.uint(types::BROADCAST);
    writer.str("packet");
    push_packet(&mut writer, message, None);
    writer.str("opts");
    push_options(&mut writer, rooms, |writer| {
        writer.map(1);
        writer.str("timeout");
        writer.uint(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    });
    writer.finish()
}

/// Reads an emit that awaits acks. `None`: it is another request.
pub(super) fn decode_question(bytes: &[u8], attachments_max: usize) -> Result<Option<Request>, Ignored> {
    let mut reader = Reader::new(bytes, attachments_max);
    let (mut uid, mut number, mut packet, mut options, mut kind) = (None, None, None, None, None);
    for _ in 0..reader.map_len()? {
        match &*reader.str()? {
            "uid" => uid = Some(reader.str()?.into_owned()),
            "requestId" => number = Some(reader.str()?.into_owned()),
            "type" => kind = Some(reader.uint()?),
            "packet" => packet = Some(Packet::read(&mut reader)?),
            // Of other requests, which are read by their JSON.
            "opts" if kind.is_none_or(|kind| kind == types::BROADCAST) => options = Some(Options::read(&mut reader)?),
            _ => reader.skip()?,
        }
    }
    reader.end()?;
    if kind != Some(types::BROADCAST) {
        return Ok(None);
    }
    let data = packet.and_then(|packet| packet.data).ok_or(Ignored::Missing("packet"))?;
    let Options { rooms, timeout, .. } = options.ok_or(Ignored::Missing("opts"))?;
    let kind = RequestKind::Clients { message: message(data)?, rooms, timeout };
    Ok(Some(Request { uid, number, kind }))
}

/// What one client answered: its first argument.
pub(super) fn encode_ack(number: &str, payload: &Payload) -> Vec<u8> {
    let argument = first_argument(&payload.args);
    let mut writer = Writer::with_capacity(payload.len() + 64);
    writer.map(2 + usize::from(argument.is_some()));
    writer.str("type");
    writer.uint(types::BROADCAST_ACK);
    writer.str("requestId");
    writer.str(number);
    if let Some(argument) = argument {
        writer.str("packet");
        writer.json(argument, &payload.attachments);
    }
    writer.finish()
}

/// Reads what a client of another node answered.
pub(super) fn decode_ack(bytes: &[u8], attachments_max: usize) -> Result<Response, Ignored> {
    let mut reader = Reader::new(bytes, attachments_max);
    let (mut number, mut is_ack, mut payload) = (None, false, Payload { args: "[".to_owned(), attachments: Vec::new() });
    for _ in 0..reader.map_len()? {
        match &*reader.str()? {
            "requestId" => number = Some(reader.str()?.into_owned()),
            "type" => is_ack = reader.uint()? == types::BROADCAST_ACK,
            "packet" if payload.args.len() == 1 => reader.json(&mut payload.args, &mut payload.attachments)?,
            _ => reader.skip()?,
        }
    }
    reader.end()?;
    payload.args.push(']');
    let number = number.ok_or(Ignored::Missing("requestId"))?;
    if !is_ack {
        return Err(Ignored::Missing("type"));
    }
    Ok(Response { number, kind: ResponseKind::Ack(checked(payload)?) })
}
