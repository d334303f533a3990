//! What leaves: websocket frames, Socket.IO packets, the polite goodbye.
//!
//! A message is written at once, unless the kernel took only part of the last one or `coalesce` is set; then it waits in the
//! connection's own buffer until the socket is writable or the batch of reads is done.

use super::{Engine, State};
use crate::ws;
use std::io::{ErrorKind, Write};

impl Engine {
    /// Socket.IO EVENT or other packet: `4<kind>[ns,]<parts>`.
    #[inline]
    pub(crate) fn send_sio(&mut self, id: usize, kind: u8, parts: &[&[u8]]) {
        let head = [b'4', kind];
        let mut v: [&[u8]; 8] = [&[]; 8];
        let ns = std::mem::take(&mut self.ns);
        let mut n = 0;
        v[n] = &head;
        n += 1;
        if ns != "/" {
            v[n] = ns.as_bytes();
            v[n + 1] = b",";
            n += 2;
        }
        for p in parts {
            v[n] = p;
            n += 1;
        }
        self.send_op(id, ws::OP_TEXT, &v[..n]);
        self.ns = ns;
    }

    /// Politely leaves: Socket.IO DISCONNECT and a WebSocket close frame, in one write.
    pub(crate) fn start_close(&mut self, id: usize) {
        let was = self.coalesce;
        self.coalesce = true;
        self.send_sio(id, b'1', &[]);
        let code = 1000u16.to_be_bytes();
        self.send_op(id, ws::OP_CLOSE, &[&code]);
        self.coalesce = was;
        if let Some(c) = self.conns.get_mut(id).and_then(|c| c.as_mut()) {
            c.state = State::Closing;
        }
        if !was {
            self.flush_dirty();
        }
    }

    pub(super) fn send_op(&mut self, id: usize, op: u8, parts: &[&[u8]]) {
        let key = self.key();
        let Some(c) = self.conns.get_mut(id).and_then(|c| c.as_mut()) else {
            return;
        };
        if self.coalesce || !c.wbuf.is_empty() {
            if c.wbuf.is_empty() {
                self.dirty.push(id);
            }
            ws::encode(&mut c.wbuf, op, parts, key);
            return;
        }
        self.out.clear();
        ws::encode(&mut self.out, op, parts, key);
        self.counters.writes += 1;
        match c.sock.write(&self.out) {
            Ok(n) => {
                self.counters.bytes_out += n as u64;
                if n < self.out.len() {
                    self.counters.short_writes += 1;
                    c.wbuf.extend_from_slice(&self.out[n..]);
                }
            }
            Err(e) if e.kind() == ErrorKind::WouldBlock => {
                self.counters.short_writes += 1;
                c.wbuf.extend_from_slice(&self.out);
            }
            // the read side will report it
            Err(_) => {}
        }
    }

    /// Writes what `coalesce` held back.
    pub(crate) fn flush_dirty(&mut self) {
        while let Some(id) = self.dirty.pop() {
            self.flush(id);
        }
    }

    pub(super) fn flush(&mut self, id: usize) {
        let Some(c) = self.conns.get_mut(id).and_then(|c| c.as_mut()) else {
            return;
        };
        while c.wpos < c.wbuf.len() {
            self.counters.writes += 1;
            match c.sock.write(&c.wbuf[c.wpos..]) {
                Ok(n) => {
                    self.counters.bytes_out += n as u64;
                    c.wpos += n;
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        c.wbuf.clear();
        c.wpos = 0;
        if c.wbuf.capacity() > 4096 {
            c.wbuf = Vec::new();
        }
    }
}
