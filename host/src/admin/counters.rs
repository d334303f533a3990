//! How many requests had each status, for `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::StatusCode;

/// The statuses that are counted apart.
const STATUSES: [(StatusCode, &str); 15] = [
    (StatusCode::OK, "200"),
    (StatusCode::BAD_REQUEST, "400"),
    (StatusCode::UNAUTHORIZED, "401"),
    (StatusCode::FORBIDDEN, "403"),
    (StatusCode::NOT_FOUND, "404"),
    (StatusCode::METHOD_NOT_ALLOWED, "405"),
    (StatusCode::REQUEST_TIMEOUT, "408"),
    (StatusCode::CONFLICT, "409"),
    (StatusCode::LENGTH_REQUIRED, "411"),
    (StatusCode::PAYLOAD_TOO_LARGE, "413"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "415"),
    (StatusCode::UNPROCESSABLE_ENTITY, "422"),
    (StatusCode::TOO_MANY_REQUESTS, "429"),
    (StatusCode::INTERNAL_SERVER_ERROR, "500"),
    (StatusCode::SERVICE_UNAVAILABLE, "503"),
];
/// The label of all others.
const OTHER: &str = "other";

/// One counter for each of [`STATUSES`], and one for the others.
#[derive(Debug, Default)]
pub(super) struct AdminCounters {
    counted: [AtomicU64; STATUSES.len()],
    others: AtomicU64,
}

impl AdminCounters {
    /// Counts a response.
    pub(super) fn count(&self, status: StatusCode) {
        let known = STATUSES.iter().position(|(known, _)| *known == status);
        // Relaxed: a number of its own.
        known.and_then(|at| self.counted.get(at)).unwrap_or(&self.others).fetch_add(1, Ordering::Relaxed);
    }

    /// The statuses that there were, with their counts.
    pub(super) fn counted(&self) -> Vec<(&'static str, u64)> {
        let known = STATUSES.iter().map(|(_, label)| *label).zip(&self.counted).chain([(OTHER, &self.others)]);
        known.map(|(label, count)| (label, count.load(Ordering::Relaxed))).filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use hyper::StatusCode;

    use super::AdminCounters;

    #[test]
    fn each_response_is_counted_once() {
        let counters = AdminCounters::default();
        for status in [StatusCode::OK, StatusCode::OK, StatusCode::CONFLICT, StatusCode::IM_A_TEAPOT] {
            counters.count(status);
        }
        assert_eq!(counters.counted(), [("200", 2), ("409", 1), ("other", 1)]);
    }
}
