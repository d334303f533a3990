//! `churn` and `jwt`: connection cycles. Each slot connects, waits for the CONNECT reply, leaves (DISCONNECT + close frame),
//! waits for the server to close, and starts again. With tokens, whom the server lets in is compared with whom it should.

use crate::args::Args;
use crate::engine::{App, Engine, Gone, State};
use crate::procstat::Window;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use hdrhistogram::Histogram;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where a slot is in its cycle.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    Empty,
    Waiting,
    Answered,
}

/// What a connection presents, and whether that should let it in.
struct Token {
    auth: Option<String>,
    expect_ok: bool,
}

/// The client side of all slots.
struct Cycle {
    tokens: Vec<Token>,
    next: usize,
    /// Which token each slot uses now.
    using: Vec<usize>,
    phase: Vec<Phase>,
    restart: Vec<usize>,
    recording: bool,
    running: bool,
    hist: Histogram<u64>,
    hist_refused: Histogram<u64>,
    done: u64,
    ok: u64,
    refused: u64,
    wrong: u64,
    closed_early: u64,
    handshake_failed: u64,
    timeouts: u64,
    sample: Option<String>,
}

impl Cycle {
    fn answer(&mut self, io: &mut Engine, id: usize, ok: bool) {
        let t = io.now() - io.conns[id].as_ref().map_or(0, |c| c.t_start);
        self.phase[id] = Phase::Answered;
        if self.recording {
            if ok {
                self.ok += 1;
                let _ = self.hist.record(t.max(100));
            } else {
                self.refused += 1;
                let _ = self.hist_refused.record(t.max(100));
            }
            if self.tokens[self.using[id]].expect_ok != ok {
                self.wrong += 1;
            }
        }
        io.start_close(id);
    }

    fn begin(&mut self, io: &mut Engine, id: usize) -> Result<(), String> {
        let k = self.next % self.tokens.len();
        self.next += 1;
        self.using[id] = k;
        self.phase[id] = Phase::Waiting;
        let ep = self.next % io.endpoints.len();
        io.connect(id, ep, self.tokens[k].auth.clone()).map_err(|e| format!("connect: {e}"))
    }
}

impl App for Cycle {
    fn ready(&mut self, io: &mut Engine, id: usize) {
        self.answer(io, id, true);
    }

    fn refused(&mut self, io: &mut Engine, id: usize, data: &[u8]) {
        if self.sample.is_none() {
            self.sample = Some(String::from_utf8_lossy(data).into_owned());
        }
        self.answer(io, id, false);
    }

    fn gone(&mut self, _io: &mut Engine, id: usize, why: Gone) {
        if self.recording {
            match (self.phase[id], why) {
                (Phase::Answered, _) => self.done += 1,
                (_, Gone::Handshake) => self.handshake_failed += 1,
                _ => self.closed_early += 1,
            }
        }
        self.phase[id] = Phase::Empty;
        self.restart.push(id);
    }
}

/// Runs the mode and returns its report.
pub(crate) fn run(a: &Args) -> Result<Value, String> {
    let mut b = a.clone();
    if b.src_ips.is_none() {
        b.src_ips = Some(8);
    }
    let mut io = crate::make_engine(&b, &[], a.conns)?;
    let tokens = tokens(a)?;
    let mut app = Cycle {
        tokens,
        next: 0,
        using: vec![0; a.conns],
        phase: vec![Phase::Empty; a.conns],
        restart: (0..a.conns).collect(),
        recording: false,
        running: true,
        hist: crate::hist(),
        hist_refused: crate::hist(),
        done: 0,
        ok: 0,
        refused: 0,
        wrong: 0,
        closed_early: 0,
        handshake_failed: 0,
        timeouts: 0,
        sample: None,
    };
    let stuck = 5_000_000_000u64;
    let mut last_scan = io.now();
    let mut turn = |io: &mut Engine, app: &mut Cycle| -> Result<(), String> {
        while app.running {
            let Some(id) = app.restart.pop() else { break };
            app.begin(io, id)?;
        }
        io.turn(app, Duration::from_millis(5));
        let now = io.now();
        if now - last_scan > 500_000_000 {
            last_scan = now;
            for id in 0..app.phase.len() {
                let old = io.conns.get(id).and_then(|c| c.as_ref()).is_some_and(|c| now - c.t_start > stuck);
                if old {
                    if app.recording {
                        if io.state(id) == Some(State::Closing) {
                            // answered, but the server never closed: still a cycle
                            app.done += 1;
                        }
                        app.timeouts += 1;
                    }
                    io.drop_conn(id);
                    app.phase[id] = Phase::Empty;
                    app.restart.push(id);
                }
            }
        }
        Ok(())
    };
    let until = io.now() + (a.warmup * 1e9) as u64;
    while io.now() < until {
        turn(&mut io, &mut app)?;
    }
    app.recording = true;
    let w = Window::open(&a.targets);
    let end = io.now() + (a.duration * 1e9) as u64;
    while io.now() < end {
        turn(&mut io, &mut app)?;
        if a.count.is_some_and(|n| app.done >= n) {
            break;
        }
    }
    let stats = w.close(app.done);
    app.recording = false;
    app.running = false;
    let until = io.now() + 2_000_000_000;
    while io.live > 0 && io.now() < until {
        turn(&mut io, &mut app)?;
    }
    Ok(json!({
        "mode": a.mode, "slots": a.conns,
        "cycles_per_s": stats["units_per_s"],
        "server_cpu_us_per_cycle": stats["server_cpu_us_per_unit"],
        "cycles": app.done, "ok": app.ok, "refused": app.refused,
        "errors": { "wrong_outcome": app.wrong, "closed_before_answer": app.closed_early,
                    "handshake_failed": app.handshake_failed, "timeouts": app.timeouts },
        "latency": crate::latency(&app.hist), "latency_refused": crate::latency(&app.hist_refused),
        "refusal_sample": app.sample, "last_error": io.last_error,
        "stats": stats, "unclosed": io.live, "counters": crate::counters(&io.counters),
    }))
}

