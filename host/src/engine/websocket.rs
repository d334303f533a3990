//! One websocket: its stream, the decoder, and the frames that are not yet written. An idle websocket holds no buffer.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    byte_stream::ByteStream,
    decoder::{Decoder, Flow, Message, Violation},
};
use crate::{frame::Frame, turn::go_on_later, waiting_bytes::WaitingBytes};

/// Bytes of one read.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Up to here one copy is cheaper than a vectored write.
const COPY_BYTES: usize = 32 * 1024;
/// Frames in one vectored write.
const SLICES: usize = 64;
/// Batches that are written before other connections have their turn: a client that reads as fast as a plugin emits would hold them up
/// for as long as it does.
const BATCHES_PER_TURN: usize = 4;

thread_local! {
    /// The buffers of a thread: one to read into, one to gather small frames in. Each is taken out while in use, so that it is
    /// never borrowed twice.
    static INPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static OUTPUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The result of one read.
pub(super) enum ReadOutcome<E> {
    /// Everything that had arrived is handled; the task is woken when more arrives.
    Idle,
    /// More may have arrived.
    More,
    /// `on_message` returned `Flow::Stop`.
    Stopped,
    /// `on_message` returned `Flow::End`.
    Ended(E),
    /// The client closed the stream, or the stream failed.
    Gone,
    /// The client violated RFC 6455.
    Violation(Violation),
}

/// A websocket on a byte stream.
pub(super) struct Websocket {
    stream: ByteStream,
    decoder: Decoder,
    /// The decoder may hold whole frames: bytes that hyper read ahead, or bytes behind a stop.
    has_undecoded: bool,
    /// Frames that were taken from the outbox and are not written.
    batch: VecDeque<Frame>,
    /// Bytes of the batch's first frame that are written.
    first_written: usize,
    /// Bytes for which the batch counts in the outbox.
    batch_bytes: usize,
    /// The batch counts among the bytes that wait in all outboxes.
    batch_is_counted: bool,
    /// The answer to the client's last ping; older ones need none (RFC 6455, section 5.5.3).
    pong: Option<Frame>,
}

impl Websocket {
    /// A websocket on a stream of which these bytes were read already.
    pub(super) fn new(stream: ByteStream, read_ahead: &[u8]) -> Self {
        Self {
            stream,
            decoder: Decoder::new(read_ahead),
            has_undecoded: !read_ahead.is_empty(),
            batch: VecDeque::new(),
            first_written: 0,
            batch_bytes: 0,
            batch_is_counted: false,
            pong: None,
        }
    }

    /// Reads once and calls `on_message` for every message in it.
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
                let more = length == SCRATCH_BYTES || self.stream.may_read(cx);
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
            Ok(Flow::End(end)) => {
                // What stands behind the end is read by the closing handshake.
                self.has_undecoded = true;
                ReadOutcome::Ended(end)
            }
            Err(violation) => ReadOutcome::Violation(violation),
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, input: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(input);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Queues the answer to a ping, for the next write.
    pub(super) fn queue_pong(&mut self, data: &[u8]) {
        self.pong = Some(Frame::pong(data));
    }

    /// Queues a frame that is written before everything in the outbox.
    pub(super) fn queue_frame(&mut self, frame: Frame) {
        self.batch.push_back(frame);
    }

    /// Writes until `refill` adds no more frames to the empty batch; `Ready` then. `refill` gets the bytes of the batch that was
    /// written and returns those of the new batch. After [`BATCHES_PER_TURN`] the rest is left to the next turn, which comes
    /// by itself.
    pub(super) fn write(
        &mut self,
        cx: &mut Context<'_>,
        refill: impl Fn(&mut VecDeque<Frame>, usize) -> usize,
    ) -> Poll<io::Result<()>> {
        for _ in 0..BATCHES_PER_TURN {
            ready!(self.write_batch(cx))?;
            self.batch_is_counted = false;
            self.batch_bytes = refill(&mut self.batch, std::mem::take(&mut self.batch_bytes));
            self.batch.extend(self.pong.take());
            if self.batch.is_empty() {
                self.batch = VecDeque::new();
                return Poll::Ready(Ok(()));
            }
        }
        go_on_later(cx);
        Poll::Pending
    }

    /// Writes the frames that were taken already, and no others.
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

    /// Counts the batch among the bytes that wait, because the client does not take it.
    pub(super) fn count_as_waiting(&mut self, count: &Arc<WaitingBytes>) {
        if !std::mem::replace(&mut self.batch_is_counted, true) {
            self.batch.iter().for_each(|frame| frame.count_as_waiting(count));
        }
    }

    /// Drops the frames whose writing has not begun, so that a close frame can follow at the end of a whole frame.
    pub(super) fn discard_batch(&mut self) {
        self.batch.truncate(usize::from(self.first_written > 0));
        self.pong = None;
    }

    /// Turns the stream's drop into a reset.
    pub(super) fn reset_on_drop(&self) {
        self.stream.reset_on_drop();
    }

    /// The stream, for its end.
    pub(super) fn stream_mut(&mut self) -> &mut ByteStream {
        &mut self.stream
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        task::{Context, Waker},
    };

    use super::{BATCHES_PER_TURN, ByteStream, Frame, Websocket};

    #[test]
    fn a_client_that_takes_everything_is_written_a_few_batches_in_a_turn() {
        let (near, _far) = tokio::io::duplex(1 << 20);
        let mut websocket = Websocket::new(ByteStream::Memory(near), &[]);
        let batches = Cell::new(0);
        let written = websocket.write(&mut Context::from_waker(Waker::noop()), |batch, _| {
            batches.set(batches.get() + 1);
            batch.push_back(Frame::raw(vec![0; 1_000]));
            1_000
        });
        assert!(written.is_pending());
        assert_eq!(batches.get(), BATCHES_PER_TURN);
    }
}
