//! A room that every socket joins when it connects. Sockets of `/` get an event for each that connects and disconnects.

use innkeeper_plugin::{Plugin, Reply, Result, Socket, export, io, of};

const NAMESPACE: &str = "/lobby";

/// The observers are in `/`, so that they are not among the sockets that they count.
fn plugin() -> Plugin {
    Plugin::new()
        .on("members", members)
        .on("shout", shout)
        .on("number", number)
        .on("farewell", farewell)
        .namespace(NAMESPACE)
        .connection(announce_connection)
        .disconnect(announce_disconnect)
        .on("members", members)
        .on("number", number)
        .on("farewell", farewell)
}

fn announce_connection(socket: &Socket) -> Result<()> {
    socket.join("lobby")?;
    socket.nsp().to("lobby").emit("joined", socket.id())?;
    io().emit("came", socket.id())
}

fn announce_disconnect(socket: &Socket, reason: &str) -> Result<()> {
    io().emit("went", (socket.id(), reason))
}

fn members(_socket: &Socket) -> Result<Reply<Vec<String>>> {
    let sockets = of(NAMESPACE).to("lobby").fetch_sockets()?;
    Ok(Reply(sockets.iter().map(|socket| socket.id().to_owned()).collect()))
}

fn shout(_socket: &Socket, number: u64) -> Result<Reply<u64>> {
    of(NAMESPACE).to("lobby").emit("shout", number)?;
    Ok(Reply(number))
}

fn number(_socket: &Socket, number: u64) -> Reply<u64> {
    Reply(number)
}

/// Emits, and disconnects.
fn farewell(socket: &Socket) -> Result<()> {
    socket.emit("bye", "see you")?;
    socket.disconnect(true)
}

export!(plugin);
