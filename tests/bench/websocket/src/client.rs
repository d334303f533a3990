//! The load: connections that echo once and stay idle, then a hundred that send batches. Every byte that comes back is compared.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const IDLE: usize = 5000;
const BUSY: usize = 100;
const PAYLOAD: &[u8; 100] = &[b'x'; 100];

/// Runs one server, on the CPU that `run` names, and returns the columns of the table.
pub(crate) fn measure(way: &str, seconds: f64) -> Result<[f64; 4]> {
    let mut server = Command::new("taskset")
        .args(["-c", &std::env::var("SERVER_CPU").unwrap_or("0".into())])
        .arg(std::env::current_exe()?)
        .args(["serve", way])
        .stdout(Stdio::piped())
        .spawn()?;
    let result = load(&mut server, seconds);
    server.kill()?;
    server.wait()?;
    result
}

fn load(server: &mut std::process::Child, seconds: f64) -> Result<[f64; 4]> {
    let mut port = String::new();
    let output = server.stdout.take().ok_or(Error::other("no stdout"))?;
    BufReader::new(output).read_line(&mut port)?;
    let connect = |_| TcpStream::connect(format!("127.0.0.1:{}", port.trim()));
    let memory_kb = || number(server.id(), "smaps_rollup", "Pss:");
    let cpu_ns = || number(server.id(), "schedstat", "");

    // A few first, so that what is made once is not billed to the rest.
    let mut primed = (0..20).map(connect).collect::<Result<Vec<_>>>()?;
    echo(&mut primed, 1)?;
    let empty = memory_kb()?;
    let mut idle = (0..IDLE).map(connect).collect::<Result<Vec<_>>>()?;
    for some in idle.chunks_mut(BUSY) {
        echo(some, 1)?;
    }
    std::thread::sleep(Duration::from_millis(300));
    let mut columns = [(memory_kb()? - empty) / IDLE as f64, 0.0, 0.0, 0.0];
    for (column, batch) in columns[1..].iter_mut().zip([1, 4, 64]) {
        echo_for(&mut idle[..BUSY], batch, seconds / 4.0)?;
        let before = cpu_ns()?;
        let frames = echo_for(&mut idle[..BUSY], batch, seconds)?;
        *column = (cpu_ns()? - before) / 1000.0 / frames as f64;
    }
    Ok(columns)
}

/// The number that follows the word in a file of /proc; `schedstat` begins with the run time of the (one) thread.
fn number(pid: u32, file: &str, word: &str) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/{file}"))?;
    let rest = text.lines().find_map(|line| line.strip_prefix(word));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).ok_or(Error::other(format!("no number in {file}")))
}

fn echo_for(connections: &mut [TcpStream], batch: usize, seconds: f64) -> Result<usize> {
    let until = Instant::now() + Duration::from_secs_f64(seconds);
    let mut frames = 0;
    while Instant::now() < until {
        echo(connections, batch)?;
        frames += connections.len() * batch;
    }
    Ok(frames)
}

/// `batch` frames in one write to each connection, then all of them back.
fn echo(connections: &mut [TcpStream], batch: usize) -> Result<()> {
    let key = [0x37, 0xfa, 0x21, 0x3d];
    let masked = PAYLOAD.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]);
    let frame: Vec<u8> = [0x81, 0x80 | 100].into_iter().chain(key).chain(masked).collect();
    let want = [&[0x81, 100], &PAYLOAD[..]].concat().repeat(batch);
    let mut got = vec![0; want.len()];
    for connection in connections.iter_mut() {
        connection.write_all(&frame.repeat(batch))?;
    }
    for connection in connections.iter_mut() {
        connection.read_exact(&mut got)?;
        if got != want {
            return Err(Error::other("the echo differs from what was sent"));
        }
    }
    Ok(())
}
