//! Broadcasts, which travel as msgpack because they may have binary in them.

use std::time::Duration;

use innkeeper_contract::limits::EVENT_NAME_BYTES_MAX;

use super::ignored::Ignored;
use super::names::RoomNames;
use crate::adapter::RoomFilter;
use crate::json;
use crate::msgpack::{Reader, Writer};
use crate::packet::{Message, Payload};

/// The type of an event's packet. Whether it has binary is seen when it is encoded for clients.
const EVENT: u64 = 2;
/// The same from a server that has encoded it already.
const BINARY_EVENT: u64 = 5;

/// A broadcast of another node. Its arguments are read when somebody here is to get it.
pub(in crate::cluster) struct Broadcast<'a> {
    pub(in crate::cluster) namespace: String,
    pub(in crate::cluster) rooms: RoomFilter,
    pub(in crate::cluster) volatile: bool,
    data: Reader<'a>,
}

impl<'a> Broadcast<'a> {
    /// Reads a broadcast. `None`: it is this node's own.
    pub(in crate::cluster) fn decode(bytes: &'a [u8], own_uid: &str, attachments_max: usize) -> Result<Option<Self>, Ignored> {
        let mut reader = Reader::new(bytes, attachments_max);
        if reader.array_len()? != 3 {
            return Err(Ignored::Refused("a broadcast has three elements"));
        }
        if reader.str()? == own_uid {
            return Ok(None);
        }
        let packet = Packet::read(&mut reader)?;
        let options = Options::read(&mut reader)?;
        reader.end()?;
        let data = packet.data.ok_or(Ignored::Missing("data"))?;
        let namespace = packet.namespace.unwrap_or_else(|| "/".to_owned());
        Ok(Some(Self { namespace, rooms: options.rooms, volatile: options.volatile, data }))
    }

    /// The event.
    pub(in crate::cluster) fn message(&self) -> Result<Message, Ignored> {
        message(self.data.clone())
    }
}

/// `[uid, packet, opts]`.
pub(in crate::cluster) fn encode_broadcast(
    uid: &str,
    namespace: &str,
    message: &Message,
    rooms: &RoomFilter,
    volatile: bool,
) -> Vec<u8> {
    let mut writer = Writer::with_capacity(message.payload.len() + 128);
    writer.array(3);
    writer.str(uid);
    push_packet(&mut writer, message, Some(namespace));
    push_options(&mut writer, rooms, |writer| {
        writer.map(usize::from(volatile));
        if volatile {
            writer.str("volatile");
            writer.bool(true);
        }
    });
    writer.finish()
}

/// The one room of a broadcast that is for one: its name stands in the channel.
pub(in crate::cluster) fn only_room(rooms: &RoomFilter) -> Option<&str> {
    match rooms.any.as_slice() {
        [room] => Some(room),
        _ => None,
    }
}

pub(super) fn push_packet(writer: &mut Writer, message: &Message, namespace: Option<&str>) {
    writer.map(2 + usize::from(namespace.is_some()));
    writer.str("type");
    writer.uint(EVENT);
    writer.str("data");
    writer.event(&message.name, &message.payload);
    if let Some(namespace) = namespace {
        writer.str("nsp");
        writer.str(namespace);
    }
}

pub(super) fn push_options(writer: &mut Writer, rooms: &RoomFilter, push_flags: impl FnOnce(&mut Writer)) {
    writer.map(3);
    for (name, names) in [("rooms", &rooms.any), ("except", &rooms.except)] {
        writer.str(name);
        writer.array(names.len());
        names.iter().for_each(|name| writer.str(name));
    }
    writer.str("flags");
    push_flags(writer);
}

/// The packet of an event, whose data is read later.
pub(super) struct Packet<'a> {
    namespace: Option<String>,
    pub(super) data: Option<Reader<'a>>,
}

impl<'a> Packet<'a> {
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Ignored> {
        let mut packet = Self { namespace: None, data: None };
        for _ in 0..reader.map_len()? {
            match &*reader.str()? {
                "nsp" => packet.namespace = Some(reader.str()?.into_owned()),
                "type" if ![EVENT, BINARY_EVENT].contains(&reader.uint()?) => {
                    return Err(Ignored::Refused("a packet is no event"));
                }
                "type" => {}
                "data" => {
                    packet.data = Some(reader.clone());
                    reader.skip()?;
                }
                _ => reader.skip()?,
            }
        }
        Ok(packet)
    }
}

/// The options of a broadcast.
#[derive(Default)]
pub(super) struct Options {
    pub(super) rooms: RoomFilter,
    volatile: bool,
    pub(super) timeout: Option<Duration>,
}

impl Options {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Ignored> {
        let mut options = Self::default();
        for _ in 0..reader.map_len()? {
            match &*reader.str()? {
                "rooms" => options.rooms.any = names(reader)?,
                "except" => options.rooms.except = names(reader)?,
                "flags" if !reader.take_nil()? => options.read_flags(reader)?,
                "flags" => {}
                _ => reader.skip()?,
            }
        }
        Ok(options)
    }

    fn read_flags(&mut self, reader: &mut Reader<'_>) -> Result<(), Ignored> {
        for _ in 0..reader.map_len()? {
            match &*reader.str()? {
                "volatile" => self.volatile = scalar(reader)? == "true",
                "timeout" => self.timeout = scalar(reader)?.parse().ok().map(Duration::from_millis),
                _ => reader.skip()?,
            }
        }
        Ok(())
    }
}

/// A list of rooms, which in Node can be numbers.
fn names(reader: &mut Reader<'_>) -> Result<Vec<Box<str>>, Ignored> {
    if reader.take_nil()? {
        return Ok(Vec::new());
    }
    let mut names = RoomNames::default();
    for _ in 0..reader.array_len()? {
        let name = name(reader)?;
        names.push(&name).map_err(Ignored::Refused)?;
    }
    Ok(names.0)
}

/// A text, or a number as JavaScript writes it.
fn name(reader: &mut Reader<'_>) -> Result<String, Ignored> {
    if reader.is_str() {
        return Ok(reader.str()?.into_owned());
    }
    match scalar(reader)? {
        number if number.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => Ok(number),
        _ => Err(Ignored::Refused("a name is neither text nor number")),
    }
}

/// The JSON of a value that is no binary.
fn scalar(reader: &mut Reader<'_>) -> Result<String, Ignored> {
    let mut text = String::new();
    reader.json(&mut text, &mut Vec::new())?;
    Ok(text)
}

/// `[name, …args]`.
pub(super) fn message(mut reader: Reader<'_>) -> Result<Message, Ignored> {
    let elements = reader.array_len()?;
    if elements == 0 {
        return Err(Ignored::Missing("name of an event"));
    }
    let name = name(&mut reader)?;
    if name.len() > EVENT_NAME_BYTES_MAX {
        return Err(Ignored::Refused("the name of an event is too long"));
    }
    let mut payload = Payload { args: "[".to_owned(), attachments: Vec::new() };
    for element in 1..elements {
        if element > 1 {
            payload.args.push(',');
        }
        reader.json(&mut payload.args, &mut payload.attachments)?;
    }
    payload.args.push(']');
    Ok(Message { name, payload: checked(payload)? })
}

/// The payload, if clients can read it.
pub(super) fn checked(payload: Payload) -> Result<Payload, Ignored> {
    json::array(&payload.args, payload.attachments.len()).map_err(|_| Ignored::Refused("clients could not read it"))?;
    Ok(payload)
}