/// A signed token.
fn hs256(secret: &str, claims: &Value) -> String {
    let h = B64.encode(b"{\"alg\":\"HS256\",\"typ\":\"JWT\"}");
    let c = B64.encode(claims.to_string());
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{h}.{c}").as_bytes());
    format!("{h}.{c}.{}", B64.encode(mac.finalize().into_bytes()))
}

/// The tokens of the run: from a file, made here, or one for all.
fn tokens(a: &Args) -> Result<Vec<Token>, String> {
    if let Some(f) = &a.tokens {
        let text = std::fs::read_to_string(f).map_err(|e| format!("{f}: {e}"))?;
        let mut v = Vec::new();
        for l in text.lines().filter(|l| !l.trim().is_empty()) {
            let (k, j) = l.split_once(' ').ok_or("token lines are `ok JSON` or `bad JSON`")?;
            v.push(Token { auth: Some(j.trim().to_string()), expect_ok: k == "ok" });
        }
        if v.is_empty() {
            return Err("no tokens".into());
        }
        return Ok(v);
    }
    let Some(secret) = &a.hs256_secret else {
        return Ok(vec![Token { auth: a.auth.clone(), expect_ok: true }]);
    };
    let claims: Value = serde_json::from_str(&a.claims).map_err(|e| format!("--claims: {e}"))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut groups: Vec<(usize, String)> = Vec::new();
    for part in a.jwt_mix.split(',') {
        let (k, n) = part.split_once('=').ok_or("--jwt-mix: kind=weight,...")?;
        groups.push((n.parse().map_err(|_| "--jwt-mix: weight")?, k.to_string()));
    }
    // Interleave by weight, with distinct subjects so that no server can answer from a cache of one.
    let total: usize = groups.iter().map(|g| g.0).sum();
    if total == 0 {
        return Err("--jwt-mix: no weight".into());
    }
    let len = total.max(256).div_ceil(total) * total;
    let mut acc = vec![0i64; groups.len()];
    let mut v = Vec::new();
    for i in 0..len {
        for (g, a) in groups.iter().zip(acc.iter_mut()) {
            *a += g.0 as i64;
        }
        let k = (0..groups.len()).max_by_key(|k| acc[*k]).unwrap();
        acc[k] -= total as i64;
        let mut c = claims.clone();
        c["iat"] = json!(now);
        c["exp"] = json!(now + 3600);
        c["jti"] = json!(format!("t{i}"));
        let (tok, ok) = match groups[k].1.as_str() {
            "valid" => (hs256(secret, &c), true),
            "expired" => {
                c["iat"] = json!(now - 7200);
                c["exp"] = json!(now - 3600);
                (hs256(secret, &c), false)
            }
            "badsig" => (hs256("not-the-secret", &c), false),
            "garbage" => ("abc.def".to_string(), false),
            "none" => {
                let h = B64.encode(b"{\"alg\":\"none\",\"typ\":\"JWT\"}");
                (format!("{h}.{}.", B64.encode(c.to_string())), false)
            }
            other => return Err(format!("--jwt-mix: unknown kind {other}")),
        };
        v.push(Token { auth: Some(json!({ "token": tok }).to_string()), expect_ok: ok });
    }
    Ok(v)
}
