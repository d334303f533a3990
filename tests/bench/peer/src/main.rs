//! The native peer: the benchmark's handlers written directly on `socketioxide`, served by hyper as in its hyper example.
//!
//! Of the servers that its README names this is the leaner one: under axum the same handlers held more memory for an idle
//! connection and needed more CPU for a connect, and a peer must not look worse than it can be.
//!
//! Its handlers mean the same as those of `plugins/echo`: any event that asks for an ack gets its payload back. `room:join` and
//! `bench:publish` serve the broadcast measurement. With a secret and a file of users, only who brings a token comes in; see
//! [`door`]. The allocator is the product's. Listens on 127.0.0.1 only.

mod door;

use std::net::IpAddr;

use door::Door;
use hyper::Request;
use hyper::server::conn::http1;
use hyper::service::Service;
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

/// Tells the library who the client is, which it does not find out by itself.
struct WithAddress<S> {
    service: S,
    address: IpAddr,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for WithAddress<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<B>) -> S::Future {
        request.extensions_mut().insert(self.address);
        self.service.call(request)
    }
}

/// The port, and with tokens the secret and the file of users.
fn arguments() -> Option<(u16, Option<(String, String)>)> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [port] => Some((port.parse().ok()?, None)),
        [port, secret, users] => Some((port.parse().ok()?, Some((secret.clone(), users.clone())))),
        _ => None,
    }
}

/// The workers are as many as the CPUs this process may use: pinned to one core, one.
#[tokio::main]
async fn main() -> std::io::Result<()> {
    let Some((port, tokens)) = arguments() else {
        eprintln!("usage: peer PORT [SECRET USERS.json]");
        std::process::exit(2);
    };
    let with_tokens = tokens.is_some();
    let (service, io) = SocketIo::builder().max_buffer_size(QUEUED_PACKETS_MAX).build_svc();
    match tokens {
        // One for the life of the process.
        Some((secret, users)) => door::put_before(&io, Box::leak(Box::new(Door::new(&secret, &users)?)), on_connect),
        None => io.ns("/", on_connect),
    }

    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("peer: listening on {}", listener.local_addr()?);
    loop {
        let (stream, from) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service.clone();
        tokio::spawn(async move {
            let stream = TokioIo::new(stream);
            if with_tokens {
                let service = WithAddress { service, address: from.ip() };
                let _ = http1::Builder::new().serve_connection(stream, service).with_upgrades().await;
            } else {
                let _ = http1::Builder::new().serve_connection(stream, service).with_upgrades().await;
            }
        });
    }
}
