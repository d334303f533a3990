//! The engine in process: real HTTP and websocket bytes over pipes in memory, with tokio's clock stopped.
//!
//! The first test is the table of endings: for each state of a session and each way to end it, what the protocol side is called
//! with, what the client reads, and when the task ends.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::Instant,
};

use super::{
    byte_stream::ByteStream,
    listener,
    options::Options,
    outbox::Outbox,
    protocol::{EngineRequest, Protocol, ProtocolFactory},
    server::Engine,
};
use crate::{frame::Frame, reason::DisconnectReason, request::Request};

/// The state of the session when its end is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Open,
    /// Ended by `Outbox::close`, and the client has not read yet. On a websocket, a long message fills the pipe.
    Closing,
    /// Ended by `Outbox::close`, and everything is written. Polling has no such state.
    Lingering,
    /// Aborted, but a call of the protocol side still runs.
    Gone,
}
use Before::{Closing, Gone, Lingering, Open};

/// How the end is requested: one way for each delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The server shuts down.
    Flush,
    /// The client closes: a close frame, or a POST of CLOSE.
    CloseOnly,
    /// The connection is aborted.
    Nothing,
}
use End::{CloseOnly, Flush, Nothing};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    Websocket,
    Polling,
    /// And a websocket has begun to probe.
    PollingProbed,
}

/// When the task ends, in milliseconds after the end was requested.
#[derive(Clone, Copy, Debug)]
enum Ends {
    /// With a client that reads everything and keeps its stream open; with one that does nothing.
    At(u64, u64),
    /// Only when the call of the protocol side has returned.
    WithTheCall,
}
use Ends::{At, WithTheCall};

struct Row {
    before: Before,
    end: End,
    /// What the protocol side is called with.
    calls: &'static [&'static str],
    /// What the client reads.
    reads: &'static [&'static str],
    ends: Ends,
}

const fn row(before: Before, end: End, calls: &'static [&'static str], reads: &'static [&'static str], ends: Ends) -> Row {
    Row { before, end, calls, reads, ends }
}

const SHUT_DOWN: &[&str] = &["closed server shutting down"];
const LEFT: &[&str] = &["closed transport close"];
const FAILED: &[&str] = &["closed transport error"];
/// The calls before the row's end are the last ones: `closed` is called once.
const BY_SERVER: &[&str] = &["closing", "closed forced close"];
const TIMED_OUT: &[&str] = &["closed ping timeout"];

/// `long` is the message that fills the pipe; `cut` is a frame that ends in its middle.
const WEBSOCKET: [Row; 12] = [
    row(Open, Flush, SHUT_DOWN, &["4last", "close 1001", "eof"], At(2_000, 2_000)),
    row(Open, CloseOnly, LEFT, &["close 1000", "eof"], At(2_000, 2_000)),
    row(Open, Nothing, FAILED, &["eof"], At(0, 0)),
    row(Closing, Flush, BY_SERVER, &["long", "4closing", "4last", "close 1000", "eof"], At(2_000, 20_000)),
    row(Closing, CloseOnly, BY_SERVER, &["long", "4closing", "4last", "close 1000", "eof"], At(2_000, 20_000)),
    row(Closing, Nothing, BY_SERVER, &["cut"], At(0, 0)),
    row(Lingering, Flush, BY_SERVER, &["4closing", "4last", "close 1000", "eof"], At(2_000, 2_000)),
    row(Lingering, CloseOnly, BY_SERVER, &["4closing", "4last", "close 1000", "eof"], At(2_000, 2_000)),
    row(Lingering, Nothing, BY_SERVER, &["4closing", "4last", "close 1000", "eof"], At(0, 0)),
    row(Gone, Flush, TIMED_OUT, &["eof"], WithTheCall),
    row(Gone, CloseOnly, TIMED_OUT, &["eof"], WithTheCall),
    row(Gone, Nothing, TIMED_OUT, &["eof"], WithTheCall),
];

/// The first poll is held already if the session is open. `|` is the record separator.
const POLLING: [Row; 9] = [
    row(Open, Flush, SHUT_DOWN, &["4last", "1"], At(0, 5_000)),
    row(Open, CloseOnly, LEFT, &["post ok", "6", "400"], At(0, 0)),
    row(Open, Nothing, FAILED, &["400"], At(0, 0)),
    row(Closing, Flush, BY_SERVER, &["4closing|4last", "1"], At(0, 5_000)),
    row(Closing, CloseOnly, BY_SERVER, &["post ok", "4closing|4last", "1"], At(0, 5_000)),
    row(Closing, Nothing, BY_SERVER, &["400"], At(0, 0)),
    row(Gone, Flush, TIMED_OUT, &["400"], WithTheCall),
    row(Gone, CloseOnly, TIMED_OUT, &["post 400", "400"], WithTheCall),
    row(Gone, Nothing, TIMED_OUT, &["400"], WithTheCall),
];

