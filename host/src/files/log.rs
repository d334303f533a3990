//! Lines of the log about files that are not served although the operator means them to be. Limited, because any client can ask
//! for such a file again and again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::fixed_limits::{OPEN_FILES_MAX, REFUSAL_LINES_MAX};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;

#[derive(Debug)]
pub(super) struct FileLog {
    lines: LogLimiter,
    limit_hits: Arc<LimitHits>,
}

impl FileLog {
    pub(super) fn new(limit_hits: Arc<LimitHits>) -> Self {
        Self { lines: LogLimiter::new(REFUSAL_LINES_MAX), limit_hits }
    }

    /// It is there, or a folder on the way to it, and cannot be opened: 403 or 500.
    pub(super) fn unreadable(&self, path: &Path, error: &io::Error) {
        let Some(left_out) = self.lines.admit() else { return };
        tracing::warn!(
            ?path,
            %error,
            left_out,
            "a file cannot be served; see its permissions, and [server] static_folder and client_folder"
        );
    }

    /// The reading of a file failed after the response had begun.
    pub(super) fn cut_off(&self, path: &Path, error: &io::Error) {
        let Some(left_out) = self.lines.admit() else { return };
        tracing::warn!(?path, %error, left_out, "a file was cut off while it was sent; was it written to?");
    }

    /// 503.
    pub(super) fn too_many(&self) {
        self.limit_hits.hit(LimitHit::OpenFiles);
        let Some(left_out) = self.lines.admit() else { return };
        tracing::warn!(left_out, "{OPEN_FILES_MAX} files are being sent; one more was refused. Let a proxy serve the files");
    }

    /// A file was cut off for another.
    pub(super) fn made_room(&self) {
        self.limit_hits.hit(LimitHit::OpenFiles);
        let Some(left_out) = self.lines.admit() else { return };
        tracing::warn!(
            left_out,
            "{OPEN_FILES_MAX} files are being sent; the one that its client has not read for longest was cut off for another. Let a \
             proxy serve the files"
        );
    }

    /// A bundle of the official client was requested, and nobody said where they are: 404.
    pub(super) fn no_client(&self) {
        let Some(left_out) = self.lines.admit() else { return };
        tracing::warn!(
            left_out,
            "the official client was requested; set [server] client_folder to serve it, or serve_client to false"
        );
    }
}
