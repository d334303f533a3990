//! Single-threaded epoll loop that owns the connections and speaks TCP, the HTTP upgrade, Engine.IO v4 and Socket.IO v5 up to
//! the CONNECT reply. A mode implements `App` and sees only Socket.IO packets.

mod polling;
mod receive;
mod send;

use crate::ws;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// Where a connection goes.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) addr: SocketAddr,
    pub(crate) host: String,
    /// Path of the Engine.IO endpoint, e.g. `/socket.io/`.
    pub(crate) path: String,
}

/// How far a connection has come: TCP, the upgrade, Engine.IO's OPEN or the answer to our probe, our CONNECT, its answer, our goodbye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Tcp,
    Http,
    Open,
    Probe,
    Connect,
    Ready,
    Closing,
}

/// One connection; its number is its slot in the engine.
pub(crate) struct Conn {
    sock: TcpStream,
    pub(crate) state: State,
    /// When it was started, on the engine's clock.
    pub(crate) t_start: u64,
    /// Bytes of an incomplete frame or HTTP response kept between reads.
    rest: Vec<u8>,
    /// A fragmented message so far, and its opcode.
    frag: Vec<u8>,
    frag_op: u8,
    /// What the kernel has not taken yet, from `wpos` on.
    wbuf: Vec<u8>,
    wpos: usize,
    /// Payload of the CONNECT packet.
    auth: Option<String>,
    endpoint: usize,
    /// The session, if it began with polling.
    sid: Option<String>,
    /// Tells this connection from the next one in the same slot.
    generation: u32,
}

/// Why a connection went away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Gone {
    /// TCP connect or HTTP upgrade failed.
    Handshake,
    /// The peer closed (FIN, WebSocket close or Engine.IO close).
    Peer,
    /// A protocol violation seen by this client.
    Protocol,
    /// A socket error after the handshake.
    Io,
}

/// A mode: what it does when something happens to one of its connections.
pub(crate) trait App {
    /// The namespace CONNECT was accepted.
    fn ready(&mut self, _io: &mut Engine, _id: usize) {}
    /// CONNECT_ERROR; `data` is its JSON payload.
    fn refused(&mut self, _io: &mut Engine, _id: usize, _data: &[u8]) {}
    /// A Socket.IO EVENT (b'2') or ACK (b'3'), namespace stripped.
    fn packet(&mut self, _io: &mut Engine, _id: usize, _kind: u8, _body: &[u8], _now: u64) {}
    /// The connection is closed and its slot free.
    fn gone(&mut self, _io: &mut Engine, _id: usize, _why: Gone) {}
}

/// What happened on the wire since the engine was made; part of every report.
#[derive(Default, Clone, Debug)]
pub(crate) struct Counters {
    pub(crate) opened: u64,
    pub(crate) ready: u64,
    pub(crate) refused: u64,
    pub(crate) gone_handshake: u64,
    pub(crate) gone_peer: u64,
    pub(crate) gone_protocol: u64,
    pub(crate) gone_io: u64,
    pub(crate) pings: u64,
    pub(crate) unexpected: u64,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
    pub(crate) short_writes: u64,
}

/// All connections and the loop that serves them.
pub(crate) struct Engine {
    poll: Poll,
    /// Taken out during a turn.
    events: Option<Events>,
    pub(crate) conns: Vec<Option<Conn>>,
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) ns: String,
    /// Source addresses to spread over: one gives about 28,000 ports.
    pub(crate) src_ips: u32,
    src_next: u32,
    /// Where reads land; connections keep only what is incomplete.
    scratch: Vec<u8>,
    out: Vec<u8>,
    rng: u32,
    /// What `Sec-WebSocket-Accept` must say.
    accept: String,
    base: Instant,
    pub(crate) counters: Counters,
    pub(crate) live: usize,
    /// When true, `send` only queues; `flush_dirty` writes once per batch of reads.
    pub(crate) coalesce: bool,
    /// Whether sessions begin with polling and are upgraded.
    pub(crate) upgrade: bool,
    dirty: Vec<usize>,
    generation: u32,
    pub(crate) last_error: Option<String>,
}

/// Room of one read.
const SCRATCH_BYTES: usize = 256 * 1024;

