//! The native peer: the benchmark's handlers written directly on `socketioxide`, served by hyper as in its hyper example.
//!
//! Of the servers that its README names this is the leaner one: under axum the same handlers held more memory for an idle
//! connection and needed more CPU for a connect, and a peer must not look worse than it can be.
//!
//! Its handlers mean the same as those of `plugins/echo`: any event that asks for an ack gets its payload back. `room:join` and
//! `bench:publish` serve the broadcast measurement. The allocator is the product's. Listens on 127.0.0.1 only.

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Packets the library may queue for one connection. Its default of 128 drops what a broadcast burst puts on top, without a
/// word; a benchmark that loses messages measures nothing.
const QUEUED_PACKETS_MAX: usize = 65_536;

/// What a publisher sends; `room` is "bench" unless it says otherwise.
#[derive(Deserialize)]
struct Publish {
    #[serde(default = "bench_room")]
    room: String,
}

fn bench_room() -> String {
    "bench".to_owned()
}

async fn echo(Data(payload): Data<Value>, ack: AckSender) {
    let _ = ack.send(&payload);
}

async fn join(socket: SocketRef, Data(room): Data<String>) {
    socket.join(room);
}

/// To everyone in the room but the publisher, as `socket.to(room).emit(..)` in the official server.
async fn publish(socket: SocketRef, Data(payload): Data<Value>) {
    let room = Publish::deserialize(&payload).map_or_else(|_| bench_room(), |publish| publish.room);
    let _ = socket.to(room).emit("bench:message", &payload).await;
}

async fn on_connect(socket: SocketRef) {
    socket.on("bench:echo", echo);
    socket.on("room:join", join);
    socket.on("bench:publish", publish);
    socket.on_fallback(echo);
}

/// The workers are as many as the CPUs this process may use: pinned to one core, one.
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port = match std::env::args().nth(1).map(|port| port.parse::<u16>()) {
        Some(Ok(port)) => port,
        _ => {
            eprintln!("usage: peer PORT");
            std::process::exit(2);
        }
    };
    let (service, io) = SocketIo::builder().max_buffer_size(QUEUED_PACKETS_MAX).build_svc();
    io.ns("/", on_connect);

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("peer: listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        tokio::spawn(async move {
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}
