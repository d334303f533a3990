//! Events with ack. Closed loop: every connection keeps `depth` in flight.
//! Open loop (`--rate`): messages are due at fixed times and latency counts from the due time.
//!
//! Every ack is checked: that somebody waits for its id, that it comes in the order of the events, and that its body is what
//! was sent, byte for byte, or begins as `--answer` says. What was never acked shows up as lost after the drain.

use crate::args::Args;
use crate::engine::{App, Engine, Gone};
use crate::pacer::Pacer;
use crate::procstat::Window;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::io::Write as _;
use std::time::Duration;

/// Messages one connection may have open in an open loop; without a bound it would only measure memory.
const OPEN_PER_CONNECTION_MAX: usize = 1000;

/// One connection's view of what it sent.
struct Slot {
    next_id: u64,
    /// (ack id, time sent or due), oldest first.
    open: Vec<(u64, u64)>,
    alive: bool,
}

/// The client side of all connections: emits, and judges the acks.
struct Echo {
    slots: Vec<Slot>,
    /// `["event",`
    event: Vec<u8>,
    /// `payload]`
    body: Vec<u8>,
    /// `[payload]`, what a right ack holds, or `[answer`, what it begins with.
    want: Vec<u8>,
    may_go_on: bool,
    /// An ack is followed by the next event of its connection.
    closed_loop: bool,
    sending: bool,
    recording: bool,
    /// Events that may still be emitted, with `--count`.
    budget: Option<u64>,
    latency: Histogram<u64>,
    acked: u64,
    acked_total: u64,
    sent_total: u64,
    bad_body: u64,
    bad_id: u64,
    reordered: u64,
    dead: u64,
    first_bad: Option<String>,
}

impl Echo {
    fn new(args: &Args, text: &str) -> Self {
        Echo {
            slots: (0..args.conns).map(|_| Slot { next_id: 1, open: Vec::new(), alive: true }).collect(),
            event: format!("[{},", json!(args.ev_echo)).into_bytes(),
            body: format!("{text}]").into_bytes(),
            want: args.answer.as_ref().map_or(format!("[{text}]"), |answer| format!("[{answer}")).into_bytes(),
            may_go_on: args.answer.is_some(),
            closed_loop: false,
            sending: true,
            recording: false,
            budget: None,
            latency: crate::hist(),
            acked: 0,
            acked_total: 0,
            sent_total: 0,
            bad_body: 0,
            bad_id: 0,
            reordered: 0,
            dead: 0,
            first_bad: None,
        }
    }

    fn emit(&mut self, io: &mut Engine, id: usize, time: u64) {
        if let Some(budget) = self.budget.as_mut() {
            if *budget == 0 {
                return;
            }
            *budget -= 1;
        }
        let slot = &mut self.slots[id];
        let ack = slot.next_id;
        slot.next_id += 1;
        slot.open.push((ack, time));
        self.sent_total += 1;
        let mut digits = [0u8; 20];
        let mut rest = &mut digits[..];
        let _ = write!(rest, "{ack}");
        let used = 20 - rest.len();
        // 42<id>["event",payload]
        io.send_sio(id, b'2', &[&digits[..used], &self.event, &self.body]);
    }
}

impl App for Echo {
    fn packet(&mut self, io: &mut Engine, id: usize, kind: u8, body: &[u8], now: u64) {
        if kind != b'3' {
            return;
        }
        let cut = body.iter().position(|b| !b.is_ascii_digit()).unwrap_or(body.len());
        let ack = body[..cut].iter().fold(0u64, |n, b| n.wrapping_mul(10).wrapping_add((b - b'0') as u64));
        let slot = &mut self.slots[id];
        let Some(place) = slot.open.iter().position(|open| open.0 == ack) else {
            // never sent, or acked twice
            self.bad_id += 1;
            return;
        };
        let (_, sent) = slot.open.remove(place);
        self.reordered += u64::from(place != 0);
        self.acked_total += 1;
        let answer = &body[cut..];
        if !answer.starts_with(&self.want) || (answer.len() > self.want.len() && !self.may_go_on) {
            self.bad_body += 1;
            self.first_bad.get_or_insert_with(|| String::from_utf8_lossy(answer).into_owned());
        }
        if self.recording {
            self.acked += 1;
            // one clock read per socket read: `now` is when the batch was read
            let _ = self.latency.record(now.saturating_sub(sent).max(100));
        }
        if self.closed_loop && self.sending {
            let time = io.now();
            self.emit(io, id, time);
        }
    }

    fn gone(&mut self, _io: &mut Engine, id: usize, _why: Gone) {
        if let Some(slot) = self.slots.get_mut(id)
            && slot.alive
        {
            slot.alive = false;
            self.dead += 1;
        }
    }
}

/// One run: the connections, the client and, in an open loop, the clock.
struct Load<'a> {
    args: &'a Args,
    io: Engine,
    app: Echo,
    pacer: Option<Pacer>,
    next_slot: usize,
    missed: u64,
}

