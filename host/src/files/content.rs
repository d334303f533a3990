//! The body of a response: a short text, or a file that is read piece by piece as its client takes it.

use std::io::{self, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, ReadBuf};

use super::find::OpenFile;
use super::log::FileLog;
use super::open::FilePermit;

/// Bytes of one read; no more of a file is in memory.
const READ_BYTES: usize = 64 * 1024;

/// The body of a response.
pub(crate) struct Content(Source);

enum Source {
    Text(&'static str),
    File(FileReader),
}

struct FileReader {
    path: PathBuf,
    handle: tokio::fs::File,
    /// Bytes still to be sent: as many as `Content-Length` said, whatever happens to the file.
    remaining: u64,
    buffer: Vec<u8>,
    permit: FilePermit,
    log: Arc<FileLog>,
}

impl Content {
    pub(super) fn none() -> Self {
        Self::text("")
    }

    pub(super) fn text(text: &'static str) -> Self {
        Self(Source::Text(text))
    }

    /// These bytes of a file. Fails if the file cannot be read from there.
    pub(super) fn file(mut file: OpenFile, part: RangeInclusive<u64>, permit: FilePermit, log: Arc<FileLog>) -> io::Result<Self> {
        // Moves a number of the kernel's and reads nothing.
        file.handle.seek(SeekFrom::Start(*part.start()))?;
        let remaining = (part.end() + 1).saturating_sub(*part.start());
        let handle = tokio::fs::File::from_std(file.handle);
        Ok(Self(Source::File(FileReader { path: file.path, handle, remaining, buffer: Vec::new(), permit, log })))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let data = match &mut self.get_mut().0 {
            Source::Text("") => return Poll::Ready(None),
            Source::Text(text) => Bytes::from_static(std::mem::take(text).as_bytes()),
            Source::File(reader) if reader.remaining == 0 => return Poll::Ready(None),
            Source::File(reader) => {
                let data = ready!(reader.poll_next(cx));
                // The error makes hyper close the connection, so the client sees that the body is cut off.
                data.inspect_err(|error| reader.log.cut_off(&reader.path, error))?
            }
        };
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Source::Text(text) => text.len() as u64,
            Source::File(reader) => reader.remaining,
        })
    }
}

impl FileReader {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        self.permit.read();
        let wanted = usize::try_from(self.remaining).unwrap_or(READ_BYTES).min(READ_BYTES);
        self.buffer.resize(wanted, 0);
        let mut buffer = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(&mut self.handle).poll_read(cx, &mut buffer))?;
        let length = buffer.filled().len();
        self.buffer.truncate(length);
        // A file whose client does not take this piece keeps no other.
        let read = Bytes::from(std::mem::take(&mut self.buffer));
        if read.is_empty() {
            // The file has become shorter.
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.remaining = self.remaining.saturating_sub(read.len() as u64);
        Poll::Ready(Ok(read))
    }
}
