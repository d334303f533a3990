//! The body of an answer: a short text, or a file that is read piece by piece as its client takes it.

use std::fs;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;

/// Bytes read at once, and all that is kept of a file.
const PIECE_BYTES: usize = 64 * 1024;

/// What stands in the body.
pub(crate) struct Content(From);

enum From {
    Text(&'static str),
    File(Reading),
}

struct Reading {
    handle: tokio::fs::File,
    /// Bytes still to come: as many as were promised, whatever happens to the file.
    left: u64,
    piece: Vec<u8>,
    /// Counts the open file; given back with it.
    _permit: OwnedSemaphorePermit,
}

impl Content {
    pub(super) fn none() -> Self {
        Self::text("")
    }

    pub(super) fn text(text: &'static str) -> Self {
        Self(From::Text(text))
    }

    pub(super) fn file(handle: fs::File, bytes: u64, permit: OwnedSemaphorePermit) -> Self {
        let handle = tokio::fs::File::from_std(handle);
        Self(From::File(Reading { handle, left: bytes, piece: Vec::new(), _permit: permit }))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let piece = match &mut self.get_mut().0 {
            From::Text("") => return Poll::Ready(None),
            From::Text(text) => Bytes::from_static(std::mem::take(text).as_bytes()),
            From::File(reading) if reading.left == 0 => return Poll::Ready(None),
            From::File(reading) => ready!(reading.next(cx))?,
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            From::Text(text) => text.len() as u64,
            From::File(reading) => reading.left,
        })
    }
}

impl Reading {
    fn next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let wanted = usize::try_from(self.left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        self.piece.resize(wanted, 0);
        let mut buffer = ReadBuf::new(&mut self.piece);
        ready!(Pin::new(&mut self.handle).poll_read(cx, &mut buffer))?;
        let read = Bytes::copy_from_slice(buffer.filled());
        if read.is_empty() {
            // The file has become shorter; the client sees that the body is cut off.
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.left = self.left.saturating_sub(read.len() as u64);
        Poll::Ready(Ok(read))
    }
}
