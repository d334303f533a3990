//! The polling handshake of a session that is to be upgraded.

use super::Endpoint;
use std::io::{Error, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Opens a session with a request of its own, and waits for it. Returns the session's id.
pub(super) fn open(endpoint: &Endpoint) -> Result<String, Error> {
    let mut stream = TcpStream::connect(endpoint.addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (path, host) = (&endpoint.path, &endpoint.host);
    write!(stream, "GET {path}?EIO=4&transport=polling HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let sid = answer.split_once("\"sid\":\"").and_then(|(_, rest)| rest.split_once('"')).map(|(sid, _)| sid.to_owned());
    sid.ok_or_else(|| Error::other(format!("no session was opened: {answer}")))
}
