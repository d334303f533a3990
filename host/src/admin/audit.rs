//! A line of the log for each request that changes something: what, on what, from where, and what became of it.

use std::net::SocketAddr;

use hyper::StatusCode;

/// The target of these lines: `INNKEEPER_LOG=warn,innkeeper::audit=info` logs them alone.
const TARGET: &str = "innkeeper::audit";

/// The line of one request, which is written when the request has ended, however that is.
pub(super) struct Audit {
    request: String,
    peer: SocketAddr,
    is_written: bool,
}

impl Audit {
    /// A request that is about to be done: its method and path.
    pub(super) fn begin(request: String, peer: SocketAddr) -> Self {
        Self { request, peer, is_written: false }
    }

    /// The request was answered: with what was done, or why it was not.
    pub(super) fn end(mut self, status: StatusCode, outcome: &str) {
        self.write(Some(status.as_u16()), outcome);
    }

    fn write(&mut self, status: Option<u16>, outcome: &str) {
        self.is_written = true;
        let (request, peer) = (self.request.as_str(), self.peer);
        tracing::info!(target: TARGET, request, %peer, status, outcome, "admin");
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        if !self.is_written {
            // What was begun goes on: a plugin is swapped, for one.
            self.write(None, "the connection ended before the answer");
        }
    }
}
