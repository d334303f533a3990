//! Room fan-out. `conns` subscribers join the room; each publisher also joins and must not receive its own messages.
//! Closed loop: a publisher keeps `window` publishes whose fan-out is incomplete. Open loop: `--rate` publishes per second
//! over all publishers.
//!
//! Every receiver counts each publisher's sequence numbers, so a delivery that is lost, doubled, out of order, sent back to
//! its publisher or nobody's shows up by kind.

use crate::args::Args;
use crate::engine::{App, Engine, Gone};
use crate::pacer::Pacer;
use crate::procstat::Window;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::time::Duration;

/// What one publisher sent.
struct Publisher {
    /// Deliveries still expected, by sequence number.
    left: Vec<u32>,
    /// Publishes whose fan-out is not complete.
    open: usize,
}

/// The client side of all connections: subscribers first, publishers behind them.
struct Broadcast {
    subs: usize,
    pubs: Vec<Publisher>,
    /// What each receiver got from each publisher: the highest sequence number, and which of the
    /// 64 up to it (bit 0 is the highest itself).
    seen: Vec<(u32, u64)>,
    /// `["event",`
    event_head: Vec<u8>,
    message_head: Vec<u8>,
    pad: String,
    /// Receivers of each publish.
    expect: u32,
    closed_loop: bool,
    sending: bool,
    recording: bool,
    budget: Option<u64>,
    /// Acks of the probe that follows each join.
    barrier: u64,
    delivered: u64,
    delivered_total: u64,
    published: u64,
    published_total: u64,
    completed: u64,
    duplicate: u64,
    reordered: u64,
    /// Came back to who published it.
    own: u64,
    /// Not one of ours.
    foreign: u64,
    dead: u64,
    latency: Histogram<u64>,
    /// Until the last receiver had it.
    latency_last: Histogram<u64>,
    /// Publishers whose oldest fan-out is complete.
    refill: Vec<usize>,
    stray: Option<String>,
}

/// The unsigned number after `key` (which includes quotes and colon), spaces allowed.
fn field(b: &[u8], key: &[u8]) -> Option<u64> {
    let i = b.windows(key.len()).position(|w| w == key)? + key.len();
    let mut n = 0u64;
    let mut any = false;
    for c in &b[i..] {
        match c {
            b' ' if !any => {}
            b'0'..=b'9' => {
                n = n * 10 + (c - b'0') as u64;
                any = true;
            }
            _ => break,
        }
    }
    any.then_some(n)
}

impl Broadcast {
    fn new(args: &Args) -> Self {
        let total = args.conns + args.publishers;
        let empty = "{\"p\":0,\"s\":1000,\"t\":10000000000,\"x\":\"\"}";
        Broadcast {
            subs: args.conns,
            pubs: (0..args.publishers).map(|_| Publisher { left: Vec::new(), open: 0 }).collect(),
            seen: vec![(0, 0); total * args.publishers],
            event_head: format!("[{},", json!(args.ev_publish)).into_bytes(),
            message_head: format!("[{},", json!(args.ev_message)).into_bytes(),
            pad: "y".repeat(args.size.saturating_sub(empty.len())),
            expect: (total - 1) as u32,
            closed_loop: true,
            sending: false,
            recording: false,
            budget: None,
            barrier: 0,
            delivered: 0,
            delivered_total: 0,
            published: 0,
            published_total: 0,
            completed: 0,
            duplicate: 0,
            reordered: 0,
            own: 0,
            foreign: 0,
            dead: 0,
            latency: crate::hist(),
            latency_last: crate::hist(),
            refill: Vec::new(),
            stray: None,
        }
    }

    fn publish(&mut self, io: &mut Engine, p: usize) {
        if let Some(b) = self.budget.as_mut() {
            if *b == 0 {
                return;
            }
            *b -= 1;
        }
        self.pubs[p].left.push(self.expect);
        self.pubs[p].open += 1;
        let seq = self.pubs[p].left.len();
        let t = io.now();
        let body = format!("{{\"p\":{p},\"s\":{seq},\"t\":{t},\"x\":\"{}\"}}]", self.pad);
        io.send_sio(self.subs + p, b'2', &[&self.event_head, body.as_bytes()]);
        self.published_total += 1;
        if self.recording {
            self.published += 1;
        }
    }
}

