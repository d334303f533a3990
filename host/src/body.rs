//! Reading the body of a request: bounded in bytes, and in the time that a slow client may take.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

/// The least pace of a body: in each span of time that is spent waiting for the client, so many bytes at least. A client that sends one
/// byte now and then would hold the connection, and what belongs to it, for ever.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeastPace {
    /// The span.
    pub(crate) timeout: Duration,
    /// Bytes of one second.
    pub(crate) rate_min: usize,
}

impl LeastPace {
    /// Bytes of one span; one at least.
    pub(crate) fn bytes(&self) -> u64 {
        let bytes = self.timeout.as_millis().saturating_mul(self.rate_min as u128) / 1_000;
        u64::try_from(bytes).unwrap_or(u64::MAX).max(1)
    }
}

/// Why a body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooLarge,
    /// Not HTTP, or not whole.
    Malformed,
    /// It came slower than the least pace.
    Stalled,
}

/// Reads a body of at most `length_max` bytes.
pub(crate) async fn read(mut body: Incoming, length_max: usize, least_pace: LeastPace) -> Result<Vec<u8>, BodyError> {
    if body.size_hint().lower() > length_max as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut read = Vec::new();
    let (mut span_end, mut moved) = (Instant::now() + least_pace.timeout, 0);
    loop {
        let Ok(frame) = timeout_at(span_end, body.frame()).await else {
            if moved < least_pace.bytes() {
                return Err(BodyError::Stalled);
            }
            (span_end, moved) = (Instant::now() + least_pace.timeout, 0);
            continue;
        };
        let Some(frame) = frame else { break };
        let data: Bytes = frame.map_err(|_| BodyError::Malformed)?.into_data().unwrap_or_default();
        if read.len() + data.len() > length_max {
            return Err(BodyError::TooLarge);
        }
        moved += data.len() as u64;
        read.extend_from_slice(&data);
    }
    Ok(read)
}
