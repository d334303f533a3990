//! Open connections, hold them, and read what they cost the server in memory and CPU.

use crate::args::Args;
use crate::engine::{App, Engine, Gone};
use crate::procstat::{Sample, Window, full};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Counts who leaves without being asked.
#[derive(Default)]
struct Idle {
    gone: u64,
}

impl App for Idle {
    fn gone(&mut self, _io: &mut Engine, _id: usize, _why: Gone) {
        self.gone += 1;
    }
}

fn snap(args: &Args) -> Vec<Sample> {
    args.targets.iter().map(|t| full(t.pid)).collect()
}

fn spin(io: &mut Engine, app: &mut Idle, s: f64) {
    let until = io.now() + (s * 1e9) as u64;
    while io.now() < until {
        io.turn(app, Duration::from_millis(50));
    }
}

/// Runs the mode and returns its report.
pub(crate) fn run(args: &Args) -> Result<Value, String> {
    let mut io = crate::make_engine(args, &[], args.conns)?;
    let mut app = Idle::default();
    let n_ep = io.endpoints.len();

    // A few connections first, so that lazily made code and pools are not billed to the 5000.
    let prime = 20.min(args.conns);
    io.connect_all(&mut app, 0, prime, prime, crate::limit(args), |i| (i % n_ep, args.auth.clone()))?;
    spin(&mut io, &mut app, 0.3);
    let before = snap(args);

    let n = args.conns - prime;
    let w = Window::open(&args.targets);
    let took = io.connect_all(&mut app, prime, n, args.inflight, crate::limit(args), |i| (i % n_ep, args.auth.clone()))?;
    let connect = w.close(n as u64);
    spin(&mut io, &mut app, 1.0);
    let after = snap(args);

    let pings0 = io.counters.pings;
    let w = Window::open(&args.targets);
    spin(&mut io, &mut app, args.hold);
    let hold = w.close(n as u64);
    let pings = io.counters.pings - pings0;
    let held = snap(args);
    let lost = app.gone;

    let unclosed = io.close_all(&mut app, args.conns);
    std::thread::sleep(Duration::from_millis(1500));
    let end = snap(args);

    let mut mem = Map::new();
    let (mut rss_sum, mut pss_sum, mut held_sum) = (0i64, 0i64, 0i64);
    for (i, t) in args.targets.iter().enumerate() {
        let d = |x: u64, y: u64| x as i64 - y as i64;
        rss_sum += d(after[i].rss_kb, before[i].rss_kb);
        pss_sum += d(after[i].pss_kb, before[i].pss_kb);
        held_sum += d(held[i].pss_kb, before[i].pss_kb);
        let one = |s: &Sample| json!({"rss_kb": s.rss_kb, "pss_kb": s.pss_kb, "anon_kb": s.anon_kb, "hwm_kb": s.hwm_kb, "threads": s.threads});
        mem.insert(
            t.name.clone(),
            json!({"before": one(&before[i]), "after": one(&after[i]), "held": one(&held[i]), "closed": one(&end[i])}),
        );
    }
    let per = |kb: i64| kb as f64 / n.max(1) as f64;
    Ok(json!({
        "mode": "idle", "conns": args.conns, "counted": n,
        "connect_s": took.as_secs_f64(),
        "connects_per_s": n as f64 / took.as_secs_f64(),
        "connect_cpu_us": connect["server_cpu_us_per_unit"],
        "rss_kb_per_conn": per(rss_sum), "pss_kb_per_conn": per(pss_sum),
        "held_pss_kb_per_conn": per(held_sum),
        "hold_s": args.hold, "hold_pings": pings, "hold_cpu_s": hold["procs"].as_object().map(|m| m.values().filter_map(|p| p["cpu_s"].as_f64()).sum::<f64>()),
        "lost_while_held": lost, "unclosed": unclosed,
        "mem": mem, "stats": connect, "counters": crate::counters(&io.counters),
    }))
}
