//! The byte stream under a connection.
//!
//! An enum and not a generic parameter: the stream travels through the outbox's commands, so a parameter would spread to every
//! type that holds an outbox. An enum of one variant has the size and the speed of its content. Another kind of stream is one
//! more variant here, and nothing changes elsewhere.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use socket2::SockRef;
#[cfg(test)]
use tokio::io::DuplexStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::addresses::Permit;

pub(super) enum ByteStream {
    /// With the permit of the connection, which ends with the stream.
    Tcp(TcpStream, Permit),
    /// A pipe in memory, for tests with a stopped clock.
    #[cfg(test)]
    Memory(DuplexStream),
}

/// A stream that no loop polls: it was just accepted, or goes from one loop to another.
pub(super) enum DetachedStream {
    Tcp(std::net::TcpStream, Permit),
    #[cfg(test)]
    Memory(DuplexStream),
}

impl DetachedStream {
    /// The stream on the loop of whoever calls.
    pub(super) fn attach(self) -> io::Result<ByteStream> {
        match self {
            Self::Tcp(stream, permit) => Ok(ByteStream::Tcp(TcpStream::from_std(stream)?, permit)),
            #[cfg(test)]
            Self::Memory(stream) => Ok(ByteStream::Memory(stream)),
        }
    }
}

impl ByteStream {
    /// Takes the stream off the loop that polls it.
    pub(super) fn detach(self) -> io::Result<DetachedStream> {
        match self {
            Self::Tcp(stream, permit) => Ok(DetachedStream::Tcp(stream.into_std()?, permit)),
            #[cfg(test)]
            Self::Memory(stream) => Ok(DetachedStream::Memory(stream)),
        }
    }

    /// Whether a read would find something at once; if not, the task is woken when it would. Costs no system call after a short
    /// read. A kind of stream that cannot find out returns true: the next read then finds nothing and leaves the waker.
    pub(super) fn may_read(&self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Tcp(stream, _) => stream.poll_read_ready(cx).is_ready(),
            #[cfg(test)]
            Self::Memory(_) => true,
        }
    }

    /// Turns the stream's drop into a TCP reset, so that bytes that the client does not read do not stay in the kernel.
    pub(super) fn reset_on_drop(&self) {
        match self {
            Self::Tcp(stream, _) => drop(SockRef::from(stream).set_linger(Some(Duration::ZERO))),
            #[cfg(test)]
            Self::Memory(_) => {}
        }
    }
}

impl AsyncRead for ByteStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_read(cx, buffer),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_write(cx, bytes),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_flush(cx),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream, _) => stream.is_write_vectored(),
            #[cfg(test)]
            Self::Memory(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream, _) => Pin::new(stream).poll_write_vectored(cx, slices),
            #[cfg(test)]
            Self::Memory(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }
}
