//! What the admin interface answers where it cannot do what is asked: problem details (RFC 9457).

use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use hyper::{Response, StatusCode};
use innkeeper_contract::codes;
use serde::Serialize;

use super::body::{Body, full};
use crate::body::BodyError;
use crate::generations;

/// A request that was not done.
#[derive(Debug)]
pub(super) struct Problem {
    kind: ProblemKind,
    detail: String,
    /// The parts of the request that are wrong, where there are several or where they have names.
    errors: Vec<WrongPart>,
    /// The methods that the path has, of `MethodNotAllowed`.
    allow: Option<String>,
    /// The code of the contract, of what it refuses to plugins too.
    code: Option<&'static str>,
}

/// A part of a request that is wrong.
#[derive(Debug, Serialize)]
pub(super) struct WrongPart {
    /// A parameter of the query.
    pub(super) parameter: String,
    pub(super) detail: String,
}

/// The problems that there are. Each has a `type` that does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemKind {
    /// Its JSON, its query or its path cannot be read.
    Invalid,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    /// The body came too slowly.
    TooSlow,
    /// It does not fit what is there now.
    Conflict,
    LengthRequired,
    TooLarge,
    MediaType,
    /// It can be read, and is refused.
    Refused,
    TooManyFailures,
    Internal,
    /// Not now.
    Unavailable,
}

impl ProblemKind {
    /// The status, the end of the `type`, and the title.
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Invalid => (StatusCode::BAD_REQUEST, "invalid", "The request cannot be read"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "The token is missing or wrong"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "This is not for pages of browsers"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "There is no such thing"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method", "The path has no such method"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too-slow", "The body came too slowly"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "This does not fit what is there now"),
            Self::LengthRequired => (StatusCode::LENGTH_REQUIRED, "length", "The length of the body is missing"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "The body is of another type"),
            Self::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "refused", "This is refused"),
            Self::TooManyFailures => (StatusCode::TOO_MANY_REQUESTS, "too-many-failures", "Too many wrong tokens"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "The server has an error"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now"),
        }
    }
}

/// As it is written.
#[derive(Serialize)]
struct Details<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [WrongPart],
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), allow: None, code: None }
    }

    /// There is no such thing.
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self::new(ProblemKind::NotFound, what)
    }

    /// The path has only these methods.
    pub(super) fn method(allow: String) -> Self {
        let detail = format!("use {allow}");
        Self { allow: Some(allow), ..Self::new(ProblemKind::MethodNotAllowed, detail) }
    }

    /// Parameters of the query that are wrong; at least one.
    pub(super) fn parameters(errors: Vec<WrongPart>) -> Self {
        let named: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.parameter, error.detail)).collect();
        let errors = if errors.len() > 1 { errors } else { Vec::new() };
        Self { errors, ..Self::new(ProblemKind::Invalid, named.join("; ")) }
    }

    /// Why a body was not read; `limit` says what it may have.
    pub(super) fn body(error: BodyError, limit: &str) -> Self {
        match error {
            BodyError::TooLarge => Self::new(ProblemKind::TooLarge, format!("the body has more than {limit}")),
            BodyError::Malformed => Self::new(ProblemKind::Invalid, "the body is not whole"),
            BodyError::Stalled => {
                let detail = "less than body_rate_min bytes came in each second of body_timeout ([server])";
                Self::new(ProblemKind::TooSlow, detail)
            }
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.kind.parts().0
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    pub(super) fn into_response(self) -> Response<Body> {
        let (status, name, title) = self.kind.parts();
        let details = Details {
            r#type: format!("urn:innkeeper:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code,
            errors: &self.errors,
        };
        let mut response = Response::new(full(Bytes::from(serde_json::to_vec(&details).unwrap_or_default())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self.kind {
            ProblemKind::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"innkeeper\""));
            }
            ProblemKind::TooManyFailures => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("60"))),
            ProblemKind::Unavailable => drop(headers.insert(RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => {}
        }
        if let Some(allow) = self.allow.and_then(|allow| HeaderValue::try_from(allow).ok()) {
            headers.insert(ALLOW, allow);
        }
        response
    }
}

/// What a plugin would be refused too.
impl From<innkeeper_contract::Refusal> for Problem {
    fn from(refusal: innkeeper_contract::Refusal) -> Self {
        let kind = if refusal.code == codes::UNKNOWN { ProblemKind::NotFound } else { ProblemKind::Refused };
        Self { code: Some(refusal.code), ..Self::new(kind, refusal.message) }
    }
}

/// Why a plugin was not changed.
impl From<generations::Refusal> for Problem {
    fn from(refusal: generations::Refusal) -> Self {
        let kind = match &refusal {
            generations::Refusal::NoPlugin(_) => ProblemKind::NotFound,
            generations::Refusal::Refused(_) => ProblemKind::Refused,
            generations::Refusal::Conflict(_) => ProblemKind::Conflict,
            generations::Refusal::Busy => ProblemKind::Unavailable,
        };
        Self::new(kind, refusal.to_string())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::{Problem, WrongPart};
    use crate::generations::Refusal;

    async fn written(problem: Problem) -> Value {
        serde_json::from_slice(&problem.into_response().into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[test]
    fn each_refusal_of_a_change_has_its_status() {
        let refusals = [
            (Refusal::NoPlugin("chat".to_owned()), 404),
            (Refusal::Refused("why".to_owned()), 422),
            (Refusal::Conflict("why".to_owned()), 409),
            (Refusal::Busy, 503),
        ];
        for (refusal, status) in refusals {
            assert_eq!(Problem::from(refusal.clone()).into_response().status().as_u16(), status, "{refusal}");
        }
    }

    #[tokio::test]
    async fn a_problem_has_its_type_and_what_is_wrong() {
        let method = Problem::method("GET, HEAD".to_owned());
        let allow = method.into_response().headers().get("allow").cloned();
        assert_eq!(allow.unwrap(), "GET, HEAD");
        let missing = written(Problem::from(innkeeper_contract::refusals::no_namespace("/x"))).await;
        assert_eq!((&missing["status"], &missing["code"]), (&json!(404), &json!("unknown")));
        let wrong = |parameter: &str| WrongPart { parameter: parameter.to_owned(), detail: "unknown".to_owned() };
        assert_eq!(
            written(Problem::parameters(vec![wrong("a"), wrong("b")])).await,
            json!({
                "type": "urn:innkeeper:problem:invalid",
                "title": "The request cannot be read",
                "status": 400,
                "detail": "a: unknown; b: unknown",
                "errors": [{"parameter": "a", "detail": "unknown"}, {"parameter": "b", "detail": "unknown"}],
            })
        );
    }
}
