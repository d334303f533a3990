//! The plugin of the broadcast measurement: the same handlers as the peer's. `run` makes a crate of it for each server that it measures.

use innkeeper_plugin::{Event, Payload, Plugin, Reply, Result, Socket, export};

fn plugin() -> Plugin {
    Plugin::new().on("room:join", join).on("bench:publish", publish).on_any(echo)
}

fn join(socket: &Socket, room: String) -> Result<()> {
    socket.join(&room)
}

fn publish(socket: &Socket, payload: Payload) -> Result<()> {
    socket.to("bench").emit("bench:message", payload)
}

fn echo(_: &Socket, event: Event) -> Result<Option<Reply<Payload>>> {
    Ok(event.ack().asked().then(|| Reply(event.into_payload())))
}

export!(plugin);
