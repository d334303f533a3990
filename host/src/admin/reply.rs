//! The answer to a request that was done.

use bytes::Bytes;
use hyper::Response;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde::Serialize;

use super::body::{Body, full};
use super::problem::{Problem, ProblemKind};

/// What is answered, and for the audit's line what was done.
pub(super) struct Reply {
    pub(super) response: Response<Body>,
    pub(super) summary: String,
}

impl Reply {
    /// A JSON value.
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Problem> {
        let text = serde_json::to_vec(value).map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))?;
        Ok(Self::text("application/json", text))
    }

    /// A text that is there already.
    pub(super) fn text(media_type: &'static str, text: impl Into<Bytes>) -> Self {
        Self::of(media_type, full(text.into()))
    }

    pub(super) fn of(media_type: &'static str, body: Body) -> Self {
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self { response, summary: String::new() }
    }

    /// The same with what was done, for the audit.
    pub(super) fn with_summary(self, summary: String) -> Self {
        Self { summary, ..self }
    }
}
