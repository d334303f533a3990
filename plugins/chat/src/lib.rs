//! Rooms and messages on `/chat`. Needs `grants = ["store:messages"]`.
//!
//! | event | arguments | sent to | ack |
//! |---|---|---|---|
//! | `room:join` | roomId | the others in the room: `user:joined` user, for the user's first socket in it | `{success}` |
//! | `room:leave` | roomId | the others in the room: `user:left` id, for the user's last socket in it | `{success}` |
//! | `room:people` | roomId | – | a list of users, each once, with `nodes`: the names of the servers that the user is there on |
//! | `chat:send` | `{roomId, text}` | the others in the room: `chat:message` message | `{success, messageId}` |
//! | `chat:history` | `{roomId, before?}` | – | `{success, messages}`: the last 50 (before that id), the newest last |
//! | `announce` | `{rooms, text}` | every socket in any of the rooms, once: `announcement` `{rooms, text, from}` | `{success}` |
//! | `notify` | `{userId, text}` | every socket of that user: `notification` `{text, from}` | `{success}` |
//! | `global` | `{text}` | every socket: `global` `{text, from}` | `{success}` |
//!
//! A *user* is `socket.data.user`, which the plugin `auth` puts there; without it `{id}`, the id of the socket. A *message* is
//! `{id, roomId, text, from, sentAt}`, with an id that counts up in its room and a user in `from`. A socket that disconnects leaves its
//! rooms, as with `room:leave`.
//!
//! An id may be a number: `5` and `"5"` are the same room and the same user here, and are answered as texts. Everything about a room is
//! for its members: who is not in it gets the code `NOT_IN_ROOM`. A socket that is in a room has the name of its server in
//! `socket.data.node`. Two sockets of one user that leave in the same moment may both be
//! announced, because their handlers run at the same time.
//!
//! What fails is answered with `{success: false, error, code}` in the ack, or with the event `error` `{code, message}` if the client
//! asked for none. Nothing that a failed event has written is applied.

mod history;
mod message;
#[cfg(test)]
mod tests;

use innkeeper_plugin::{Error, Field, Id, NoConfig, Plugin, Reply, Result, Socket, config, export, node};
use message::{Announcement, Notification, Past, Person, RoomId, Send};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fmt::Display;

fn plugin() -> Result<Plugin> {
    let NoConfig {} = config()?;
    Ok(Plugin::new()
        .capability("store:messages")
        .namespace("/chat")
        .on("room:join", join)
        .on("room:leave", leave)
        .on("room:people", people)
        .on("chat:send", send)
        .on("chat:history", history)
        .on("announce", announce)
        .on("notify", notify)
        .on("global", global)
        .disconnecting(announce_leaving))
}

fn join(socket: &Socket, room: RoomId) -> Result<Reply<Value>> {
    if is_in(socket, &room)? {
        return success();
    }
    let was_there = other_rooms(socket)?.contains(room.as_str());
    socket.set_data("node", &node())?;
    socket.join(room.as_str())?;
    // Handlers of different sockets run at the same time: the user's other socket may have left since the look. So there is another
    // one, now that this socket is in the room.
    if !was_there || !other_rooms(socket)?.contains(room.as_str()) {
        socket.to(room.as_str()).emit("user:joined", user(socket)?)?;
    }
    success()
}

fn leave(socket: &Socket, room: RoomId) -> Result<Reply<Value>> {
    must_be_in(socket, &room)?;
    socket.leave(room.as_str())?;
    if !other_rooms(socket)?.contains(room.as_str()) {
        socket.to(room.as_str()).emit("user:left", user_id(socket)?)?;
    }
    success()
}

fn people(socket: &Socket, room: RoomId) -> Result<Reply<Vec<Person>>> {
    must_be_in(socket, &room)?;
    let sockets = socket.nsp().to(room.as_str()).fetch([Field::Data])?.sockets;
    let mut people: Vec<Person> = Vec::new();
    for member in &sockets {
        let user = user_or_id(member.data("user")?, member.id());
        let node = member.data::<String>("node")?;
        match people.iter_mut().find(|person| person.user["id"] == user["id"]) {
            Some(person) => person.nodes.extend(node),
            None => people.push(Person { user, nodes: node.into_iter().collect() }),
        }
    }
    Ok(Reply(people))
}

fn send(socket: &Socket, Send { room_id, text }: Send) -> Result<Reply<Value>> {
    must_be_in(socket, &room_id)?;
    let message = history::keep(&room_id, &text, user(socket)?)?;
    socket.to(room_id.as_str()).emit("chat:message", &message)?;
    Ok(Reply(json!({"success": true, "messageId": message.id})))
}

fn history(socket: &Socket, Past { room_id, before }: Past) -> Result<Reply<Value>> {
    must_be_in(socket, &room_id)?;
    Ok(Reply(json!({"success": true, "messages": history::last(&room_id, before)?})))
}

/// Several rooms in one emit: a socket in more than one of them gets it once.
fn announce(socket: &Socket, Announcement { rooms, text }: Announcement) -> Result<Reply<Value>> {
    if !(1..=20).contains(&rooms.len()) {
        return Err(Error::new("name 1 to 20 rooms").code("INVALID_ROOMS"));
    }
    rooms.iter().try_for_each(|room| must_be_in(socket, room))?;
    let target = rooms.iter().fold(socket.nsp(), |target, room| target.to(room.as_str()));
    target.emit("announcement", json!({"rooms": rooms, "text": text, "from": user(socket)?}))?;
    success()
}

/// To all sockets of a user. The ack does not show whether there are any.
fn notify(socket: &Socket, Notification { user_id, text }: Notification) -> Result<Reply<Value>> {
    let notification = json!({"text": text, "from": user(socket)?});
    socket.nsp().to(room_of_user(user_id)).emit("notification", notification)?;
    success()
}

fn global(socket: &Socket, Announcement { text, .. }: Announcement) -> Result<Reply<Value>> {
    socket.nsp().emit("global", json!({"text": text, "from": user(socket)?}))?;
    success()
}

fn announce_leaving(socket: &Socket) -> Result<()> {
    let (id, others) = (user_id(socket)?, other_rooms(socket)?);
    let rooms = socket.rooms()?.into_iter().filter(|room| !others.contains(room));
    let mut rooms = rooms.filter_map(|room| RoomId::try_from(room).ok());
    rooms.try_for_each(|room| socket.to(room.as_str()).emit("user:left", &id))
}

/// The rooms of the user's other sockets. A socket without a user is alone.
fn other_rooms(socket: &Socket) -> Result<HashSet<String>> {
    let Some(user) = socket.data::<Value>("user")? else { return Ok(HashSet::new()) };
    let id: Id = serde_json::from_value(user["id"].clone())?;
    let others = socket.broadcast().to(room_of_user(id)).fetch([Field::Rooms])?.sockets;
    Ok(others.iter().flat_map(|other| other.rooms().to_vec()).collect())
}

/// The room in which `auth` puts all sockets of a user.
fn room_of_user(id: impl Display) -> String {
    format!("user:{id}")
}

fn user(socket: &Socket) -> Result<Value> {
    Ok(user_or_id(socket.data("user")?, socket.id()))
}

fn user_or_id(user: Option<Value>, id: &str) -> Value {
    user.unwrap_or_else(|| json!({"id": id}))
}

fn user_id(socket: &Socket) -> Result<Value> {
    Ok(user(socket)?.get("id").cloned().unwrap_or_default())
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

fn success() -> Result<Reply<Value>> {
    Ok(Reply(json!({"success": true})))
}

export!(plugin);
