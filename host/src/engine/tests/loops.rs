//! Two event loops on threads of their own, with real sockets.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    task::{Context, Poll},
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    engine::{Engine, EngineRequest, Options, Outbox, Protocol, ProtocolFactory},
    event_loops::{EventLoops, Threads},
    frame::SocketShare,
    reason::DisconnectReason,
    request::Request,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What arrived, and on which thread.
type Received = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// A server with two loops.
struct Server {
    engine: Arc<Engine>,
    threads: Threads,
    address: SocketAddr,
    received: Received,
}

impl Server {
    fn start() -> Self {
        let threads = Threads::start(2).unwrap();
        let received = Received::default();
        let factory = Arc::new(Factory(Arc::clone(&received)));
        let engine = Engine::new(Options::default(), factory, Arc::default(), threads.loops().clone());
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        threads.accept(Arc::clone(&engine).serve(listener)).unwrap();
        Self { engine, threads, address, received }
    }

    fn loops(&self) -> &EventLoops {
        self.threads.loops()
    }

    fn sessions(&self) -> Vec<usize> {
        self.loops().iter().map(|event_loop| event_loop.sessions()).collect()
    }

    async fn request(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.replace('\n', "\r\n").as_bytes()).await.unwrap();
        stream
    }

    async fn websocket(&self, sid: &str) -> TcpStream {
        self.request(&format!(
            "GET /socket.io/?EIO=4&transport=websocket{sid} HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\n\
             Sec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n\n"
        ))
        .await
    }
}

struct Factory(Received);

impl ProtocolFactory for Factory {
    fn open(&self, _request: Arc<Request>, _outbox: Arc<Outbox>) -> Box<dyn Protocol> {
        Box::new(Recorder { received: Arc::clone(&self.0), is_closed: false })
    }
}

struct Recorder {
    received: Received,
    is_closed: bool,
}

impl Protocol for Recorder {
    fn text(&mut self, message: &str) -> Result<(), DisconnectReason> {
        self.received.lock().unwrap().push((message.to_owned(), thread::current().name().map(str::to_owned)));
        Ok(())
    }

    fn binary(&mut self, _message: &[u8]) -> Result<(), DisconnectReason> {
        Ok(())
    }

    fn poll(&mut self, _cx: &mut Context<'_>) -> Poll<EngineRequest> {
        if self.is_closed { Poll::Ready(EngineRequest::Done) } else { Poll::Pending }
    }

    fn accepts(&self) -> bool {
        true
    }

    fn disconnect_socket(&mut self, _socket: SocketShare) -> Option<Arc<str>> {
        None
    }

    fn closing(&mut self) {}

    fn closed(&mut self, _reason: DisconnectReason) {
        self.is_closed = true;
    }
}

/// A text frame of a client, with a mask of zeros.
fn frame(text: &str) -> Vec<u8> {
    [&[0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0], text.as_bytes()].concat()
}

/// Reads until what was read contains the text.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(text) {
        let count = timeout(PATIENCE, stream.read_buf(&mut read)).await.unwrap().unwrap();
        assert!(count > 0, "the server closed the stream before {text:?}: {:?}", String::from_utf8_lossy(&read));
    }
    String::from_utf8_lossy(&read).into_owned()
}

async fn eventually(is_so: impl Fn() -> bool) {
    timeout(PATIENCE, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn of_twenty_connections_no_loop_has_more_than_twelve_and_all_end_at_the_shutdown() {
    let server = Server::start();
    let mut streams = Vec::new();
    for _ in 0..20 {
        streams.push(server.websocket("").await);
    }
    for stream in &mut streams {
        read_until(stream, r#""maxPayload""#).await;
    }
    let sessions = server.sessions();
    assert!(sessions.iter().sum::<usize>() == 20 && sessions.iter().all(|count| *count <= 12), "{sessions:?}");
    server.engine.refuse_new();
    server.engine.close_all(DisconnectReason::ServerShuttingDown);
    drop(streams);
    timeout(PATIENCE, server.engine.ended()).await.unwrap();
    assert_eq!(server.sessions(), [0, 0]);
    assert!(server.threads.end(PATIENCE));
}

#[tokio::test]
async fn an_upgrade_that_arrives_on_another_loop_goes_to_that_of_its_session() {
    let server = Server::start();
    let mut polling = server.request("GET /socket.io/?EIO=4&transport=polling HTTP/1.1\nHost: localhost\n\n").await;
    let open = read_until(&mut polling, r#""maxPayload""#).await;
    let sid = open.split(r#"{"sid":""#).nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(server.sessions(), [1, 0]);

    // The first loop has a connection and a session, so this one is the other's.
    let mut websocket = server.websocket(&format!("&sid={sid}")).await;
    read_until(&mut websocket, "\r\n\r\n").await;
    websocket.write_all(&frame("2probe")).await.unwrap();
    read_until(&mut websocket, "3probe").await;
    websocket.write_all(&frame("5")).await.unwrap();

    // Without the other loop nothing of it can be polled any more.
    server.loops().iter().nth(1).unwrap().end();
    let mut bystander = server.request("GET /nothing HTTP/1.1\nHost: localhost\n\n").await;
    let _ended = timeout(PATIENCE, bystander.read_u8()).await.unwrap();
    websocket.write_all(&frame("4hello")).await.unwrap();
    eventually(|| !server.received.lock().unwrap().is_empty()).await;
    assert_eq!(*server.received.lock().unwrap(), [("hello".to_owned(), Some("loop-0".to_owned()))]);
    server.engine.refuse_new();
    assert!(server.threads.end(PATIENCE));
}

#[tokio::test]
async fn what_another_thread_wakes_is_woken_while_the_loop_is_busy() {
    let threads = Threads::start(2).unwrap();
    let [busy, other] = [0, 1].map(|number| Arc::clone(threads.loops().iter().nth(number).unwrap()));
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    // Keeps the queue of the loop from getting empty, until the other loop's task has run there.
    let (begun, is_done) = (sender.clone(), Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let seen = Arc::clone(&is_done);
    busy.spawn(move || async move {
        begun.send("busy").unwrap();
        while !seen.load(std::sync::atomic::Ordering::Relaxed) {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(receiver.recv().await, Some("busy"));
    let home = Arc::clone(&busy);
    other.spawn(move || async move {
        home.spawn(move || async move {
            is_done.store(true, std::sync::atomic::Ordering::Relaxed);
            sender.send("done").unwrap();
        });
    });
    assert_eq!(timeout(PATIENCE, receiver.recv()).await.unwrap(), Some("done"));
    assert!(threads.end(PATIENCE));
}