#[tokio::test(start_paused = true)]
async fn every_session_ends_as_the_table_says() {
    for on in [On::Websocket, On::Polling, On::PollingProbed] {
        let rows = if on == On::Websocket { WEBSOCKET.iter() } else { POLLING.iter() };
        for row in rows {
            for is_paused in [false, true] {
                for client_reads in [true, false] {
                    play(row, on, is_paused, client_reads).await;
                }
            }
        }
    }
}

async fn play(row: &Row, on: On, is_paused: bool, client_reads: bool) {
    let case = format!("{:?} {:?} on {on:?}, paused: {is_paused}, client reads: {client_reads}", row.before, row.end);
    let server = Server::start();
    let mut client = Client::connect(&server, on, row.before).await;
    let recording = &server.recording;
    recording.is_full.store(is_paused, SeqCst);
    server.outbox().wake();
    settle().await;
    prepare(&server, on, row.before).await;

    let start = Instant::now();
    client.request_end(&server, row.end).await;
    settle().await;
    // A pause keeps a websocket's close frame unread until the pause is over, after half of the ping timeout.
    let unread_ms = if is_paused && on == On::Websocket && (row.before, row.end) == (Open, CloseOnly) { 10_000 } else { 0 };
    let expected_ms = match row.ends {
        At(reading, silent) => unread_ms + if client_reads { reading } else { silent },
        WithTheCall => 60_000,
    };
    if client_reads {
        assert_eq!(client.read_to_end(&server).await, row.reads, "{case}");
    }
    if let WithTheCall = row.ends {
        tokio::time::sleep_until(start + Duration::from_secs(60)).await;
        assert_eq!(server.engine.connections(), 1, "{case}");
        recording.is_busy.store(false, SeqCst);
        server.outbox().wake();
    }
    server.engine.ended().await;
    assert_ends_at(start, expected_ms, &case);
    assert_eq!(*recording.calls.lock().unwrap(), row.calls, "{case}");
    if let Some(probe) = &mut client.probe {
        assert_eq!(probe.read_frame().await, "eof", "{case}");
    }
}

