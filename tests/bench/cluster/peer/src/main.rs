//! The native peer of the cluster's measurement: `tests/bench/peer` with the library's own adapter for Redis, as its documentation
//! sets it up. A program of its own, so that the other measurements do not carry the adapter. Listens on 127.0.0.1 only.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::adapter::Adapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide_redis::drivers::redis::redis_client::Client;
use socketioxide_redis::{RedisAdapter, RedisAdapterConfig, RedisAdapterCtr};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Packets the library may queue for one connection, and messages from Redis for one namespace. What is beyond its defaults of
/// 128 and 1,024 it drops without a word; a benchmark that loses messages measures nothing.
const QUEUED_MAX: usize = 65_536;

async fn echo<A: Adapter>(Data(payload): Data<Value>, ack: AckSender<A>) {
    let _ = ack.send(&payload);
}

async fn join<A: Adapter>(socket: SocketRef<A>, Data(room): Data<String>) {
    socket.join(room);
}

/// To everyone in the room but the publisher, on all nodes.
async fn publish<A: Adapter>(socket: SocketRef<A>, Data(payload): Data<Value>) {
    if let Err(error) = socket.to("bench").emit("bench:message", &payload).await {
        eprintln!("cluster-peer: {error}");
    }
}

async fn on_connect<A: Adapter>(socket: SocketRef<A>) {
    socket.on("bench:echo", echo);
    socket.on("room:join", join);
    socket.on("bench:publish", publish);
}

/// The workers are as many as the CPUs this process may use: pinned to one core, one.
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [port, redis] = arguments.as_slice() else {
        eprintln!("usage: cluster-peer PORT redis://127.0.0.1:PORT");
        std::process::exit(2);
    };
    // The driver wants the third version of the protocol.
    let client = Client::open(format!("{redis}?protocol=resp3"))?;
    let config = RedisAdapterConfig::new().with_stream_buffer(QUEUED_MAX);
    let adapter = RedisAdapterCtr::new_with_redis_config(&client, config).await?;
    let (service, io) = SocketIo::builder().max_buffer_size(QUEUED_MAX).with_adapter::<RedisAdapter<_>>(adapter).build_svc();
    io.ns("/", on_connect).await?;

    let listener = TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    println!("cluster-peer: listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}
