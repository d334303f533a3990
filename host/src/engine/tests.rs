//! The engine in process: real HTTP and websocket bytes over pipes in memory, with tokio's clock stopped.
//!
//! The first test is the table of endings: for each state of a session and each way to end it, what the protocol side is called
//! with, what the client reads, and when the task ends.

mod loops;
mod server;
mod times;
mod websocket;

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use tokio::{task::JoinHandle, time::Instant};

use self::{
    server::{Pipe, Server, settle},
    websocket::{CLOSE, TEXT, Websocket},
};
use crate::{
    fixed_limits::{CLOSE_DEADLINE, POLL_GAP},
    reason::DisconnectReason,
};

/// The state of the session when its end is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Open,
    /// Ended by `Outbox::close`, and the client has not read yet. On a websocket, a long message fills the pipe.
    Closing,
    /// Ended and without a transport, but a call of the protocol side still runs.
    Gone,
}
use Before::{Closing, Gone, Open};

/// How the end is requested: one way for each delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The server shuts down.
    Flush,
    /// The connection is aborted: a client that does not take what is sent to it, that does not answer a PING.
    CloseOnly,
    /// The client's websocket sends a close frame.
    Answer,
    /// The client sends CLOSE.
    LeftToClient,
    /// The client is gone: its stream, or the one of the held poll.
    Nothing,
}
use End::{Answer, CloseOnly, Flush, LeftToClient, Nothing};

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

/// How long a step of the closing handshake waits for the client, in milliseconds.
const CLOSING: u64 = CLOSE_DEADLINE.as_secs() * 1_000;
/// How long what is queued waits for the client to take it: the ping timeout.
const TAKING: u64 = 20_000;
/// How long a shutdown waits for the next poll of a client.
const GAP: u64 = POLL_GAP.as_millis() as u64;
const SHUT_DOWN: &[&str] = &["closed server shutting down"];
const LEFT: &[&str] = &["closed transport close"];
const FAILED: &[&str] = &["closed transport error"];
/// The calls before the row's end are the last ones: `closed` is called once.
const BY_SERVER: &[&str] = &["closing", "closed forced close"];
const TIMED_OUT: &[&str] = &["closed ping timeout"];

/// `long` is the message that fills the pipe.
const WEBSOCKET: [Row; 11] = [
    row(Open, Flush, SHUT_DOWN, &["4last", "close 1001", "eof"], At(CLOSING, CLOSING)),
    row(Open, CloseOnly, FAILED, &["close 1008", "eof"], At(CLOSING, CLOSING)),
    row(Open, Answer, LEFT, &["close 1000", "eof"], At(CLOSING, CLOSING)),
    row(Open, LeftToClient, LEFT, &["close 1000", "eof"], At(2 * CLOSING, 2 * CLOSING)),
    row(Open, Nothing, LEFT, &["eof"], At(0, 0)),
    row(Closing, Flush, BY_SERVER, &["long", "4closing", "4last", "close 1000", "eof"], At(CLOSING, TAKING)),
    row(Closing, CloseOnly, BY_SERVER, &["long", "close 1008", "eof"], At(CLOSING, CLOSING)),
    row(Closing, Answer, BY_SERVER, &["long", "4closing", "4last", "close 1000", "eof"], At(CLOSING, TAKING)),
    row(Gone, Flush, FAILED, &["close 1008", "eof"], WithTheCall),
    row(Gone, CloseOnly, FAILED, &["close 1008", "eof"], WithTheCall),
    row(Gone, LeftToClient, FAILED, &["close 1008", "eof"], WithTheCall),
];

