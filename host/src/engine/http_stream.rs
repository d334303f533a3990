//! The stream under hyper, which escapes what hyper refuses in the target of a request (`request_target`), holds the response to
//! a websocket handshake back, and gives a client up that takes nothing.
//!
//! The session's first write sends that response together with the OPEN packet: one packet on the wire instead of two, which
//! is a sixth of what a connect costs. The service says when it has answered a handshake; the stream looks at no response.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use futures_util::task::AtomicWaker;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use super::{byte_stream::ByteStream, pace::Pace, request_target::RequestTarget};
use crate::body::LeastPace;

/// Bytes of one read in a head; few heads are longer.
const HEAD_READ_BYTES: usize = 2048;

/// What the service tells the stream below it. Both run in one task.
#[derive(Default)]
pub(super) struct Notes {
    /// The service has got a request without a body. Taken by the stream, which then expects the next request.
    pub(super) has_no_body: AtomicBool,
    /// The service has answered 101: hyper writes that response and nothing after it.
    pub(super) is_switching: AtomicBool,
    /// The session behind the response that is being written has been given up.
    is_cut: AtomicBool,
    /// The task, while its client takes nothing.
    stalled: AtomicWaker,
}

impl Notes {
    /// Ends the connection, and drops what is still to be written.
    pub(super) fn cut(&self) {
        // Release pairs with `watch`, which registers its waker before it reads the flag.
        self.is_cut.store(true, Ordering::Release);
        self.stalled.wake();
    }
}

pub(super) struct HttpStream {
    io: TokioIo<ByteStream>,
    /// The response to a websocket handshake, and what hyper had not yet written before it.
    held_back: Vec<u8>,
    target: RequestTarget,
    notes: Arc<Notes>,
    /// Bytes with escapes that hyper has not taken yet.
    escaped: Vec<u8>,
    /// How fast the client takes the responses.
    pace: Pace,
}

impl HttpStream {
    pub(super) fn new(stream: ByteStream, notes: Arc<Notes>, least_pace: LeastPace) -> Self {
        Self {
            io: TokioIo::new(stream),
            held_back: Vec::new(),
            target: RequestTarget::default(),
            notes,
            escaped: Vec::new(),
            pace: Pace::new(least_pace),
        }
    }

    /// The stream, the bytes that have to be written to it first, and those that were read from it and that hyper has not got.
    pub(super) fn into_parts(self) -> (ByteStream, Vec<u8>, Vec<u8>) {
        (self.io.into_inner(), self.held_back, self.escaped)
    }

    /// Gives hyper of `escaped` what it takes.
    fn give_escaped(&mut self, buffer: &mut ReadBufCursor<'_>) {
        let length = self.escaped.len().min(buffer.remaining());
        buffer.put_slice(self.escaped.drain(..length).as_slice());
    }

    /// The result of a write, or an error if too little could be written. The client takes nothing then, so what the kernel still
    /// has is dropped too.
    fn watch(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = &written {
            self.pace.moved(*result.as_ref().unwrap_or(&0));
            return written;
        }
        self.notes.stalled.register(cx.waker());
        if !self.notes.is_cut.load(Ordering::Acquire) {
            ready!(self.pace.poll_too_slow(cx));
        }
        self.io.inner().reset_on_drop();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Read for HttpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.escaped.is_empty() {
            self.give_escaped(&mut buffer);
            return Poll::Ready(Ok(()));
        }
        // The flag was set by the task that polls here.
        if self.notes.has_no_body.load(Ordering::Relaxed) {
            self.notes.has_no_body.store(false, Ordering::Relaxed);
            self.target.begin_next();
        }
        if !self.target.scans() {
            ready!(Pin::new(&mut self.io).poll_read(cx, buffer))?;
            self.target.skip();
            return Poll::Ready(Ok(()));
        }
        let mut bytes = [0; HEAD_READ_BYTES];
        let length = buffer.remaining().min(HEAD_READ_BYTES);
        let mut read = ReadBuf::new(bytes.get_mut(..length).unwrap_or_default());
        ready!(Pin::new(&mut self.io).poll_read(cx, read.unfilled()))?;
        match self.target.escape(read.filled()) {
            None => buffer.put_slice(read.filled()),
            Some(escaped) => {
                self.escaped = escaped;
                self.give_escaped(&mut buffer);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.notes.is_switching.load(Ordering::Relaxed) {
            self.held_back.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.notes.is_switching.load(Ordering::Relaxed) {
            slices.iter().for_each(|slice| self.held_back.extend_from_slice(slice));
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.watch(cx, written)
    }
}