impl Engine {
    pub(crate) fn new(endpoints: Vec<Endpoint>, ns: String, src_ips: u32) -> std::io::Result<Self> {
        Ok(Engine {
            poll: Poll::new()?,
            events: Some(Events::with_capacity(1024)),
            conns: Vec::new(),
            endpoints,
            ns,
            src_ips: src_ips.max(1),
            src_next: 0,
            scratch: vec![0; SCRATCH_BYTES],
            out: Vec::with_capacity(64 * 1024),
            rng: 0x9e37_79b9,
            accept: ws::expected_accept(),
            base: Instant::now(),
            counters: Counters::default(),
            live: 0,
            coalesce: false,
            upgrade: false,
            dirty: Vec::new(),
            generation: 0,
            last_error: None,
        })
    }

    /// Nanoseconds since the engine was made.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.base.elapsed().as_nanos() as u64
    }

    /// The time in so many seconds, on the same clock.
    pub(crate) fn after(&self, seconds: f64) -> u64 {
        self.now() + (seconds * 1e9) as u64
    }

    /// The next masking key; xorshift is random enough for the servers and costs nothing.
    #[inline]
    fn key(&mut self) -> u32 {
        let mut x = self.rng;
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        self.rng = x;
        x
    }

    pub(crate) fn state(&self, id: usize) -> Option<State> {
        self.conns.get(id).and_then(|c| c.as_ref()).map(|c| c.state)
    }

    /// Starts connection `id` (a slot that must be empty).
    pub(crate) fn connect(&mut self, id: usize, endpoint: usize, auth: Option<String>) -> std::io::Result<()> {
        let ep = &self.endpoints[endpoint];
        let sid = if self.upgrade { Some(polling::open(ep)?) } else { None };
        let s = socket2::Socket::new(socket2::Domain::for_address(ep.addr), socket2::Type::STREAM, None)?;
        s.set_nonblocking(true)?;
        s.set_tcp_nodelay(true)?;
        if self.src_ips > 1 {
            let one: libc::c_int = 1;
            // SAFETY: the descriptor is open, the option is an int and `one` outlives the call.
            unsafe {
                use std::os::fd::AsRawFd;
                // the port is picked at connect time, when the 4-tuple is known
                libc::setsockopt(
                    s.as_raw_fd(),
                    libc::IPPROTO_IP,
                    libc::IP_BIND_ADDRESS_NO_PORT,
                    &one as *const _ as *const libc::c_void,
                    std::mem::size_of_val(&one) as u32,
                );
            }
            let k = self.src_next % self.src_ips;
            self.src_next = self.src_next.wrapping_add(1);
            let ip = Ipv4Addr::new(127, 0, (k / 250) as u8, 1 + (k % 250) as u8);
            s.bind(&SocketAddr::new(IpAddr::V4(ip), 0).into())?;
        }
        match s.connect(&ep.addr.into()) {
            Ok(()) => {}
            Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => {}
            Err(e) => return Err(e),
        }
        let mut sock = TcpStream::from_std(s.into());
        self.poll.registry().register(&mut sock, Token(id), Interest::READABLE | Interest::WRITABLE)?;
        if self.conns.len() <= id {
            self.conns.resize_with(id + 1, || None);
        }
        debug_assert!(self.conns[id].is_none());
        self.generation = self.generation.wrapping_add(1);
        self.conns[id] = Some(Conn {
            sock,
            state: State::Tcp,
            t_start: self.base.elapsed().as_nanos() as u64,
            rest: Vec::new(),
            frag: Vec::new(),
            frag_op: 0,
            wbuf: Vec::new(),
            wpos: 0,
            auth,
            endpoint,
            sid,
            generation: self.generation,
        });
        self.live += 1;
        self.counters.opened += 1;
        Ok(())
    }

    /// Drops the connection without telling the app.
    pub(crate) fn drop_conn(&mut self, id: usize) {
        if let Some(mut c) = self.conns.get_mut(id).and_then(|c| c.take()) {
            let _ = self.poll.registry().deregister(&mut c.sock);
            self.live -= 1;
        }
    }

    fn lose<A: App>(&mut self, app: &mut A, id: usize, why: Gone) {
        if self.conns.get(id).is_some_and(|c| c.is_some()) {
            match why {
                Gone::Handshake => self.counters.gone_handshake += 1,
                Gone::Peer => self.counters.gone_peer += 1,
                Gone::Protocol => self.counters.gone_protocol += 1,
                Gone::Io => self.counters.gone_io += 1,
            }
            self.drop_conn(id);
            app.gone(self, id, why);
        }
    }

    /// Waits up to `timeout` for events and handles them.
    pub(crate) fn turn<A: App>(&mut self, app: &mut A, timeout: Duration) {
        let mut events = self.events.take().unwrap();
        match self.poll.poll(&mut events, Some(timeout)) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => panic!("poll: {e}"),
        }
        for ev in events.iter() {
            let id = ev.token().0;
            let Some(c) = self.conns.get_mut(id).and_then(|c| c.as_mut()) else {
                continue;
            };
            if c.state == State::Tcp {
                if ev.is_error() || c.sock.take_error().ok().flatten().is_some() {
                    self.lose(app, id, Gone::Handshake);
                    continue;
                }
                if ev.is_writable() {
                    if c.sock.peer_addr().is_err() {
                        continue;
                    }
                    self.start_http(id);
                }
            } else if ev.is_writable() && !c.wbuf.is_empty() {
                self.flush(id);
            }
            if ev.is_readable() || ev.is_read_closed() || ev.is_error() {
                self.readable(app, id, ev.is_read_closed() || ev.is_error());
            }
        }
        self.events = Some(events);
        if !self.dirty.is_empty() {
            self.flush_dirty();
        }
    }

    fn start_http(&mut self, id: usize) {
        let c = self.conns[id].as_mut().unwrap();
        c.state = State::Http;
        let ep = &self.endpoints[c.endpoint];
        let sid = c.sid.as_ref().map(|sid| format!("&sid={sid}")).unwrap_or_default();
        let req = format!(
            "GET {}?EIO=4&transport=websocket{sid} HTTP/1.1\r\nHost: {}\r\nUser-Agent: sioload\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {}\r\n\r\n",
            ep.path,
            ep.host,
            ws::KEY
        );
        // A fresh socket's send buffer always takes a request of this size.
        let _ = c.sock.write(req.as_bytes());
    }

    /// Opens slots `0..n` with at most `inflight` handshakes pending. Returns the wall time.
    pub(crate) fn connect_all<A: App>(
        &mut self,
        app: &mut A,
        first: usize,
        n: usize,
        inflight: usize,
        limit: Duration,
        pick: impl Fn(usize) -> (usize, Option<String>),
    ) -> Result<Duration, String> {
        let t = Instant::now();
        let done0 = self.counters.ready + self.counters.refused + self.counters.gone_handshake;
        let mut next = 0usize;
        loop {
            let done = (self.counters.ready + self.counters.refused + self.counters.gone_handshake - done0) as usize;
            if done >= n {
                break;
            }
            while next < n && next - done < inflight {
                let (ep, auth) = pick(next);
                self.connect(first + next, ep, auth).map_err(|e| format!("connect: {e}"))?;
                next += 1;
            }
            self.turn(app, Duration::from_millis(50));
            if t.elapsed() > limit {
                return Err(format!("connect phase timed out: {done} of {n} done"));
            }
        }
        if self.counters.refused + self.counters.gone_handshake > 0 {
            return Err(format!(
                "{} of {n} connections failed ({:?})",
                self.counters.refused + self.counters.gone_handshake,
                self.last_error
            ));
        }
        Ok(t.elapsed())
    }

    /// Closes slots `0..n` politely; returns how many the server did not close within three seconds.
    pub(crate) fn close_all<A: App>(&mut self, app: &mut A, n: usize) -> usize {
        self.coalesce = false;
        for first in (0..n).step_by(200) {
            for id in first..(first + 200).min(n) {
                self.start_close(id);
            }
            self.turn(app, Duration::from_millis(1));
        }
        let until = self.after(3.0);
        while self.live > 0 && self.now() < until {
            self.turn(app, Duration::from_millis(20));
        }
        self.live
    }
}
