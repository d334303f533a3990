//! Does everything that concerns other nodes, as its client says: the argument of the event `do` is the operation, its ack what came of it.
//! What other servers emit as `news` reaches the clients here; `question` is answered with the name of this node.

use std::time::Duration;

use innkeeper_plugin::{Answers, Broadcast, Payload, Plugin, Reply, Result, ServerEvent, Socket, Spread, export, io, node, of};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Which sockets an operation is for.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Target {
    namespace: Option<String>,
    rooms: Vec<String>,
    except: Vec<String>,
    local: bool,
    volatile: bool,
    all_nodes: bool,
    timeout_ms: Option<u64>,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum Operation {
    Emit {
        name: String,
        args: Vec<Value>,
    },
    EmitWithAck {
        name: String,
        args: Vec<Value>,
    },
    Fetch,
    Ids,
    Count,
    Rooms,
    Join {
        rooms: Vec<String>,
    },
    Leave {
        rooms: Vec<String>,
    },
    /// Joins and emits in one call.
    JoinAndEmit {
        room: String,
        name: String,
    },
    Disconnect {
        close: bool,
    },
    ServerSideEmit {
        name: String,
        args: Vec<Value>,
    },
    ServerSideEmitWithAck {
        name: String,
        args: Vec<Value>,
    },
    Node,
    Data {
        key: String,
        value: Value,
    },
    JoinOwn {
        rooms: Vec<String>,
    },
}

fn plugin() -> Plugin {
    let plugin = Plugin::new().capability("cluster").capability("handshake:secrets").capability("namespaces");
    ["/", "/other"].into_iter().fold(plugin, |plugin, name| {
        plugin
            .namespace(name)
            .on("do", perform)
            .on("binary", |_: &Socket, payload: Payload| io().emit("binary", payload))
            .on_server_event("news", news)
            .on_server_event("question", |event: &ServerEvent| {
                let (asked,): (Value,) = event.args()?;
                Ok::<_, innkeeper_plugin::Error>(Reply(json!({"node": node(), "asked": asked})))
            })
            .on_server_event("silence", |_: &ServerEvent| {})
    })
}

fn news(event: &ServerEvent) -> Result<()> {
    let (text,): (Value,) = event.args()?;
    of(event.namespace()).local().emit("news", (text, node()))
}

fn perform(socket: &Socket, operation: Operation, target: Option<Target>) -> Result<Reply<Value>> {
    let target = select(socket, target.unwrap_or_default());
    Ok(Reply(match operation {
        Operation::Emit { name, args } => done(target.emit(&name, Spread(args))?),
        Operation::EmitWithAck { name, args } => answered(target.emit_with_ack(&name, Spread(args))?)?,
        Operation::Fetch => {
            let fetched = target.fetch(innkeeper_plugin::Field::ALL)?;
            let sockets = fetched.sockets.iter().map(|socket| {
                let data: Map<String, Value> = socket.data_all()?;
                Ok(json!({"id": socket.id(), "rooms": socket.rooms(), "data": data, "handshake": socket.handshake()}))
            });
            json!({"sockets": sockets.collect::<Result<Vec<_>>>()?, "nodesMissing": fetched.nodes_missing})
        }
        Operation::Ids => json!(target.ids()?),
        Operation::Count => json!(target.count()?),
        Operation::Rooms => json!(target.rooms()?),
        Operation::Join { rooms } => done(target.sockets_join(rooms)?),
        Operation::Leave { rooms } => done(target.sockets_leave(rooms)?),
        Operation::JoinAndEmit { room, name } => {
            target.sockets_join(&room)?;
            of(socket.namespace()).to(&room).emit(&name, &room)?;
            Value::Null
        }
        Operation::Disconnect { close } => done(target.disconnect_sockets(close)?),
        Operation::ServerSideEmit { name, args } => done(target.server_side_emit(&name, Spread(args))?),
        Operation::ServerSideEmitWithAck { name, args } => {
            let answers = target.server_side_emit_with_ack(&name, Spread(args))?;
            let nodes_missing = answers.nodes_missing;
            json!({"responses": answers.values::<Value>()?, "nodesMissing": nodes_missing})
        }
        Operation::Node => json!(node()),
        Operation::Data { key, value } => done(socket.set_data(&key, &value)?),
        Operation::JoinOwn { rooms } => done(socket.join(rooms)?),
    }))
}

fn select(socket: &Socket, target: Target) -> Broadcast {
    let mut selected = of(target.namespace.unwrap_or_else(|| socket.namespace().to_owned()));
    selected = selected.to(target.rooms).except(target.except);
    if target.local {
        selected = selected.local();
    }
    if target.volatile {
        selected = selected.volatile();
    }
    if target.all_nodes {
        selected = selected.all_nodes();
    }
    match target.timeout_ms {
        Some(ms) => selected.timeout(Duration::from_millis(ms)),
        None => selected,
    }
}

fn answered(answers: Answers) -> Result<Value> {
    let named: Vec<_> = answers.responses.iter().map(|(socket, _)| socket.clone()).collect();
    let rest = json!({
        "named": named,
        "missing": answers.missing,
        "timedOut": answers.timed_out,
        "unanswered": answers.unanswered,
        "nodesMissing": answers.nodes_missing,
    });
    Ok(json!({"responses": answers.values::<Value>()?, "rest": rest}))
}

fn done((): ()) -> Value {
    Value::Null
}

export!(plugin);
