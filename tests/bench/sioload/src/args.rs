//! Command line: `sioload MODE --key value ...`, read once into `Args`.

use crate::engine::Endpoint;
use crate::procstat::{Target, parse_target};
use std::net::ToSocketAddrs;

/// A run as asked for; `HELP` says what each field means.
#[derive(Clone)]
pub(crate) struct Args {
    pub(crate) mode: String,
    pub(crate) urls: Vec<Endpoint>,
    pub(crate) pub_urls: Vec<Endpoint>,
    pub(crate) ns: String,
    pub(crate) auth: Option<String>,
    pub(crate) tokens: Option<String>,
    pub hs256_secret: Option<String>,
    pub(crate) claims: String,
    pub(crate) jwt_mix: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) conns: usize,
    pub(crate) depth: usize,
    pub(crate) size: usize,
    pub(crate) argument: Option<String>,
    pub(crate) answer: Option<String>,
    pub(crate) duration: f64,
    pub(crate) warmup: f64,
    pub(crate) count: Option<u64>,
    pub(crate) rate: Option<f64>,
    pub(crate) publishers: usize,
    pub(crate) window: usize,
    pub(crate) hold: f64,
    pub(crate) inflight: usize,
    pub(crate) src_ips: Option<u32>,
    pub(crate) coalesce: bool,
    pub(crate) upgrade: bool,
    pub(crate) limit: f64,
    pub(crate) ev_echo: String,
    pub(crate) ev_join: String,
    pub(crate) ev_publish: String,
    pub(crate) ev_message: String,
    pub(crate) room: String,
    pub(crate) json: bool,
    pub(crate) pretty: bool,
}

/// What `--help` prints.
pub(crate) const HELP: &str = "\
sioload MODE [options]

modes
  echo       events with ack, closed loop (--depth) or open loop (--rate)
  broadcast  room fan-out: publishers emit, everyone else in the room receives
  idle       open connections, hold them, read the server's memory
  churn      connect, CONNECT, DISCONNECT, close, again
  press      every connection emits --ev-echo with --argument, waits for any answer, and emits again
  jwt        like churn, with an auth token in CONNECT; counts ok and refused

