//! The engine's HTTP responses, with the codes and texts of Node's server, because clients compare the codes.

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CACHE_CONTROL, CONNECTION,
        CONTENT_TYPE, HeaderValue, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, SET_COOKIE, UPGRADE, VARY,
        X_CONTENT_TYPE_OPTIONS,
    },
};

use super::origins::Origins;
use crate::node::NodeName;

/// After how many seconds a client that was refused may try again; the official client does after one to five.
const RETRY_AFTER_S: &str = "5";

/// A response of the engine itself; a file's response has another body.
pub(super) type EngineResponse = Response<Full<Bytes>>;

/// Why a request is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownTransport,
    UnknownSession,
    /// The session is one of another node.
    OtherNode {
        owner: NodeName,
        here: NodeName,
    },
    BadMethod,
    BadRequest,
    Forbidden,
    UnsupportedVersion,
    NotFound,
    TooLarge,
    /// The body of a POST made no progress for too long.
    Stalled,
    /// The address has as much as it may have.
    TooMany,
    /// All clients together have.
    Full,
    ShuttingDown,
}

impl Refusal {
    fn parts(self) -> (StatusCode, &'static str) {
        match self {
            Self::UnknownTransport => (StatusCode::BAD_REQUEST, r#"{"code":0,"message":"Transport unknown"}"#),
            Self::UnknownSession => (StatusCode::BAD_REQUEST, r#"{"code":1,"message":"Session ID unknown"}"#),
            // Its body says more.
            Self::OtherNode { .. } => (StatusCode::BAD_REQUEST, ""),
            Self::BadMethod => (StatusCode::BAD_REQUEST, r#"{"code":2,"message":"Bad handshake method"}"#),
            Self::BadRequest | Self::Stalled => (StatusCode::BAD_REQUEST, r#"{"code":3,"message":"Bad request"}"#),
            Self::Forbidden => (StatusCode::FORBIDDEN, r#"{"code":4,"message":"Forbidden"}"#),
            Self::UnsupportedVersion => (StatusCode::BAD_REQUEST, r#"{"code":5,"message":"Unsupported protocol version"}"#),
            Self::NotFound => (StatusCode::NOT_FOUND, ""),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ""),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, ""),
            Self::Full | Self::ShuttingDown => (StatusCode::SERVICE_UNAVAILABLE, ""),
        }
    }

    pub(super) fn into_response(self) -> EngineResponse {
        let (status, body) = self.parts();
        let body = match self {
            Self::OtherNode { owner, here } => Bytes::from(other_node(owner, here)),
            _ => Bytes::from_static(body.as_bytes()),
        };
        let is_empty = body.is_empty();
        let mut response = with_body("application/json", body);
        *response.status_mut() = status;
        if is_empty {
            response.headers_mut().remove(CONTENT_TYPE);
        }
        if matches!(self, Self::TooMany | Self::Full | Self::ShuttingDown) {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
        }
        response
    }
}

/// Socket.IO's error, and behind it what whoever runs the load balancer has to know.
fn other_node(owner: NodeName, here: NodeName) -> String {
    format!(
        r#"{{"code":1,"message":"Session ID unknown","owner":"{owner}","node":"{here}","hint":"the session is of the node {owner}, and this is {here}: the load balancer has to send all requests of a client to one node"}}"#
    )
}

/// The response to a GET or a POST of a polling session.
pub(super) enum PollingResponse {
    /// 200 with packets.
    Packets(Bytes),
    /// 200 with "ok", for a POST.
    Accepted,
    Refused(Refusal),
}

impl PollingResponse {
    pub(super) fn into_response(self) -> EngineResponse {
        match self {
            // Never text/html: the packets hold what other clients sent.
            Self::Packets(body) => with_body("text/plain; charset=UTF-8", body),
            Self::Accepted => with_body("text/html", Bytes::from_static(b"ok")),
            Self::Refused(refusal) => refusal.into_response(),
        }
    }
}

fn with_body(content_type: &'static str, body: Bytes) -> EngineResponse {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The packets hold what other clients sent: a browser must not find markup in them.
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The response as the last on its connection.
pub(super) fn with_close<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// Sets the cookie of a handshake, if there is one.
pub(super) fn set_cookie(response: &mut EngineResponse, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
}

/// The answer to a websocket handshake.
pub(super) struct Accept {
    /// `Sec-WebSocket-Accept`.
    pub(super) key: HeaderValue,
    /// `Sec-WebSocket-Protocol`, if the client offers any.
    pub(super) protocol: Option<HeaderValue>,
}

/// 101 Switching Protocols. After it the stream belongs to the session.
pub(super) fn switching(accept: Accept, cookie: Option<HeaderValue>) -> EngineResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept.key);
    if let Some(protocol) = accept.protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    set_cookie(&mut response, cookie);
    response
}

/// The CORS headers that let a page of another origin read a response. Made from the request, applied to its response.
pub(super) struct Cors {
    origin: Option<HeaderValue>,
    credentials: bool,
    /// The response names the request's origin and not `*`, so caches must keep a response for each origin (`Vary`).
    names_origin: bool,
}

impl Cors {
    /// The headers for a request whose origin is allowed.
    pub(super) fn new(origins: &Origins, headers: &HeaderMap) -> Self {
        let origin = headers.get(ORIGIN).filter(|origin| !origin.is_empty()).cloned();
        let names_origin = origins.credentials || !origins.allows_all();
        let origin = origin.map(|origin| if names_origin { origin } else { HeaderValue::from_static("*") });
        Self { origin, credentials: origins.credentials, names_origin }
    }

    /// No headers: no page of another origin may read this response.
    pub(super) fn none() -> Self {
        Self { origin: None, credentials: false, names_origin: false }
    }

    pub(super) fn apply_to(self, response: &mut EngineResponse) {
        let headers = response.headers_mut();
        let Some(origin) = self.origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.names_origin {
            headers.insert(VARY, HeaderValue::from_static("Origin"));
        }
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// The response to a preflight request.
pub(super) fn preflight(headers: &HeaderMap) -> EngineResponse {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let requested = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned();
    let allowed = response.headers_mut();
    allowed.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    allowed.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested.unwrap_or(HeaderValue::from_static("Content-Type")));
    allowed.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    response
}
