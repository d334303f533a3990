//! Rooms and messages on `/chat`.
//!
//! | event | arguments | others in the room get | ack |
//! |---|---|---|---|
//! | `room:join` | roomId | `user:joined` `{id, name?}` | `{success}` |
//! | `room:leave` | roomId | `user:left` id | `{success}` |
//! | `room:members` | roomId | – | a list of ids |
//! | `room:people` | roomId | – | a list of `{id, name?}` |
//! | `chat:send` | `{roomId, text}` | `chat:message` `{id, roomId, text, from, name?, sentAt}` | `{success, messageId}` |
//! | `action` | `{type: "typing", roomId}` | `user:typing` `{id, roomId}` | `{success}` |
//!
//! Who connects with `?name=…` goes by that name. It is what the client says, and proves nothing.
//!
//! What fails is answered with `{success: false, error, code}` in the ack, or with the event `error` `{code, message}` if the client
//! asked for none. Nothing of what a failed event began is done.

mod message;
#[cfg(test)]
mod tests;

use innkeeper_plugin::{Error, Plugin, Reply, Result, Socket, export, now_ms, random_id};
use message::{Action, Message, Person, RoomId, Send, name_of};
use serde_json::{Value, json};

/// Where a socket's `data` has its name.
const NAME: &str = "name";

fn plugin() -> Plugin {
    Plugin::new()
        .namespace("/chat")
        .connection(remember_name)
        .on("room:join", join)
        .on("room:leave", leave)
        .on("room:members", members)
        .on("room:people", people)
        .on("chat:send", send)
        .on("action", action)
        .disconnecting(say_goodbye)
}

fn remember_name(socket: &Socket) -> Result<()> {
    match socket.handshake()?.query("name").and_then(name_of) {
        Some(name) => socket.set_data(NAME, name),
        None => Ok(()),
    }
}

fn join(socket: &Socket, room: RoomId) -> Result<Reply<Value>> {
    socket.join(room.as_str())?;
    socket.to(room.as_str()).emit("user:joined", &Person { id: socket.id().to_owned(), name: socket.data(NAME)? })?;
    Ok(success())
}

fn leave(socket: &Socket, room: RoomId) -> Result<Reply<Value>> {
    if is_in(socket, &room)? {
        socket.leave(room.as_str())?;
        socket.to(room.as_str()).emit("user:left", socket.id())?;
    }
    Ok(success())
}

fn members(socket: &Socket, room: RoomId) -> Result<Reply<Vec<String>>> {
    let sockets = socket.nsp().to(room.as_str()).fetch_sockets()?;
    Ok(Reply(sockets.iter().map(|member| member.id().to_owned()).collect()))
}

fn people(socket: &Socket, room: RoomId) -> Result<Reply<Vec<Person>>> {
    let sockets = socket.nsp().to(room.as_str()).fetch_sockets()?;
    let people = sockets.iter().map(|member| Ok(Person { id: member.id().to_owned(), name: member.data(NAME)? }));
    Ok(Reply(people.collect::<Result<_>>()?))
}

fn send(socket: &Socket, Send { room_id, text }: Send) -> Result<Reply<Value>> {
    must_be_in(socket, &room_id)?;
    let text = text.checked()?;
    let (from, name) = (socket.id().to_owned(), socket.data(NAME)?);
    let message = Message { id: random_id(), room_id, text, from, name, sent_at: now_ms() };
    socket.to(message.room_id.as_str()).emit("chat:message", &message)?;
    Ok(Reply(json!({"success": true, "messageId": message.id})))
}

/// Takes anything, so that what it does not understand is an error of its own, met by `?`: the client reads `INTERNAL_ERROR`.
fn action(socket: &Socket, action: Value) -> Result<Reply<Value>> {
    match serde_json::from_value(action)? {
        Action::Typing { room_id } => {
            must_be_in(socket, &room_id)?;
            socket.to(room_id.as_str()).emit("user:typing", json!({"id": socket.id(), "roomId": room_id}))?;
        }
    }
    Ok(success())
}

fn say_goodbye(socket: &Socket) -> Result<()> {
    for room in socket.rooms()?.into_iter().filter(|room| room != socket.id()) {
        socket.to(room).emit("user:left", socket.id())?;
    }
    Ok(())
}

fn is_in(socket: &Socket, room: &RoomId) -> Result<bool> {
    Ok(socket.rooms()?.iter().any(|joined| joined == room.as_str()))
}

fn must_be_in(socket: &Socket, room: &RoomId) -> Result<()> {
    if is_in(socket, room)? {
        return Ok(());
    }
    Err(Error::new(format!("you are not in the room {:?}", room.as_str())).code("NOT_IN_ROOM"))
}

fn success() -> Reply<Value> {
    Reply(json!({"success": true}))
}

export!(plugin);
