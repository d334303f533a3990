//! Load generator for Socket.IO v5 servers over the websocket transport, on loopback only.
//!
//! One thread, one epoll loop: the generator must stay cheaper than the servers it measures. It verifies what it gets back
//! and reports errors beside the numbers; a fast server that loses messages is not fast.

mod args;
mod broadcast;
mod cycle;
mod echo;
mod engine;
mod idle;
mod pacer;
mod press;
mod procstat;
mod ws;

use args::Args;
use engine::{Counters, Engine};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::time::Duration;

/// A histogram for latencies in nanoseconds.
pub(crate) fn hist() -> Histogram<u64> {
    // 100 ns .. 120 s, three digits
    Histogram::new_with_bounds(100, 120_000_000_000, 3).unwrap()
}

/// The quantiles of a histogram, in microseconds.
pub(crate) fn latency(h: &Histogram<u64>) -> Value {
    if h.is_empty() {
        return Value::Null;
    }
    let us = |q: f64| h.value_at_quantile(q) as f64 / 1000.0;
    json!({
        "n": h.len(), "mean": h.mean() / 1000.0, "min": h.min() as f64 / 1000.0,
        "p50": us(0.50), "p90": us(0.90), "p99": us(0.99), "p999": us(0.999),
        "max": h.max() as f64 / 1000.0, "unit": "us",
    })
}

/// The engine's counters for the report.
pub(crate) fn counters(c: &Counters) -> Value {
    json!({
        "opened": c.opened, "ready": c.ready, "refused": c.refused,
        "gone_handshake": c.gone_handshake, "gone_peer": c.gone_peer,
        "gone_protocol": c.gone_protocol, "gone_io": c.gone_io,
        "pings": c.pings, "unexpected": c.unexpected,
        "bytes_in": c.bytes_in, "bytes_out": c.bytes_out,
        "reads": c.reads, "writes": c.writes, "short_writes": c.short_writes,
    })
}

/// A JSON object of exactly `size` bytes when `size` allows it (keys in alphabetical order, so
/// that servers which sort keys return the same text), else the nearest small object.
pub(crate) fn payload(size: usize) -> String {
    let head = "{\"id\":12345,\"kind\":\"chat\",\"ok\":true,\"pos\":[12,34.5],\"text\":\"";
    let tail = "\"}";
    if size >= head.len() + tail.len() {
        let fill = size - head.len() - tail.len();
        let words = "the quick brown fox jumps over the lazy dog ";
        let text: String = words.chars().cycle().take(fill).collect();
        return format!("{head}{text}{tail}");
    }
    if size >= 10 {
        return format!("{{\"id\":\"{}\"}}", "x".repeat(size - 9));
    }
    "1".to_string()
}

/// The engine of a run: checks that the ports belong to the named processes and raises the limit of open files.
pub(crate) fn make_engine(args: &Args, extra: &[engine::Endpoint], total: usize) -> Result<Engine, String> {
    let mut eps = args.urls.clone();
    eps.extend_from_slice(extra);
    let ports: Vec<u16> = eps.iter().map(|e| e.addr.port()).collect();
    procstat::check_owner(&args.targets, &ports)?;
    let auto = total.div_ceil(20_000) as u32;
    let mut lim = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a local that outlives them.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut lim);
        lim.rlim_cur = lim.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &lim);
    }
    if total as u64 + 50 > lim.rlim_cur {
        return Err(format!("{total} connections do not fit in the limit of {} files", lim.rlim_cur));
    }
    let mut engine = Engine::new(eps, args.ns.clone(), args.src_ips.unwrap_or(auto)).map_err(|e| e.to_string())?;
    engine.upgrade = args.upgrade;
    Ok(engine)
}

/// The bound on a phase.
pub(crate) fn limit(args: &Args) -> Duration {
    Duration::from_secs_f64(args.limit)
}

fn main() {
    let a = match args::parse() {
        Ok(a) => a,
        Err(e) => {
            eprintln!("{e}");
            std::process::exit(2);
        }
    };
    let r = match a.mode.as_str() {
        "echo" => echo::run(&a),
        "broadcast" => broadcast::run(&a),
        "idle" => idle::run(&a),
        "press" => press::run(&a),
        "churn" | "jwt" => cycle::run(&a),
        m => Err(format!("unknown mode {m}\n{}", args::HELP)),
    };
    match r {
        Ok(v) => {
            if a.json {
                println!("{v}");
            } else {
                println!("{}", serde_json::to_string_pretty(&v).unwrap());
            }
        }
        Err(e) => {
            println!("{}", json!({ "mode": a.mode, "error": e }));
            std::process::exit(1);
        }
    }
}