impl App for Broadcast {
    fn packet(&mut self, io: &mut Engine, id: usize, kind: u8, body: &[u8], now: u64) {
        if kind == b'3' {
            self.barrier += 1;
            return;
        }
        if !body.starts_with(&self.message_head) {
            self.foreign += 1;
            if self.stray.is_none() {
                self.stray = Some(String::from_utf8_lossy(body).into_owned());
            }
            return;
        }
        let b = &body[self.message_head.len()..];
        let (Some(p), Some(s), Some(t)) = (field(b, b"\"p\":"), field(b, b"\"s\":"), field(b, b"\"t\":")) else {
            self.foreign += 1;
            return;
        };
        let (p, s) = (p as usize, s as usize);
        if p >= self.pubs.len() || s == 0 || s > self.pubs[p].left.len() {
            self.foreign += 1;
            return;
        }
        if id == self.subs + p {
            self.own += 1;
            return;
        }
        let s32 = s as u32;
        let (top, bits) = &mut self.seen[id * self.pubs.len() + p];
        if s32 > *top {
            let d = s32 - *top;
            *bits = if d < 64 { (*bits << d) | 1 } else { 1 };
            *top = s32;
        } else {
            let d = *top - s32;
            if d >= 64 || *bits >> d & 1 == 1 {
                // 64 behind is further than any window allowed here, so it is a repeat
                self.duplicate += 1;
                return;
            }
            *bits |= 1 << d;
            self.reordered += 1;
        }
        self.delivered_total += 1;
        if self.recording {
            self.delivered += 1;
            let _ = self.latency.record(now.saturating_sub(t).max(100));
        }
        let left = &mut self.pubs[p].left[s - 1];
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.pubs[p].open -= 1;
            if self.recording {
                self.completed += 1;
                let _ = self.latency_last.record(io.now().saturating_sub(t).max(100));
            }
            if self.closed_loop && self.sending {
                self.refill.push(p);
            }
        }
    }

    fn gone(&mut self, _io: &mut Engine, _id: usize, _why: Gone) {
        self.dead += 1;
    }
}

/// One run: the connections, the client and, in an open loop, the clock.
struct Load<'a> {
    args: &'a Args,
    io: Engine,
    app: Broadcast,
    pacer: Option<Pacer>,
    next_publisher: usize,
    late: u64,
}

