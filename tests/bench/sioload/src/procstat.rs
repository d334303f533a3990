//! CPU and memory of other processes, as the kernel counts them.

use serde_json::{Value, json};
use std::fs;

/// A process to sample, with the name it has in the report.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) pid: i32,
}

/// `NAME=PID` or `PID`.
pub(crate) fn parse_target(s: &str) -> Option<Target> {
    let (name, pid) = match s.split_once('=') {
        Some((n, p)) => (n.to_string(), p),
        None => (s.to_string(), s),
    };
    Some(Target { name, pid: pid.parse().ok()? })
}

/// One reading of a process; memory is only there after `full`.
#[derive(Clone, Default, Debug)]
pub(crate) struct Sample {
    /// Sum of the run time of all threads, ns (CPU clock of the process; utime + stime).
    pub(crate) cpu_ns: u64,
    pub(crate) utime_ticks: u64,
    pub(crate) stime_ticks: u64,
    pub(crate) rss_kb: u64,
    pub(crate) hwm_kb: u64,
    pub(crate) pss_kb: u64,
    pub(crate) anon_kb: u64,
    pub(crate) threads: u64,
    pub(crate) vol_ctx: u64,
    pub(crate) invol_ctx: u64,
}

fn kb_field(text: &str, key: &str) -> u64 {
    text.lines()
        .find_map(|l| l.strip_prefix(key))
        .and_then(|r| r.split_whitespace().next().and_then(|v| v.parse().ok()))
        .unwrap_or(0)
}

fn process_cpu_ns(pid: i32) -> u64 {
    // SAFETY: both calls write only to the local they are given, and a `timespec` may be all zeroes.
    unsafe {
        let mut clk: libc::clockid_t = 0;
        if libc::clock_getcpuclockid(pid, &mut clk) != 0 {
            return 0;
        }
        let mut ts: libc::timespec = std::mem::zeroed();
        if libc::clock_gettime(clk, &mut ts) != 0 {
            return 0;
        }
        ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
    }
}

/// CPU only: cheap enough to take right at a window's edge.
pub(crate) fn cpu(pid: i32) -> Sample {
    let mut s = Sample { cpu_ns: process_cpu_ns(pid), ..Default::default() };
    if let Ok(t) = fs::read_to_string(format!("/proc/{pid}/stat"))
        && let Some((_, rest)) = t.rsplit_once(')')
    {
        let f: Vec<&str> = rest.split_whitespace().collect();
        // fields after the comm: state is [0]; utime is field 14 of the file, so [11] here.
        s.utime_ticks = f.get(11).and_then(|v| v.parse().ok()).unwrap_or(0);
        s.stime_ticks = f.get(12).and_then(|v| v.parse().ok()).unwrap_or(0);
    }
    // context switches are per thread
    if let Ok(rd) = fs::read_dir(format!("/proc/{pid}/task")) {
        for e in rd.flatten() {
            if let Ok(t) = fs::read_to_string(e.path().join("status")) {
                s.vol_ctx += kb_field(&t, "voluntary_ctxt_switches:");
                s.invol_ctx += kb_field(&t, "nonvoluntary_ctxt_switches:");
            }
        }
    }
    s
}

/// CPU and memory.
pub(crate) fn full(pid: i32) -> Sample {
    let mut s = cpu(pid);
    if let Ok(t) = fs::read_to_string(format!("/proc/{pid}/status")) {
        s.rss_kb = kb_field(&t, "VmRSS:");
        s.hwm_kb = kb_field(&t, "VmHWM:");
        s.threads = kb_field(&t, "Threads:");
    }
    if let Ok(t) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        s.pss_kb = kb_field(&t, "Pss:");
        s.anon_kb = kb_field(&t, "Anonymous:");
    }
    s
}

/// Refuses to load a port that the named processes do not serve: on a shared machine the port may
/// be someone else's.
pub(crate) fn check_owner(targets: &[Target], ports: &[u16]) -> Result<(), String> {
    if targets.is_empty() {
        return Ok(());
    }
    let mut held = std::collections::HashSet::new();
    for t in targets {
        let rd = fs::read_dir(format!("/proc/{}/fd", t.pid)).map_err(|e| format!("--server-pid {}: {e}", t.pid))?;
        for f in rd.flatten() {
            if let Ok(l) = fs::read_link(f.path()) {
                let l = l.to_string_lossy();
                if let Some(i) = l.strip_prefix("socket:[").and_then(|x| x.strip_suffix(']')) {
                    held.insert(i.to_string());
                }
            }
        }
    }
    let mut tcp = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    tcp.push_str(&fs::read_to_string("/proc/net/tcp6").unwrap_or_default());
    for port in ports {
        let tail = format!(":{port:04X}");
        let owned = tcp.lines().any(|l| {
            let f: Vec<&str> = l.split_whitespace().collect();
            // local address, state 0A (LISTEN), inode
            f.len() > 9 && f[1].ends_with(&tail) && f[3] == "0A" && held.contains(f[9])
        });
        if !owned {
            return Err(format!("port {port} is not served by the given --server-pid; not loading it"));
        }
    }
    Ok(())
}

