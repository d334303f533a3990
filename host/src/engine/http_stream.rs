//! The stream under hyper, which holds the response to a websocket handshake back.
//!
//! The session's first write sends that response together with the OPEN packet: one packet on the wire instead of two, which
//! is a sixth of what a connect costs.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;

use super::byte_stream::ByteStream;

/// The begin of the response to a websocket handshake: Switching Protocols.
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

pub(super) struct HttpStream {
    io: TokioIo<ByteStream>,
    /// The head of the response, and what hyper wrote after it.
    held_back: Vec<u8>,
}

impl HttpStream {
    pub(super) fn new(stream: ByteStream) -> Self {
        Self { io: TokioIo::new(stream), held_back: Vec::new() }
    }

    /// The stream, and the bytes that have to be written to it first.
    pub(super) fn into_parts(self) -> (ByteStream, Vec<u8>) {
        (self.io.into_inner(), self.held_back)
    }
}

impl Read for HttpStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for HttpStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.starts_with(SWITCHING) || !self.held_back.is_empty() {
            self.held_back.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut self.io).poll_write(cx, bytes)
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
        if slices.first().is_some_and(|first| first.starts_with(SWITCHING)) || !self.held_back.is_empty() {
            slices.iter().for_each(|slice| self.held_back.extend_from_slice(slice));
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }
}
