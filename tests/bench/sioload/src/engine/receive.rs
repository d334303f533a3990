//! What arrives: the HTTP upgrade, websocket frames, Engine.IO packets, Socket.IO packets, each handed to the next.
//!
//! All bytes of a read are handled before the next read. A callback may drop its connection and open another in the same
//! slot, so the connection's generation is compared after each one.

use super::{App, Engine, Gone, SCRATCH_BYTES, State};
use crate::ws;
use std::io::{ErrorKind, Read};

impl Engine {
    /// Reads what is there and handles it.
    pub(super) fn readable<A: App>(&mut self, app: &mut A, id: usize, closed: bool) {
        let mut scratch = std::mem::take(&mut self.scratch);
        while let Some(c) = self.conns.get_mut(id).and_then(|c| c.as_mut()) {
            let generation = c.generation;
            let have = c.rest.len();
            if have > 0 {
                if scratch.len() < have + 65536 {
                    scratch.resize(have + SCRATCH_BYTES, 0);
                }
                scratch[..have].copy_from_slice(&c.rest);
                c.rest.clear();
            }
            let room = scratch.len() - have;
            self.counters.reads += 1;
            match c.sock.read(&mut scratch[have..]) {
                Ok(0) => {
                    let why = if c.state == State::Http || c.state == State::Tcp { Gone::Handshake } else { Gone::Peer };
                    self.lose(app, id, why);
                    break;
                }
                Ok(n) => {
                    self.counters.bytes_in += n as u64;
                    let now = self.now();
                    let end = have + n;
                    let used = self.consume(app, id, generation, &scratch[..end], now);
                    // The slot may hold a newer connection now.
                    let same = self.conns.get_mut(id).and_then(|c| c.as_mut()).filter(|c| c.generation == generation);
                    let Some(c) = same else { break };
                    if used < end {
                        c.rest.extend_from_slice(&scratch[used..end]);
                    } else if c.rest.capacity() > 0 {
                        c.rest = Vec::new();
                    }
                    if n < room && !closed {
                        break;
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    if have > 0 {
                        c.rest.extend_from_slice(&scratch[..have]);
                    }
                    break;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {
                    if have > 0 {
                        c.rest.extend_from_slice(&scratch[..have]);
                    }
                }
                Err(e) => {
                    self.last_error = Some(e.to_string());
                    let why = match c.state {
                        State::Tcp | State::Http => Gone::Handshake,
                        State::Closing => Gone::Peer,
                        _ => Gone::Io,
                    };
                    self.lose(app, id, why);
                    break;
                }
            }
        }
        self.scratch = scratch;
    }

    /// Handles all complete units in `buf`; returns how many bytes were consumed.
    fn consume<A: App>(&mut self, app: &mut A, id: usize, generation: u32, buf: &[u8], now: u64) -> usize {
        let mut pos = 0;
        if self.state(id) == Some(State::Http) {
            let Some(end) = buf.windows(4).position(|w| w == b"\r\n\r\n") else {
                return 0;
            };
            let head = String::from_utf8_lossy(&buf[..end]);
            let mut lines = head.split("\r\n");
            let ok = lines.next().is_some_and(|l| l.starts_with("HTTP/1.1 101"));
            let accept = lines.find_map(|l| {
                let (k, v) = l.split_once(':')?;
                k.trim().eq_ignore_ascii_case("sec-websocket-accept").then(|| v.trim().to_string())
            });
            if !ok || accept.as_deref() != Some(self.accept.as_str()) {
                self.last_error = Some(format!("upgrade refused: {}", head.replace("\r\n", " | ")));
                self.lose(app, id, Gone::Handshake);
                return buf.len();
            }
            let c = self.conns[id].as_mut().unwrap();
            c.state = if c.sid.is_some() { State::Probe } else { State::Open };
            if c.state == State::Probe {
                self.send_op(id, ws::OP_TEXT, &[b"2probe"]);
            }
            pos = end + 4;
        }
        while pos < buf.len() {
            let h = match ws::parse(&buf[pos..]) {
                ws::Parsed::Frame(h) => h,
                ws::Parsed::Partial => break,
                ws::Parsed::Bad(m) => {
                    self.last_error = Some(m.to_string());
                    self.lose(app, id, Gone::Protocol);
                    return buf.len();
                }
            };
            let body = &buf[pos + h.off..pos + h.off + h.len];
            pos += h.off + h.len;
            match h.op {
                ws::OP_TEXT | ws::OP_BIN if h.fin => self.message(app, id, h.op, body, now),
                ws::OP_TEXT | ws::OP_BIN => {
                    let c = self.conns[id].as_mut().unwrap();
                    c.frag.clear();
                    c.frag.extend_from_slice(body);
                    c.frag_op = h.op;
                }
                ws::OP_CONT => {
                    let c = self.conns[id].as_mut().unwrap();
                    c.frag.extend_from_slice(body);
                    if h.fin {
                        let whole = std::mem::take(&mut c.frag);
                        let op = c.frag_op;
                        self.message(app, id, op, &whole, now);
                    }
                }
                ws::OP_PING => self.send_op(id, ws::OP_PONG, &[body]),
                ws::OP_PONG => {}
                ws::OP_CLOSE => {
                    if self.state(id) != Some(State::Closing) {
                        self.send_op(id, ws::OP_CLOSE, &[&body[..body.len().min(2)]]);
                        self.flush_dirty();
                    }
                    self.lose(app, id, Gone::Peer);
                    return buf.len();
                }
                _ => {
                    self.last_error = Some(format!("opcode {}", h.op));
                    self.lose(app, id, Gone::Protocol);
                    return buf.len();
                }
            }
            // A callback may have dropped or replaced this connection.
            if self.conns.get(id).and_then(|c| c.as_ref()).map(|c| c.generation) != Some(generation) {
                return buf.len();
            }
        }
        pos
    }

    fn message<A: App>(&mut self, app: &mut A, id: usize, op: u8, msg: &[u8], now: u64) {
        if op != ws::OP_TEXT || msg.is_empty() {
            self.counters.unexpected += 1;
            return;
        }
        match msg[0] {
            b'4' => self.packet(app, id, &msg[1..], now),
            b'2' => {
                self.counters.pings += 1;
                self.send_op(id, ws::OP_TEXT, &[b"3"]);
            }
            b'0' | b'3' => {
                let Some(c) = self.conns[id].as_mut() else {
                    return;
                };
                let is_probed = c.state == State::Probe && msg == b"3probe";
                if !(is_probed || c.state == State::Open && msg[0] == b'0') {
                    self.counters.unexpected += 1;
                    return;
                }
                c.state = State::Connect;
                if is_probed {
                    self.send_op(id, ws::OP_TEXT, &[b"5"]);
                }
                let Some(c) = self.conns[id].as_mut() else {
                    return;
                };
                let auth = c.auth.take();
                self.send_sio(id, b'0', &[auth.as_deref().unwrap_or("").as_bytes()]);
            }
            b'1' => self.lose(app, id, Gone::Peer),
            b'6' => {}
            _ => self.counters.unexpected += 1,
        }
    }

    fn packet<A: App>(&mut self, app: &mut A, id: usize, p: &[u8], now: u64) {
        if p.is_empty() {
            self.counters.unexpected += 1;
            return;
        }
        let kind = p[0];
        let mut rest = &p[1..];
        if rest.first() == Some(&b'/') {
            let cut = rest.iter().position(|b| *b == b',').unwrap_or(rest.len());
            if &rest[..cut] != self.ns.as_bytes() {
                self.counters.unexpected += 1;
                return;
            }
            rest = &rest[(cut + 1).min(rest.len())..];
        } else if self.ns != "/" {
            self.counters.unexpected += 1;
            return;
        }
        match kind {
            b'2' | b'3' => app.packet(self, id, kind, rest, now),
            b'0' => {
                let Some(c) = self.conns[id].as_mut() else {
                    return;
                };
                if c.state != State::Connect {
                    self.counters.unexpected += 1;
                    return;
                }
                c.state = State::Ready;
                self.counters.ready += 1;
                app.ready(self, id);
            }
            b'4' => {
                self.counters.refused += 1;
                app.refused(self, id, rest);
            }
            b'1' => self.lose(app, id, Gone::Peer),
            _ => self.counters.unexpected += 1,
        }
    }
}