options (defaults in brackets)
  --url URL             http://127.0.0.1:3000[/socket.io/]; may repeat (round robin)
  --pub-url URL         where publishers connect (broadcast) [--url]
  --ns NS               namespace [/]
  --auth JSON           CONNECT auth payload
  --server-pid [N=]PID  process to sample; may repeat
  --conns N             connections [100]; for churn/jwt: concurrent slots
  --depth N             outstanding messages per connection (echo) [1]
  --size BYTES          JSON payload size [100]
  --argument JSON       what press emits [null], and echo in place of --size
  --answer TEXT         what a right ack of echo begins with, behind its bracket [all that was sent, and no more]
  --duration S          measured seconds [5]
  --count N             measure N messages instead of a duration (echo, broadcast publishes)
  --warmup S            [1]
  --rate R              open loop: R messages (echo) or publishes (broadcast) per second
  --publishers P        [1]      --window W  outstanding publishes per publisher [4]
  --hold S              seconds to hold (idle) [5]
  --inflight N          handshakes in flight while connecting [64]
  --src-ips N           source addresses 127.0.0.1.. to spread over [1 per 20000 conns; churn 8]
  --upgrade 1           sessions begin with polling and are upgraded to a websocket
  --coalesce 1          one write per batch of replies, not one per message (echo)
  --tokens FILE         jwt: lines `ok JSON` / `bad JSON`, used round robin
  --hs256-secret S      jwt: make tokens here;  --claims JSON [{\"sub\":\"bench\"}]
  --jwt-mix MIX         e.g. valid=80,expired=10,badsig=10 [valid=100]
  --limit S             bound on any phase [60]
  --ev-echo/-join/-publish/-message NAME, --room NAME
  --json                one JSON line on stdout (default: indented JSON)
";

/// Reads a URL and refuses whatever is not on this machine.
fn endpoint(s: &str) -> Result<Endpoint, String> {
    let rest = s
        .strip_prefix("http://")
        .or_else(|| s.strip_prefix("ws://"))
        .ok_or_else(|| format!("only http:// or ws:// urls: {s}"))?;
    let (host, path) = match rest.find('/') {
        Some(i) if rest.len() > i + 1 => (&rest[..i], rest[i..].to_string()),
        Some(i) => (&rest[..i], "/socket.io/".to_string()),
        None => (rest, "/socket.io/".to_string()),
    };
    let hp = if host.contains(':') { host.to_string() } else { format!("{host}:80") };
    let addr = hp
        .to_socket_addrs()
        .map_err(|e| format!("{hp}: {e}"))?
        .find(|a| a.is_ipv4())
        .ok_or_else(|| format!("{hp}: no IPv4 address"))?;
    if !addr.ip().is_loopback() {
        return Err(format!("{addr}: this tool only talks to loopback addresses"));
    }
    Ok(Endpoint { addr, host: host.to_string(), path })
}

/// Reads the command line; the error is what to print.
pub(crate) fn parse() -> Result<Args, String> {
    let mut it = std::env::args().skip(1);
    let mode = it.next().ok_or(HELP)?;
    if mode == "-h" || mode == "--help" {
        return Err(HELP.into());
    }
    let mut a = Args {
        mode,
        urls: vec![],
        pub_urls: vec![],
        ns: "/".into(),
        auth: None,
        tokens: None,
        hs256_secret: None,
        claims: "{\"sub\":\"bench\"}".into(),
        jwt_mix: "valid=100".into(),
        targets: vec![],
        conns: 100,
        depth: 1,
        size: 100,
        argument: None,
        answer: None,
        duration: 5.0,
        warmup: 1.0,
        count: None,
        rate: None,
        publishers: 1,
        window: 4,
        hold: 5.0,
        inflight: 64,
        src_ips: None,
        coalesce: false,
        upgrade: false,
        limit: 60.0,
        ev_echo: "bench:echo".into(),
        ev_join: "room:join".into(),
        ev_publish: "bench:publish".into(),
        ev_message: "bench:message".into(),
        room: "bench".into(),
        json: false,
        pretty: true,
    };
    while let Some(k) = it.next() {
        if k == "--json" {
            a.json = true;
            a.pretty = false;
            continue;
        }
        if k == "-h" || k == "--help" {
            return Err(HELP.into());
        }
        let v = it.next().ok_or_else(|| format!("{k} needs a value"))?;
        fn n<T: std::str::FromStr>(k: &str, v: &str) -> Result<T, String> {
            v.parse().map_err(|_| format!("{k}: bad value {v}"))
        }
        match k.as_str() {
            "--url" => a.urls.push(endpoint(&v)?),
            "--pub-url" => a.pub_urls.push(endpoint(&v)?),
            "--ns" => a.ns = v,
            "--auth" => {
                serde_json::from_str::<serde_json::Value>(&v).map_err(|e| format!("--auth: {e}"))?;
                a.auth = Some(v)
            }
            "--tokens" => a.tokens = Some(v),
            "--hs256-secret" => a.hs256_secret = Some(v),
            "--claims" => a.claims = v,
            "--jwt-mix" => a.jwt_mix = v,
            "--server-pid" => a.targets.push(parse_target(&v).ok_or_else(|| format!("{k}: {v}"))?),
            "--conns" => a.conns = n(&k, &v)?,
            "--depth" => a.depth = n(&k, &v)?,
            "--size" => a.size = n(&k, &v)?,
            "--argument" => {
                serde_json::from_str::<serde_json::Value>(&v).map_err(|e| format!("--argument: {e}"))?;
                a.argument = Some(v)
            }
            "--answer" => a.answer = Some(v),
            "--duration" => a.duration = n(&k, &v)?,
            "--warmup" => a.warmup = n(&k, &v)?,
            "--count" => a.count = Some(n(&k, &v)?),
            "--rate" => a.rate = Some(n(&k, &v)?),
            "--publishers" => a.publishers = n(&k, &v)?,
            "--window" => a.window = n(&k, &v)?,
            "--hold" => a.hold = n(&k, &v)?,
            "--inflight" => a.inflight = n(&k, &v)?,
            "--src-ips" => a.src_ips = Some(n(&k, &v)?),
            "--coalesce" => a.coalesce = v == "1" || v == "true",
            "--upgrade" => a.upgrade = v == "1" || v == "true",
            "--limit" => a.limit = n(&k, &v)?,
            "--ev-echo" => a.ev_echo = v,
            "--ev-join" => a.ev_join = v,
            "--ev-publish" => a.ev_publish = v,
            "--ev-message" => a.ev_message = v,
            "--room" => a.room = v,
            _ => return Err(format!("unknown option {k}\n{HELP}")),
        }
    }
    if a.urls.is_empty() {
        return Err("--url is required".into());
    }
    if a.conns == 0 || a.depth == 0 || a.window == 0 || a.publishers == 0 || a.inflight == 0 {
        return Err("counts must be positive".into());
    }
    if a.window > 64 {
        return Err("--window is at most 64 (the receivers' duplicate check)".into());
    }
    if a.duration > 600.0 || a.hold > 600.0 {
        return Err("runs are bounded to 600 s".into());
    }
    Ok(a)
}