/// CPU time of this process.
pub(crate) fn own_cpu_ns() -> u64 {
    // SAFETY: the call writes only to the local it is given, and a `timespec` may be all zeroes.
    unsafe {
        let mut ts: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut ts);
        ts.tv_sec as u64 * 1_000_000_000 + ts.tv_nsec as u64
    }
}

/// Per-CPU busy and steal ticks from /proc/stat.
#[derive(Clone, Default)]
pub(crate) struct Cpus(Vec<(u64, u64)>);

/// Reads them.
pub(crate) fn cpus() -> Cpus {
    let mut v = Vec::new();
    if let Ok(t) = fs::read_to_string("/proc/stat") {
        for l in t.lines() {
            if !l.starts_with("cpu") || l.starts_with("cpu ") {
                continue;
            }
            let f: Vec<u64> = l.split_whitespace().skip(1).filter_map(|x| x.parse().ok()).collect();
            if f.len() >= 8 {
                v.push((f[0] + f[1] + f[2] + f[5] + f[6], f[7]));
            }
        }
    }
    Cpus(v)
}

/// A measuring window over the servers, this process and the machine.
pub(crate) struct Window {
    targets: Vec<Target>,
    t0: std::time::Instant,
    s0: Vec<Sample>,
    own0: u64,
    cpus0: Cpus,
}

impl Window {
    /// Opens the window now.
    pub(crate) fn open(targets: &[Target]) -> Self {
        let cpus0 = cpus();
        let s0 = targets.iter().map(|t| cpu(t.pid)).collect();
        Window { targets: targets.to_vec(), t0: std::time::Instant::now(), s0, own0: own_cpu_ns(), cpus0 }
    }

    /// Closes the window. `n` is the number of units (messages, deliveries, cycles) done in it.
    pub(crate) fn close(self, n: u64) -> Value {
        let wall = self.t0.elapsed();
        let s1: Vec<Sample> = self.targets.iter().map(|t| cpu(t.pid)).collect();
        let own = own_cpu_ns() - self.own0;
        let cpus1 = cpus();
        // SAFETY: no pointers are involved.
        let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as f64;
        let wall_ns = wall.as_nanos() as f64;
        let per = |ns: f64| {
            if n > 0 { ns / 1000.0 / n as f64 } else { f64::NAN }
        };
        let mut procs = serde_json::Map::new();
        let mut sum = 0u64;
        for ((t, a), b) in self.targets.iter().zip(&self.s0).zip(&s1) {
            let d = b.cpu_ns.saturating_sub(a.cpu_ns);
            sum += d;
            let m = full(t.pid);
            let (du, ds) = (b.utime_ticks.saturating_sub(a.utime_ticks), b.stime_ticks.saturating_sub(a.stime_ticks));
            let sys_share = if du + ds > 0 { ds as f64 / (du + ds) as f64 } else { f64::NAN };
            procs.insert(
                t.name.clone(),
                json!({
                    "pid": t.pid,
                    "cpu_s": d as f64 / 1e9,
                    "cpu_util": d as f64 / wall_ns,
                    "cpu_us_per_unit": num(per(d as f64)),
                    "sys_share": num(sys_share),
                    "vol_ctx_per_unit": num(if n > 0 { b.vol_ctx.saturating_sub(a.vol_ctx) as f64 / n as f64 } else { f64::NAN }),
                    "invol_ctx": b.invol_ctx.saturating_sub(a.invol_ctx),
                    "rss_kb": m.rss_kb, "pss_kb": m.pss_kb, "hwm_kb": m.hwm_kb, "threads": m.threads,
                }),
            );
        }
        let mut machine = Vec::new();
        for (a, b) in self.cpus0.0.iter().zip(&cpus1.0) {
            machine.push(json!({
                "busy": (b.0 - a.0) as f64 / hz / wall.as_secs_f64(),
                "steal": (b.1 - a.1) as f64 / hz / wall.as_secs_f64(),
            }));
        }
        let busy: f64 = self.cpus0.0.iter().zip(&cpus1.0).map(|(a, b)| (b.0 - a.0) as f64 / hz).sum::<f64>();
        let foreign = (busy - (sum + own) as f64 / 1e9) / wall.as_secs_f64();
        json!({
            "wall_s": wall.as_secs_f64(),
            "units": n,
            "units_per_s": n as f64 / wall.as_secs_f64(),
            "server_cpu_us_per_unit": num(per(sum as f64)),
            "server_cpu_util": sum as f64 / wall_ns,
            "client_cpu_us_per_unit": num(per(own as f64)),
            "client_cpu_util": own as f64 / wall_ns,
            // CPU seconds per second used on the machine by neither the servers nor this process
            "foreign_cpu": foreign,
            "machine": machine,
            "procs": procs,
        })
    }
}

/// JSON knows no NaN: what could not be measured is null.
pub(crate) fn num(x: f64) -> Value {
    if x.is_finite() { json!(x) } else { Value::Null }
}