async fn prepare(server: &Server, on: On, before: Before) {
    match before {
        Open => return,
        Closing if on == On::Websocket => {
            server.emit(&format!("4{}", "x".repeat(Pipe::NARROW * 4)));
            settle().await;
            server.outbox().close();
        }
        Closing | Lingering => server.outbox().close(),
        Gone => {
            server.recording.is_busy.store(true, SeqCst);
            server.outbox().abort(DisconnectReason::PingTimeout);
        }
    }
    settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_stream_ends_the_lingering() {
    let server = Server::start();
    let mut client = Websocket::open(&server, "", Pipe::WIDE).await;
    server.outbox().close();
    let start = Instant::now();
    assert_eq!(client.read_frames().await, ["4closing", "4last", "close 1000", "eof"]);
    drop(client);
    server.engine.ended().await;
    assert_ends_at(start, 0, "the client closed");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_disappears_ends_the_session() {
    let server = Server::start();
    drop(Websocket::open(&server, "", Pipe::WIDE).await);
    server.engine.ended().await;
    assert_eq!(*server.recording.calls.lock().unwrap(), ["closed transport close"]);

    let server = Server::start();
    let sid = server.open_polling().await;
    let poll = server.request("GET", &sid, "");
    settle().await;
    poll.abort();
    server.engine.ended().await;
    assert_eq!(*server.recording.calls.lock().unwrap(), ["closed transport error"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_the_ping_times_out() {
    let server = Server::start();
    let mut client = Websocket::open(&server, "", Pipe::WIDE).await;
    let start = Instant::now();
    assert_eq!(client.read_frames().await, ["2", "eof"]);
    server.engine.ended().await;
    assert_ends_at(start, 45_000, "25 s to the PING and 20 s for the PONG");
    assert_eq!(*server.recording.calls.lock().unwrap(), ["closed ping timeout"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_lasts_no_longer_than_half_of_the_ping_timeout() {
    let server = Server::start();
    let mut client = Websocket::open(&server, "", Pipe::WIDE).await;
    server.recording.is_full.store(true, SeqCst);
    server.outbox().wake();
    settle().await;
    client.send(TEXT, b"4one").await;
    tokio::time::sleep(Duration::from_millis(9_990)).await;
    assert!(server.recording.calls.lock().unwrap().is_empty());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(*server.recording.calls.lock().unwrap(), ["text one"]);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_overtakes_nothing_and_ends_as_a_websocket() {
    let server = Server::start();
    let sid = server.open_polling().await;
    let poll = server.request("GET", &sid, "");
    let mut client = Websocket::open(&server, &sid, Pipe::WIDE).await;
    client.send(TEXT, b"2probe").await;
    assert_eq!(client.read_frame().await, "3probe");
    assert_eq!(poll.await.unwrap(), "6");
    server.emit("4on polling");
    assert_eq!(server.request("GET", &sid, "").await.unwrap(), "4on polling");
    client.send(TEXT, b"5").await;
    settle().await;
    server.emit("4on websocket");
    assert_eq!(client.read_frame().await, "4on websocket");
    assert_eq!(server.request("GET", &sid, "").await.unwrap(), "400");
    server.outbox().close();
    assert_eq!(client.read_frames().await, ["4closing", "4last", "close 1000", "eof"]);
}

/// Runs all tasks until they wait, without moving the clock.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

fn assert_ends_at(start: Instant, expected_ms: u64, case: &str) {
    let elapsed = start.elapsed().as_millis();
    // tokio's timers round up to a millisecond.
    assert!((u128::from(expected_ms)..u128::from(expected_ms) + 3).contains(&elapsed), "{case}: after {elapsed} ms");
}

/// An engine whose protocol side records its calls. It has one session.
struct Server {
    engine: Arc<Engine>,
    recording: Arc<Recording>,
}

impl Server {
    fn start() -> Self {
        let recording = Arc::new(Recording::default());
        let engine = Engine::new(Options::default(), Arc::new(Factory(Arc::clone(&recording))));
        Self { engine, recording }
    }

    fn outbox(&self) -> &Outbox {
        self.recording.outbox.get().unwrap()
    }

    fn emit(&self, packet: &str) {
        emit(self.outbox(), packet);
    }

    fn connect(&self, pipe_bytes: usize) -> DuplexStream {
        let (client, server) = duplex(pipe_bytes);
        let http = listener::http(&self.engine.options);
        listener::spawn_connection(&self.engine, &http, ByteStream::Memory(server), IpAddr::V4(Ipv4Addr::LOCALHOST));
        client
    }

    /// Sends a request of a polling client. The result is the body, or the status if that is not 200.
    fn request(&self, method: &str, sid: &str, body: &str) -> JoinHandle<String> {
        let mut stream = self.connect(Pipe::WIDE);
        let length = body.len();
        let request = format!(
            "{method} /socket.io/?EIO=4&transport=polling{sid} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        tokio::spawn(async move {
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut response = String::new();
            stream.read_to_string(&mut response).await.unwrap();
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            match head.split(' ').nth(1).unwrap() {
                "200" => body.replace('\u{1e}', "|"),
                status => status.to_owned(),
            }
        })
    }

    /// Opens a polling session. The result is the parameter of its further requests.
    async fn open_polling(&self) -> String {
        let open = self.request("GET", "", "").await.unwrap();
        let sid = open.strip_prefix(r#"0{"sid":""#).and_then(|rest| rest.split('"').next()).unwrap();
        format!("&sid={sid}")
    }
}

/// What the protocol side was called with, and what it answers.
#[derive(Default)]
struct Recording {
    calls: Mutex<Vec<String>>,
    /// `accepts` says no.
    is_full: AtomicBool,
    /// A call still runs, so `poll` does not return `Done`.
    is_busy: AtomicBool,
    outbox: OnceLock<Arc<Outbox>>,
}

struct Factory(Arc<Recording>);

impl ProtocolFactory for Factory {
    fn open(&self, _request: Arc<Request>, outbox: Arc<Outbox>) -> Box<dyn Protocol> {
        assert!(self.0.outbox.set(outbox).is_ok(), "one session a server");
        Box::new(Recorder { recording: Arc::clone(&self.0), is_closed: false })
    }
}

struct Recorder {
    recording: Arc<Recording>,
    is_closed: bool,
}

impl Recorder {
    /// Records the call, and emits the packet.
    fn record(&self, call: String, packet: Option<&str>) {
        self.recording.calls.lock().unwrap().push(call);
        if let (Some(outbox), Some(packet)) = (self.recording.outbox.get(), packet) {
            emit(outbox, packet);
        }
    }
}

impl Protocol for Recorder {
    fn text(&mut self, message: &str) -> Result<(), DisconnectReason> {
        self.record(format!("text {message}"), None);
        Ok(())
    }

    fn binary(&mut self, message: &[u8]) -> Result<(), DisconnectReason> {
        self.record(format!("binary {message:?}"), None);
        Ok(())
    }

    fn poll(&mut self, _cx: &mut Context<'_>) -> Poll<EngineRequest> {
        let is_busy = self.recording.is_busy.load(SeqCst);
        if self.is_closed && !is_busy { Poll::Ready(EngineRequest::Done) } else { Poll::Pending }
    }

    fn accepts(&self) -> bool {
        !self.recording.is_full.load(SeqCst)
    }

    fn closing(&mut self) {
        self.record("closing".to_owned(), Some("4closing"));
    }

    fn closed(&mut self, reason: DisconnectReason) {
        self.is_closed = true;
        self.record(format!("closed {}", reason.as_str()), Some("4last"));
    }
}

fn emit(outbox: &Outbox, packet: &str) {
    outbox.enqueue(&AtomicBool::new(false), &[Frame::text(&[packet.as_bytes()])], false);
}

/// How many bytes a pipe holds.
struct Pipe;

impl Pipe {
    /// Enough for everything here.
    const WIDE: usize = 64 * 1024;
    /// Less than the long message.
    const NARROW: usize = 512;
}

/// The client of a row.
struct Client {
    websocket: Option<Websocket>,
    sid: String,
    held_poll: Option<JoinHandle<String>>,
    post: Option<JoinHandle<String>>,
    probe: Option<Websocket>,
}

impl Client {
    async fn connect(server: &Server, on: On, before: Before) -> Self {
        let mut client = Self { websocket: None, sid: String::new(), held_poll: None, post: None, probe: None };
        if on == On::Websocket {
            let pipe = if before == Closing { Pipe::NARROW } else { Pipe::WIDE };
            client.websocket = Some(Websocket::open(server, "", pipe).await);
            return client;
        }
        client.sid = server.open_polling().await;
        if on == On::PollingProbed {
            client.probe = Some(Websocket::open(server, &client.sid, Pipe::WIDE).await);
        }
        client.held_poll = (before == Open).then(|| server.request("GET", &client.sid, ""));
        client
    }

    async fn request_end(&mut self, server: &Server, end: End) {
        match (end, &mut self.websocket) {
            (Flush, _) => server.outbox().close_for_shutdown(DisconnectReason::ServerShuttingDown),
            (CloseOnly, Some(websocket)) => websocket.send(CLOSE, &[]).await,
            (CloseOnly, None) => self.post = Some(server.request("POST", &self.sid, "1")),
            (Nothing, _) => server.outbox().abort(DisconnectReason::TransportError),
        }
    }

    /// Reads until the server has nothing more to say. A websocket stays open.
    async fn read_to_end(&mut self, server: &Server) -> Vec<String> {
        if let Some(websocket) = &mut self.websocket {
            return websocket.read_frames().await;
        }
        let mut reads = Vec::new();
        if let Some(post) = self.post.take() {
            reads.push(format!("post {}", post.await.unwrap()));
        }
        loop {
            let poll = self.held_poll.take().unwrap_or_else(|| server.request("GET", &self.sid, ""));
            let read = poll.await.unwrap();
            let is_last = read == "1" || read == "400";
            reads.push(read);
            if is_last {
                return reads;
            }
        }
    }
}

// The first bytes of frames: final, and the opcode.
const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

/// A websocket, seen from the client.
struct Websocket(DuplexStream);

impl Websocket {
    /// Opens a websocket. Without a `sid` it has a session of its own, and its OPEN packet is read.
    async fn open(server: &Server, sid: &str, pipe_bytes: usize) -> Self {
        let mut stream = server.connect(pipe_bytes);
        let request = format!(
            "GET /socket.io/?EIO=4&transport=websocket{sid} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
        let mut websocket = Self(stream);
        if sid.is_empty() {
            assert!(websocket.read_frame().await.starts_with(r#"0{"sid":""#));
        }
        websocket
    }

    /// Sends a frame, masked with zeros, which change nothing. The server may have closed the stream.
    async fn send(&mut self, first: u8, payload: &[u8]) {
        let frame = [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
        let _ = self.0.write_all(&frame).await;
    }

    /// The frames up to the end of the stream.
    async fn read_frames(&mut self) -> Vec<String> {
        let mut frames = Vec::new();
        loop {
            let frame = self.read_frame().await;
            let is_last = frame == "eof" || frame == "cut";
            frames.push(frame);
            if is_last {
                return frames;
            }
        }
    }

    async fn read_frame(&mut self) -> String {
        let Ok(first) = self.0.read_u8().await else { return "eof".to_owned() };
        self.read_payload(first).await.unwrap_or_else(|_| "cut".to_owned())
    }

    async fn read_payload(&mut self, first: u8) -> std::io::Result<String> {
        let length = match self.0.read_u8().await? {
            126 => usize::from(self.0.read_u16().await?),
            short => usize::from(short),
        };
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await?;
        Ok(match (first, &*payload) {
            (CLOSE, &[high, low]) => format!("close {}", u16::from_be_bytes([high, low])),
            _ if length > Pipe::NARROW => "long".to_owned(),
            _ => String::from_utf8(payload).unwrap(),
        })
    }
}
