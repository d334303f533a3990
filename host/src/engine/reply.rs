//! HTTP responses, worded as Node's server words them, because clients compare the codes.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, CONNECTION,
        CONTENT_TYPE, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SET_COOKIE, UPGRADE, VARY,
    },
};

use super::{limits::Origins, polling::Reply};

pub(super) type Answer = Response<Full<Bytes>>;

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownTransport,
    UnknownSession,
    BadMethod,
    BadRequest,
    Forbidden,
    UnsupportedVersion,
    NotFound,
    TooLarge,
    TooMany,
    ShuttingDown,
}

impl Refusal {
    fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownTransport => (StatusCode::BAD_REQUEST, r#"{"code":0,"message":"Transport unknown"}"#),
            Self::UnknownSession => (StatusCode::BAD_REQUEST, r#"{"code":1,"message":"Session ID unknown"}"#),
            Self::BadMethod => (StatusCode::BAD_REQUEST, r#"{"code":2,"message":"Bad handshake method"}"#),
            Self::BadRequest => (StatusCode::BAD_REQUEST, r#"{"code":3,"message":"Bad request"}"#),
            Self::Forbidden => (StatusCode::FORBIDDEN, r#"{"code":4,"message":"Forbidden"}"#),
            Self::UnsupportedVersion => (StatusCode::BAD_REQUEST, r#"{"code":5,"message":"Unsupported protocol version"}"#),
            Self::NotFound => (StatusCode::NOT_FOUND, ""),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ""),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, ""),
            Self::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, ""),
        }
    }

    pub(super) fn answer(self) -> Answer {
        let (status, body) = self.parts();
        let mut answer = with_body("application/json", Bytes::from_static(body.as_bytes()));
        *answer.status_mut() = status;
        if body.is_empty() {
            answer.headers_mut().remove(CONTENT_TYPE);
        }
        answer
    }
}

impl Reply {
    pub(super) fn answer(self) -> Answer {
        match self {
            // Never text/html: the packets hold what other clients sent.
            Self::Packets(body) => with_body("text/plain; charset=UTF-8", Bytes::from(body)),
            Self::Taken => with_body("text/html", Bytes::from_static(b"ok")),
            Self::Refused(refusal) => refusal.answer(),
        }
    }
}

fn with_body(kind: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Full::new(body));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// The cookie of a handshake, if there is one.
pub(super) fn set_cookie(answer: &mut Answer, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
}

/// 101, after which the stream is the session's.
pub(super) fn switching(accept: HeaderValue, cookie: Option<HeaderValue>) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    set_cookie(&mut answer, cookie);
    answer
}

/// What a page of another origin needs to read our responses. Made from the request, put on whatever answers it.
pub(super) struct Cors {
    origin: Option<HeaderValue>,
    credentials: bool,
    reflected: bool,
}

impl Cors {
    /// For a request whose origin has passed the guard.
    pub(super) fn new(origins: &Origins, headers: &HeaderMap) -> Self {
        let origin = headers.get(ORIGIN).cloned();
        let reflected = origins.credentials || !origins.any();
        let origin = origin.map(|origin| if reflected { origin } else { HeaderValue::from_static("*") });
        Self { origin, credentials: origins.credentials, reflected }
    }

    /// For a request that nobody may read the answer of.
    pub(super) fn none() -> Self {
        Self { origin: None, credentials: false, reflected: false }
    }

    pub(super) fn put_on(self, answer: &mut Answer) {
        let headers = answer.headers_mut();
        let Some(origin) = self.origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.reflected {
            headers.insert(VARY, HeaderValue::from_static("Origin"));
        }
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// The answer to a preflight request.
pub(super) fn preflight(headers: &HeaderMap) -> Answer {
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let allowed = answer.headers_mut();
    allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.unwrap_or(HeaderValue::from_static("Content-Type")));
    allowed.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    answer
}