impl Load<'_> {
    /// One turn of the loop, with the messages that are due.
    fn step(&mut self) {
        let Some(pacer) = &mut self.pacer else {
            return self.io.turn(&mut self.app, Duration::from_millis(5));
        };
        let now = self.io.now();
        while let Some(due) = pacer.due(now) {
            let id = self.next_slot % self.app.slots.len();
            self.next_slot += 1;
            if self.app.slots[id].open.len() < OPEN_PER_CONNECTION_MAX && self.app.slots[id].alive {
                self.app.emit(&mut self.io, id, due);
            } else {
                self.missed += 1;
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

    fn emit_everywhere(&mut self, times: usize) {
        for id in 0..self.args.conns {
            for _ in 0..times {
                let time = self.io.now();
                self.app.emit(&mut self.io, id, time);
            }
        }
        self.io.flush_dirty();
    }

    /// Waits until nothing is in flight, at most three seconds.
    fn run_dry(&mut self, turn_ms: u64) {
        let until = self.io.after(3.0);
        while self.app.acked_total < self.app.sent_total && self.io.now() < until {
            self.io.turn(&mut self.app, Duration::from_millis(turn_ms));
        }
    }

    /// One message per connection: proves that the whole path works before the clock starts.
    fn probe(&mut self) -> Result<(), String> {
        self.emit_everywhere(1);
        let until = self.io.after(self.args.limit);
        while self.app.acked_total < self.args.conns as u64 {
            self.io.turn(&mut self.app, Duration::from_millis(20));
            if self.io.now() > until {
                let (acked, conns, limit) = (self.app.acked_total, self.args.conns, self.args.limit);
                return Err(format!("only {acked} of {conns} probe messages were acknowledged within {limit} s"));
            }
        }
        Ok(())
    }

    /// Always a closed loop at full speed, so that a just-in-time compiler has seen the code path often before an open loop
    /// is measured.
    fn warm_up(&mut self) {
        self.app.closed_loop = true;
        self.emit_everywhere(if self.args.rate.is_some() { 4 } else { self.args.depth });
        self.step_for(self.args.warmup);
        if let Some(rate) = self.args.rate {
            // let the closed loop run dry, then half a second at the rate to be measured
            self.app.closed_loop = false;
            self.run_dry(5);
            self.pacer = Some(Pacer::new(rate, self.io.now()));
            self.step_for(0.5);
        }
    }

    /// The measured window: `--count` messages, or `--duration`.
    fn measure(&mut self) -> Value {
        self.missed = 0;
        self.app.recording = true;
        let window = Window::open(&self.args.targets);
        match self.args.count {
            Some(count) => {
                self.app.budget = Some(count);
                let until = self.io.after(self.args.limit);
                while self.app.acked < count && self.io.now() < until {
                    self.step();
                }
            }
            None => self.step_for(self.args.duration),
        }
        let stats = window.close(self.app.acked);
        self.app.recording = false;
        self.app.sending = false;
        stats
    }
}

/// Runs the mode and returns its report.
pub(crate) fn run(args: &Args) -> Result<Value, String> {
    let io = crate::make_engine(args, &[], args.conns)?;
    let text = args.argument.clone().unwrap_or_else(|| crate::payload(args.size));
    let app = Echo::new(args, &text);
    let mut load = Load { args, io, app, pacer: None, next_slot: 0, missed: 0 };
    let endpoints = load.io.endpoints.len();
    let connect = load
        .io
        .connect_all(&mut load.app, 0, args.conns, args.inflight, crate::limit(args), |i| (i % endpoints, args.auth.clone()))?;
    load.io.coalesce = args.coalesce;

    load.probe()?;
    let probe_bad = load.app.bad_body;
    load.warm_up();
    let before = load.io.counters.clone();
    let stats = load.measure();
    let (reads, writes) = (load.io.counters.reads - before.reads, load.io.counters.writes - before.writes);
    load.run_dry(20);

    let Load { mut io, mut app, missed, .. } = load;
    let lost: usize = app.slots.iter().map(|slot| slot.open.len()).sum();
    let dead = app.dead;
    let unclosed = io.close_all(&mut app, args.conns);
    let acked = app.acked.max(1) as f64;
    Ok(json!({
        "mode": "echo", "conns": args.conns, "depth": args.depth, "size": text.len(), "rate": args.rate,
        "connect_s": connect.as_secs_f64(),
        "msgs_per_s": stats["units_per_s"],
        "server_cpu_us_per_msg": stats["server_cpu_us_per_unit"],
        "latency": crate::latency(&app.latency),
        "errors": { "lost": lost, "bad_body": app.bad_body, "bad_id": app.bad_id, "reordered": app.reordered,
                    "dead_conns": dead, "missed_slots": missed, "probe_bad_body": probe_bad },
        "first_bad": app.first_bad,
        "client": { "reads_per_msg": reads as f64 / acked, "writes_per_msg": writes as f64 / acked },
        "stats": stats, "unclosed": unclosed, "counters": crate::counters(&io.counters),
    }))
}
