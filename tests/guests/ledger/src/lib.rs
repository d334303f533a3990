//! Numbers the events of each socket, so that a test can see whether one was lost, doubled or out of order.

use std::time::Duration;

use innkeeper_plugin::{Event, Plugin, Reply, Result, Socket, export, sleep};

fn plugin() -> Plugin {
    Plugin::new()
        .on("number", number)
        .on("join", join)
        .on("say", say)
        .on("count", count)
        .namespace("/slow")
        .middleware(doze)
        .on("number", number)
}

/// Emits and acknowledges the number that was sent and how many came before it.
fn number(socket: &Socket, sent: u64) -> Result<Reply<(u64, u64)>> {
    let seen = socket.data::<u64>("seen")?.unwrap_or(0);
    socket.set_data("seen", &(seen + 1))?;
    socket.emit("numbered", (sent, seen))?;
    Ok(Reply((sent, seen)))
}

fn join(socket: &Socket, room: String) -> Result<Reply<bool>> {
    socket.join(room)?;
    Ok(Reply(true))
}

fn say(socket: &Socket, room: String, sender: String, number: u64) -> Result<()> {
    socket.nsp().to(room).emit("said", (sender, number))
}

fn count(socket: &Socket, most: u64) -> Result<Reply<u64>> {
    (0..most).try_for_each(|number| socket.emit("counted", number))?;
    Ok(Reply(most))
}

/// Every other event sleeps longer than the one after it.
fn doze(_socket: &Socket, event: &mut Event) -> Result<()> {
    let (sent,): (u64,) = event.args()?;
    sleep(Duration::from_millis(if sent.is_multiple_of(2) { 8 } else { 1 }))
}

export!(plugin);
