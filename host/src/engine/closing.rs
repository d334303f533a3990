//! The end of a TCP stream: the closing handshake of a websocket, and what follows on every stream.
//!
//! A stream that is dropped while its client still sends is reset by the kernel, and the reset destroys what the client has not
//! read yet: the response that refuses an upload, the close frame that says why. So the server closes only its own side, and
//! reads and drops what still comes until the client closes the other side. Time is the only bound: what is dropped costs no
//! more than what an open connection may send.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    time::timeout,
};

use super::{
    byte_stream::ByteStream,
    decoder::{Flow, Message},
    websocket::{ReadOutcome, Websocket},
};
use crate::{fixed_limits::CLOSE_DEADLINE, frame::Frame, turn::go_on_later};

/// Bytes of one read of what is dropped.
const DROPPED_BYTES: usize = 16 * 1024;

/// The client's part in the closing handshake, when that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientSide {
    /// The client does not know yet: the server closes first, and the client answers.
    Open,
    /// The client has said that it will close (CLOSE), and closes first.
    Closing,
    /// The client has sent its close frame, or nothing of what it sends can be decoded. No answer is waited for.
    Closed,
}

/// Closes a websocket with this code (RFC 6455, section 7). Frames that it has taken are written before.
pub(super) async fn close_websocket(mut websocket: Websocket, code: u16, client: ClientSide, length_max: usize) {
    if client == ClientSide::Closing {
        let _ = timeout(CLOSE_DEADLINE, client_close(&mut websocket, length_max)).await;
    }
    websocket.queue_frame(Frame::close(code));
    let closed = timeout(CLOSE_DEADLINE, async {
        if poll_fn(|cx| websocket.write_batch(cx)).await.is_err() {
            return;
        }
        if client == ClientSide::Open {
            client_close(&mut websocket, length_max).await;
        }
        finish(websocket.stream_mut()).await;
    });
    let _ = closed.await;
}

/// Closes a stream to which nothing more will be written.
pub(super) async fn close_stream(mut stream: ByteStream) {
    let _ = timeout(CLOSE_DEADLINE, finish(&mut stream)).await;
}

/// Reads until the client's close frame, or until nothing more can be read. Other messages are dropped.
async fn client_close(websocket: &mut Websocket, length_max: usize) {
    let mut on_message = |message: Message<'_>| if message == Message::Close { Flow::End(()) } else { Flow::Next };
    poll_fn(|cx| match websocket.read(cx, length_max, &mut on_message) {
        ReadOutcome::Idle => Poll::Pending,
        ReadOutcome::More => {
            // One read a turn, so that a flood cannot occupy the thread.
            go_on_later(cx);
            Poll::Pending
        }
        ReadOutcome::Stopped | ReadOutcome::Ended(()) | ReadOutcome::Gone | ReadOutcome::Violation(_) => Poll::Ready(()),
    })
    .await;
}

/// Closes the server's side, and reads until the client has closed the other.
async fn finish(stream: &mut ByteStream) {
    let _ = stream.shutdown().await;
    while let Ok(1..) = poll_fn(|cx| poll_drop(stream, cx)).await {}
}

/// Reads once. The buffer is on the stack, so that a stream that waits holds none.
fn poll_drop(stream: &mut ByteStream, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    let mut bytes = [0; DROPPED_BYTES];
    let mut buffer = ReadBuf::new(&mut bytes);
    ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}
