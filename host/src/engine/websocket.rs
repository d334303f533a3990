//! One websocket: a stream, what of a frame has arrived, and what of a batch is not yet written. Idle, it holds no buffer.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    Outbox,
    decoder::{Decoder, Flow, Message, Violation},
};
use crate::frame::Frame;

const SCRATCH_BYTES: usize = 64 * 1024;
/// Up to here one copy is cheaper than a vectored write.
const COPY_BYTES: usize = 32 * 1024;
const SLICES: usize = 64;

thread_local! {
    /// What a thread reads into and gathers small frames in. Taken out while in use, so that nobody meets it borrowed.
    static INPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What a read brought.
pub(super) enum ReadOutcome<E> {
    /// Nothing is there, or all that was there is done.
    Idle,
    /// There may be more.
    More,
    /// The sink said stop.
    Stopped,
    /// The sink ended the session.
    Ended(E),
    /// The client closed the stream, or it broke.
    Gone,
    /// The client sent frames that are none.
    Violation(Violation),
}

pub(super) struct Websocket {
    stream: TcpStream,
    decoder: Decoder,
    /// The decoder may hold whole frames: what hyper read ahead, or what stood behind a stop.
    has_undecoded: bool,
    /// Taken from the outbox and not written.
    batch: VecDeque<Frame>,
    /// How much of the batch's first frame is written.
    first_written: usize,
    /// What the batch counts for in the outbox.
    batch_bytes: usize,
    /// The answer to the client's last ping; older ones need none (RFC 6455, section 5.5.3).
    pong: Option<Frame>,
}

impl Websocket {
    /// A websocket of which these bytes were read already.
    pub(super) fn new(stream: TcpStream, read_ahead: &[u8]) -> Self {
        Self {
            stream,
            decoder: Decoder::new(read_ahead),
            has_undecoded: !read_ahead.is_empty(),
            batch: VecDeque::new(),
            first_written: 0,
            batch_bytes: 0,
            pong: None,
        }
    }

    /// Reads once and hands on every message of it.
    pub(super) fn read<E>(
        &mut self,
        cx: &mut Context<'_>,
        length_max: usize,
        on_message: &mut impl FnMut(Message<'_>) -> Flow<E>,
    ) -> ReadOutcome<E> {
        if std::mem::take(&mut self.has_undecoded) {
            let result = self.decoder.decode(&mut [], length_max, on_message);
            return self.outcome(result, true);
        }
        let mut input = INPUT.take();
        input.resize(SCRATCH_BYTES, 0);
        let read = match self.poll_fill(cx, &mut input) {
            Poll::Pending => ReadOutcome::Idle,
            Poll::Ready(Err(_) | Ok(0)) => ReadOutcome::Gone,
            Poll::Ready(Ok(length)) => {
                let received = input.get_mut(..length).unwrap_or_default();
                let result = self.decoder.decode(received, length_max, on_message);
                // After a short read this only leaves the waker; it costs no system call.
                let more = length == SCRATCH_BYTES || self.stream.poll_read_ready(cx).is_ready();
                self.outcome(result, more)
            }
        };
        INPUT.set(input);
        read
    }

    fn outcome<E>(&mut self, result: Result<Flow<E>, Violation>, more: bool) -> ReadOutcome<E> {
        match result {
            Ok(Flow::Next) if more => ReadOutcome::More,
            Ok(Flow::Next) => ReadOutcome::Idle,
            Ok(Flow::Stop) => {
                self.has_undecoded = true;
                ReadOutcome::Stopped
            }
            Ok(Flow::End(end)) => ReadOutcome::Ended(end),
            Err(violation) => ReadOutcome::Violation(violation),
        }
    }

    /// Reads and forgets, until the client closes. A stream that is dropped with unread bytes is reset, and the reset can
    /// overtake the last frames.
    pub(super) fn discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut input = INPUT.take();
        input.resize(SCRATCH_BYTES, 0);
        let read = self.poll_fill(cx, &mut input);
        INPUT.set(input);
        match ready!(read) {
            Ok(0) | Err(_) => Poll::Ready(()),
            Ok(_) => {
                // Once a turn, so that a flood cannot hold the thread.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, input: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(input);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Answers a ping with the next write.
    pub(super) fn queue_pong(&mut self, data: &[u8]) {
        self.pong = Some(Frame::pong(data));
    }

    /// Queues a frame that comes before whatever stands in the outbox.
    pub(super) fn queue_frame(&mut self, frame: Frame) {
        self.batch.push_back(frame);
    }

    /// Writes what the outbox holds. `Ready` when nothing is left.
    pub(super) fn write(&mut self, cx: &mut Context<'_>, outbox: &Outbox) -> Poll<io::Result<()>> {
        loop {
            ready!(self.write_batch(cx))?;
            self.batch_bytes = outbox.refill(&mut self.batch, std::mem::take(&mut self.batch_bytes));
            self.batch.extend(self.pong.take());
            if self.batch.is_empty() {
                self.batch = VecDeque::new();
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Writes what was taken already and nothing else.
    pub(super) fn write_batch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.batch.is_empty() {
            let written = ready!(self.write_once(cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        let mut parts = self.batch.iter().map(Frame::websocket);
        let first = parts.next().and_then(|frame| frame.get(self.first_written..)).unwrap_or_default();
        if self.batch.len() == 1 {
            return stream.poll_write(cx, first);
        }
        if self.batch.iter().map(Frame::len).sum::<usize>() <= COPY_BYTES {
            let mut joined = OUTPUT.take();
            joined.clear();
            joined.extend_from_slice(first);
            parts.for_each(|part| joined.extend_from_slice(part));
            let written = stream.poll_write(cx, &joined);
            OUTPUT.set(joined);
            return written;
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slot, part) in slices.iter_mut().zip(std::iter::once(first).chain(parts)) {
            *slot = IoSlice::new(part);
            count += 1;
        }
        stream.poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.batch.front() {
            let left = first.len() - self.first_written;
            if written < left {
                self.first_written += written;
                return;
            }
            written -= left;
            self.first_written = 0;
            self.batch.pop_front();
        }
    }

    /// Drops what was taken but not begun, so that a close frame can follow at a frame's border.
    pub(super) fn discard_batch(&mut self) {
        self.batch.truncate(usize::from(self.first_written > 0));
        self.pong = None;
    }

    /// Makes the drop of the stream a reset, so that a client that reads nothing does not keep our bytes in the kernel.
    pub(super) fn reset_on_drop(&self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Tells the peer that no more bytes follow.
    pub(super) fn shut_down_write(&mut self, cx: &mut Context<'_>) {
        let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
    }
}
