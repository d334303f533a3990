//! Attempts to reach the system.

use std::{env, fs, io, net, process, thread};

use innkeeper_plugin::{Result, Socket};
use serde_json::{Value, json};

/// What of the system can be reached: nothing.
pub(crate) fn system(_socket: &Socket) -> Result<Value> {
    let mut line = String::new();
    Ok(json!({
        "arguments": env::args().count(),
        "variables": env::vars().count(),
        "folder": fs::read_dir("/").is_ok() || fs::read_dir(".").is_ok(),
        "file": fs::read("/etc/passwd").is_ok() || fs::write("/tmp/zoo", "zoo").is_ok(),
        "listener": net::TcpListener::bind("127.0.0.1:0").is_ok(),
        "connection": net::TcpStream::connect("127.0.0.1:22").is_ok(),
        "datagram": net::UdpSocket::bind("127.0.0.1:0").is_ok(),
        "names": net::ToSocketAddrs::to_socket_addrs("localhost:80").is_ok(),
        "input": io::stdin().read_line(&mut line).unwrap_or(0),
        "process": process::Command::new("/bin/true").spawn().is_ok(),
        "thread": thread::Builder::new().spawn(|| ()).is_ok(),
    }))
}