impl Load<'_> {
    /// Joins everybody, with an echo behind it as a barrier: events of one socket are handled in order.
    fn join(&mut self) -> Result<(), String> {
        let total = self.args.conns + self.args.publishers;
        let join = format!("[{},{}]", json!(self.args.ev_join), json!(self.args.room));
        let probe = format!("1[{},1]", json!(self.args.ev_echo));
        for first in (0..total).step_by(200) {
            for id in first..(first + 200).min(total) {
                self.io.send_sio(id, b'2', &[join.as_bytes()]);
                self.io.send_sio(id, b'2', &[probe.as_bytes()]);
            }
            self.io.turn(&mut self.app, Duration::from_millis(1));
        }
        let until = self.io.after(self.args.limit);
        while self.app.barrier < total as u64 {
            self.io.turn(&mut self.app, Duration::from_millis(20));
            if self.io.now() > until {
                return Err(format!("join barrier: {} of {total}", self.app.barrier));
            }
        }
        let until = self.io.after(0.5);
        while self.io.now() < until {
            self.io.turn(&mut self.app, Duration::from_millis(20));
        }
        Ok(())
    }

    /// One turn of the loop, with the publishes that are due.
    fn step(&mut self) {
        let Some(pacer) = &mut self.pacer else {
            self.io.turn(&mut self.app, Duration::from_millis(5));
            while let Some(p) = self.app.refill.pop() {
                self.app.publish(&mut self.io, p);
            }
            return;
        };
        let now = self.io.now();
        while pacer.due(now).is_some() {
            let p = self.next_publisher % self.app.pubs.len();
            self.next_publisher += 1;
            if self.app.pubs[p].open < 64 {
                self.app.publish(&mut self.io, p);
            } else {
                self.late += 1;
            }
        }
        self.io.turn(&mut self.app, pacer.wait(self.io.now()));
    }

    fn step_for(&mut self, seconds: f64) {
        let until = self.io.after(seconds);
        while self.io.now() < until {
            self.step();
        }
    }

    /// As in echo: in a closed loop, also when the rate is fixed afterwards.
    fn warm_up(&mut self) {
        self.app.sending = true;
        for p in 0..self.args.publishers {
            for _ in 0..self.args.window {
                self.app.publish(&mut self.io, p);
            }
        }
        self.step_for(self.args.warmup);
        if let Some(rate) = self.args.rate {
            self.app.closed_loop = false;
            let until = self.io.after(3.0);
            while self.app.pubs.iter().any(|p| p.open > 0) && self.io.now() < until {
                self.io.turn(&mut self.app, Duration::from_millis(5));
            }
            self.app.refill.clear();
            self.pacer = Some(Pacer::new(rate, self.io.now()));
            self.step_for(0.5);
        }
    }

    /// The measured window: `--count` publishes, or `--duration`.
    fn measure(&mut self) -> Value {
        self.app.recording = true;
        let window = Window::open(&self.args.targets);
        match self.args.count {
            Some(count) => {
                self.app.budget = Some(count);
                let until = self.io.after(self.args.limit);
                while self.app.completed < count && self.io.now() < until {
                    self.step();
                }
            }
            None => self.step_for(self.args.duration),
        }
        let stats = window.close(self.app.delivered);
        self.app.recording = false;
        self.app.sending = false;
        stats
    }

    /// Waits until nothing arrives for a second, at most five; returns how many deliveries are missing.
    fn drain(&mut self) -> i64 {
        let want = self.app.published_total * u64::from(self.app.expect);
        let mut last = (self.app.delivered_total, self.io.now());
        let until = self.io.after(5.0);
        while self.app.delivered_total < want && self.io.now() < until {
            self.io.turn(&mut self.app, Duration::from_millis(20));
            if self.app.delivered_total != last.0 {
                last = (self.app.delivered_total, self.io.now());
            } else if self.io.now() - last.1 > 1_000_000_000 {
                break;
            }
        }
        want as i64 - self.app.delivered_total as i64
    }
}

/// Runs the mode and returns its report.
pub(crate) fn run(args: &Args) -> Result<Value, String> {
    let total = args.conns + args.publishers;
    let io = crate::make_engine(args, &args.pub_urls, total)?;
    let (sub_endpoints, pub_endpoints) = (args.urls.len(), args.pub_urls.len());
    let mut load = Load { args, io, app: Broadcast::new(args), pacer: None, next_publisher: 0, late: 0 };
    let connect = load.io.connect_all(&mut load.app, 0, total, args.inflight, crate::limit(args), |i| {
        let endpoint = match i.checked_sub(args.conns) {
            None => i % sub_endpoints,
            Some(p) if pub_endpoints > 0 => sub_endpoints + p % pub_endpoints,
            Some(p) => p % sub_endpoints,
        };
        (endpoint, args.auth.clone())
    })?;
    load.join()?;
    load.warm_up();
    let reads = load.io.counters.reads;
    let stats = load.measure();
    let (reads, published) = (load.io.counters.reads - reads, load.app.published);
    let lost = load.drain();

    let Load { mut io, mut app, late, .. } = load;
    let dead = app.dead;
    let unclosed = io.close_all(&mut app, total);
    Ok(json!({
        "mode": "broadcast", "subscribers": args.conns, "publishers": args.publishers,
        "window": args.window, "rate": args.rate, "size": app.pad.len() + 42,
        "connect_s": connect.as_secs_f64(),
        "deliveries_per_s": stats["units_per_s"],
        "server_cpu_us_per_delivery": stats["server_cpu_us_per_unit"],
        "publishes": published, "fanouts_completed": app.completed, "deliveries_in_all": app.delivered_total,
        "latency": crate::latency(&app.latency),
        "latency_last_receiver": crate::latency(&app.latency_last),
        "errors": { "lost": lost, "duplicate": app.duplicate, "reordered": app.reordered,
                    "own": app.own, "foreign": app.foreign, "dead_conns": dead, "late_slots": late },
        "stray": app.stray,
        "client": { "reads_per_delivery": reads as f64 / app.delivered.max(1) as f64 },
        "stats": stats, "unclosed": unclosed, "counters": crate::counters(&io.counters),
    }))
}
