//! Returns every event to its client: in the ack if the client asked for one, else as the same event. Nothing is parsed.

use innkeeper_plugin::{Event, Payload, Plugin, Reply, Result, Socket, export};

fn plugin() -> Plugin {
    Plugin::new().on_any(echo)
}

fn echo(socket: &Socket, event: Event) -> Result<Option<Reply<Payload>>> {
    if event.ack().asked() {
        return Ok(Some(Reply(event.into_payload())));
    }
    let (name, payload) = event.into_parts();
    socket.emit(&name, payload)?;
    Ok(None)
}

export!(plugin);

#[cfg(test)]
mod tests;