/// The first poll is held already if the session is open. `|` is the record separator. The client polls until it is refused.
const POLLING: [Row; 10] = [
    row(Open, Flush, SHUT_DOWN, &["4last", "1", "400"], At(0, CLOSING)),
    row(Open, CloseOnly, FAILED, &["1", "400"], At(0, 0)),
    row(Open, LeftToClient, LEFT, &["post ok", "6", "400"], At(0, 0)),
    row(Open, Nothing, FAILED, &["400"], At(0, 0)),
    row(Closing, Flush, BY_SERVER, &["4closing|4last", "1", "400"], At(0, GAP)),
    row(Closing, CloseOnly, BY_SERVER, &["1", "400"], At(0, TAKING)),
    row(Closing, LeftToClient, BY_SERVER, &["post ok", "4closing|4last", "1", "400"], At(0, TAKING)),
    row(Gone, Flush, FAILED, &["400"], WithTheCall),
    row(Gone, CloseOnly, FAILED, &["400"], WithTheCall),
    row(Gone, LeftToClient, FAILED, &["post 400", "400"], WithTheCall),
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
    client.prepare(&server, on, row.before).await;

    let start = Instant::now();
    client.request_end(&server, row.end).await;
    settle().await;
    // A pause keeps what a websocket's client sends unread until the pause is over, after half of the ping timeout.
    let is_unread = is_paused && on == On::Websocket && row.before == Open && matches!(row.end, Answer | LeftToClient | Nothing);
    let unread_ms = if is_unread { 10_000 } else { 0 };
    // A websocket that probes is closed too, and its client keeps it open.
    let probe_ms = if on == On::PollingProbed { CLOSING } else { 0 };
    let expected_ms = match row.ends {
        At(reading, silent) => unread_ms + probe_ms.max(if client_reads { reading } else { silent }),
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
        assert_eq!(probe.read_frames().await, ["close 1000", "eof"], "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_closes_its_stream_ends_the_closing_handshake() {
    let server = Server::start();
    let mut client = Websocket::open(&server, "", Pipe::WIDE).await;
    server.outbox().close();
    let start = Instant::now();
    for frame in ["4closing", "4last", "close 1000"] {
        assert_eq!(client.read_frame().await, frame);
    }
    drop(client);
    server.engine.ended().await;
    assert_ends_at(start, 0, "the client closed");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sent_close_closes_its_websocket_first() {
    let server = Server::start();
    let mut client = Websocket::open(&server, "", Pipe::WIDE).await;
    client.send(TEXT, b"1").await;
    settle().await;
    assert_eq!(*server.recording.calls.lock().unwrap(), LEFT);
    let start = Instant::now();
    tokio::time::sleep(CLOSE_DEADLINE / 2).await;
    client.send(CLOSE, &[]).await;
    assert_eq!(client.read_frames().await, ["close 1000", "eof"]);
    drop(client);
    server.engine.ended().await;
    assert_ends_at(start, CLOSING / 2, "the client closed first");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_answers_the_close_frame_is_not_waited_for_longer() {
    let server = Server::start();
    let mut client = Websocket::open(&server, "", Pipe::WIDE).await;
    server.outbox().close();
    let start = Instant::now();
    for frame in ["4closing", "4last", "close 1000"] {
        assert_eq!(client.read_frame().await, frame);
    }
    client.send(TEXT, b"4late").await;
    client.send(CLOSE, &[]).await;
    assert_eq!(client.read_frame().await, "eof");
    assert_ends_at(start, 0, "the client answered");
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_its_close_overtook_is_answered() {
    let server = Server::start();
    let sid = server.open_polling().await;
    assert_eq!(server.request("POST", &sid, "1").await.unwrap(), "ok");
    assert_eq!(*server.recording.calls.lock().unwrap(), LEFT);
    assert_eq!(server.request("GET", &sid, "").await.unwrap(), "6");
    assert_eq!(server.request("GET", &sid, "").await.unwrap(), "400");
}

#[tokio::test(start_paused = true)]
async fn requests_that_overlap_end_the_session_and_the_held_poll_reads_close() {
    let server = Server::start();
    let sid = server.open_polling().await;
    let (held, second) = (server.request("GET", &sid, ""), server.request("GET", &sid, ""));
    assert_eq!([held.await.unwrap(), second.await.unwrap()], ["1", "400"]);
    assert_eq!(*server.recording.calls.lock().unwrap(), FAILED);

    let server = Server::start();
    let sid = server.open_polling().await;
    let held = server.request("GET", &sid, "");
    settle().await;
    server.recording.is_full.store(true, SeqCst);
    let first = server.request("POST", &sid, "4a");
    settle().await;
    let second = server.request("POST", &sid, "4b");
    assert_eq!([held.await.unwrap(), second.await.unwrap(), first.await.unwrap()], ["1", "400", "ok"]);
    assert_eq!(*server.recording.calls.lock().unwrap(), ["text a", "closed transport error"]);
}

#[tokio::test(start_paused = true)]
async fn a_held_poll_reads_close_when_no_pong_came() {
    let server = Server::start();
    let sid = server.open_polling().await;
    assert_eq!(server.request("GET", &sid, "").await.unwrap(), "2");
    assert_eq!(server.request("GET", &sid, "").await.unwrap(), "1");
    assert_eq!(*server.recording.calls.lock().unwrap(), TIMED_OUT);
    server.engine.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_websocket_is_closed_after_its_handshake() {
    let server = Server::start();
    let sid = server.open_polling().await;
    let mut first = Websocket::open(&server, &sid, Pipe::WIDE).await;
    settle().await;
    let mut second = Websocket::open(&server, &sid, Pipe::WIDE).await;
    assert_eq!(second.read_frame().await, "close 1000");
    first.send(TEXT, b"2probe").await;
    assert_eq!(first.read_frame().await, "3probe");
    first.send(TEXT, b"5").await;
    settle().await;
    let mut third = Websocket::open(&server, &sid, Pipe::WIDE).await;
    assert_eq!(third.read_frame().await, "close 1000");
    server.emit("4still here");
    assert_eq!(first.read_frame().await, "4still here");
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
    assert_eq!([client.read_frame().await, client.read_frame().await], ["2", "close 1008"]);
    drop(client);
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

fn assert_ends_at(start: Instant, expected_ms: u64, case: &str) {
    let elapsed = start.elapsed().as_millis();
    // tokio's timers round up to a millisecond.
    assert!((u128::from(expected_ms)..u128::from(expected_ms) + 3).contains(&elapsed), "{case}: after {elapsed} ms");
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

    async fn prepare(&mut self, server: &Server, on: On, before: Before) {
        match before {
            Open => return,
            Closing => {
                if on == On::Websocket {
                    server.emit(&format!("4{}", "x".repeat(Pipe::NARROW * 4)));
                    settle().await;
                }
                server.outbox().close();
            }
            Gone => {
                server.recording.is_busy.store(true, SeqCst);
                server.outbox().abort(DisconnectReason::TransportError);
                if on != On::Websocket {
                    settle().await;
                    assert_eq!(server.request("GET", &self.sid, "").await.unwrap(), "1");
                }
            }
        }
        settle().await;
    }

    async fn request_end(&mut self, server: &Server, end: End) {
        match (end, &mut self.websocket) {
            (Flush, _) => server.outbox().close_for_shutdown(DisconnectReason::ServerShuttingDown),
            (CloseOnly, _) => server.outbox().abort(DisconnectReason::TransportError),
            (Answer, Some(websocket)) => websocket.send(CLOSE, &[]).await,
            (LeftToClient, Some(websocket)) => websocket.send(TEXT, b"1").await,
            (LeftToClient, None) => self.post = Some(server.request("POST", &self.sid, "1")),
            (Nothing, Some(websocket)) => websocket.close_stream().await,
            (Nothing, None) => {
                if let Some(poll) = self.held_poll.take() {
                    poll.abort();
                }
            }
            (Answer, None) => unreachable!("a close frame on a websocket only"),
        }
    }

    /// Reads until the server has nothing more to send. A websocket stays open.
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
            let is_last = read == "400";
            reads.push(read);
            if is_last {
                return reads;
            }
        }
    }
}
