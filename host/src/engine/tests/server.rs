//! An engine for one session, whose protocol side records what it is called with.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use crate::{
    engine::{Engine, EngineRequest, Options, Outbox, Protocol, ProtocolFactory, byte_stream::ByteStream, listener},
    event_loops::EventLoops,
    frame::{Frame, SocketShare},
    reason::DisconnectReason,
    request::Request,
};

/// How many bytes a pipe holds.
pub(super) struct Pipe;

impl Pipe {
    /// Enough for everything here.
    pub(super) const WIDE: usize = 64 * 1024;
    /// Less than the long message.
    pub(super) const NARROW: usize = 512;
}

/// An engine whose protocol side records its calls. It has one session.
pub(super) struct Server {
    pub(super) engine: Arc<Engine>,
    pub(super) recording: Arc<Recording>,
}

impl Server {
    pub(super) fn start() -> Self {
        Self::with_options(Options::default())
    }

    pub(super) fn with_options(options: Options) -> Self {
        let recording = Arc::new(Recording::default());
        let engine = Engine::new(options, Arc::new(Factory(Arc::clone(&recording))), Arc::default(), EventLoops::here());
        Self { engine, recording }
    }

    pub(super) fn outbox(&self) -> &Outbox {
        self.recording.outbox.get().unwrap()
    }

    pub(super) fn emit(&self, packet: &str) {
        emit(self.outbox(), packet);
    }

    pub(super) fn connect(&self, pipe_bytes: usize) -> DuplexStream {
        let (client, server) = duplex(pipe_bytes);
        let (engine, stream) = (Arc::clone(&self.engine), ByteStream::Memory(server));
        let (address, seat) = (IpAddr::V4(Ipv4Addr::LOCALHOST), engine.loops.place());
        tokio::spawn(listener::serve_connection(engine, stream, address, seat));
        client
    }

    /// Sends a request of a polling client. The result is the body, or the status if that is not 200.
    pub(super) fn request(&self, method: &str, sid: &str, body: &str) -> JoinHandle<String> {
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
    pub(super) async fn open_polling(&self) -> String {
        let open = self.request("GET", "", "").await.unwrap();
        let sid = open.strip_prefix(r#"0{"sid":""#).and_then(|rest| rest.split('"').next()).unwrap();
        format!("&sid={sid}")
    }
}

/// What the protocol side was called with, and what it answers.
#[derive(Default)]
pub(super) struct Recording {
    pub(super) calls: Mutex<Vec<String>>,
    /// `accepts` says no.
    pub(super) is_full: AtomicBool,
    /// A call still runs, so `poll` does not return `Done`.
    pub(super) is_busy: AtomicBool,
    pub(super) outbox: OnceLock<Arc<Outbox>>,
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

    fn disconnect_socket(&mut self, _socket: SocketShare) -> Option<Arc<str>> {
        None
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
    outbox.enqueue(SocketShare::CONNECTION, &[Frame::text(&[packet.as_bytes()])], false);
}

/// Runs all tasks until they wait, without moving the clock.
pub(super) async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}
