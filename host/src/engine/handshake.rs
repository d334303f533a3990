//! The checks of a request to the endpoint, in the order of Node's server, and the first packet of a session.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use hyper::{
    HeaderMap, Method, Version,
    header::{
        CONNECTION, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
    },
    http::request::Parts,
};
use tungstenite::handshake::derive_accept_key;

use super::{
    addresses::Permit,
    options::Options,
    outbox::Outbox,
    response::{Accept, Refusal},
    server::Engine,
    session_id::SessionId,
};
use crate::{
    fixed_limits::QUERY_NAMES_MAX,
    frame::Frame,
    limit_hits::LimitHit,
    packet::OpenPacket,
    request::{Request, query_parameters},
};

/// The kinds of request that the engine serves.
pub(super) enum Route {
    /// A new session by polling.
    Open(NewSession),
    /// A websocket handshake.
    Websocket(Accept, Upgrade),
    /// A GET of a polling session.
    Poll(Arc<Outbox>),
    /// A POST of a polling session.
    Post(Arc<Outbox>),
    /// A CORS preflight.
    Options,
}

/// The session that a websocket is for.
pub(super) enum Upgrade {
    /// A new one.
    New(NewSession),
    /// A polling session that upgrades.
    Probe(Arc<Outbox>),
}

/// What a handshake has found out about the session that it opens.
pub(super) struct NewSession {
    pub(super) session_id: SessionId,
    pub(super) permit: Permit,
    /// The cookie that the response sets.
    pub(super) cookie: Option<HeaderValue>,
    pub(super) request: Request,
}

/// Decides what a request is, or why it is refused.
/// `host` is the one that the request is for.
pub(super) fn route(engine: &Engine, parts: &Parts, host: Option<&str>, address: IpAddr) -> Result<Route, Refusal> {
    let path = parts.uri.path();
    if !is_endpoint(&engine.options.path, path) || engine.options.files.is_client(path) {
        return Err(Refusal::NotFound);
    }
    // An empty header counts as none: no page sends it.
    let origin = parts.headers.get(ORIGIN).filter(|origin| !origin.is_empty());
    let origin = origin.map(|origin| latin1(origin.as_bytes()));
    if !engine.origins.load().allow(origin.as_deref(), host) {
        engine.log.origin(origin.as_deref().unwrap_or_default(), host);
        return Err(Refusal::Forbidden);
    }
    if parts.method == Method::OPTIONS {
        return Ok(Route::Options);
    }
    let query = parts.uri.query().unwrap_or_default();
    if query.split('&').filter(|pair| !pair.is_empty()).nth(QUERY_NAMES_MAX).is_some() {
        engine.log.query();
    }
    let sid = query_value(query, "sid").filter(|sid| !sid.is_empty());
    let is_websocket = match query_value(query, "transport").as_deref() {
        Some("polling") if engine.options.polling => false,
        Some("websocket") if engine.options.websocket || sid.is_some() => true,
        _ => return Err(Refusal::UnknownTransport),
    };
    match sid {
        Some(sid) => route_of_session(engine, parts, &sid, is_websocket),
        None => route_of_handshake(engine, parts, query, address, is_websocket),
    }
}

/// Whether this is the endpoint's path. A client may leave the last slash out. What stands behind it means nothing, as in Node's
/// server: some clients put a second slash there.
fn is_endpoint(endpoint: &str, path: &str) -> bool {
    path.starts_with(endpoint) || endpoint.strip_suffix('/') == Some(path)
}

fn route_of_session(engine: &Engine, parts: &Parts, sid: &str, is_websocket: bool) -> Result<Route, Refusal> {
    let session_id = SessionId::parse(sid).ok_or(Refusal::UnknownSession)?;
    let outbox = engine.registry.find(&session_id).ok_or_else(|| unknown_session(engine, session_id))?;
    if is_websocket {
        if !engine.options.allow_upgrades || !engine.options.websocket {
            return Err(Refusal::BadRequest);
        }
        return Ok(Route::Websocket(accept(parts)?, Upgrade::Probe(outbox)));
    }
    match parts.method {
        _ if outbox.is_websocket() => Err(Refusal::BadRequest),
        Method::GET => Ok(Route::Poll(outbox)),
        Method::POST => Ok(Route::Post(outbox)),
        _ => Err(Refusal::BadRequest),
    }
}

/// A session that is not here. Where its id is of another node, a load balancer has sent its client to the wrong one.
fn unknown_session(engine: &Engine, session_id: SessionId) -> Refusal {
    let (owner, here) = (session_id.node(), engine.options.node);
    if owner == here || !engine.options.one_of_many {
        return Refusal::UnknownSession;
    }
    engine.log.other_node(owner, here);
    Refusal::OtherNode { owner, here }
}

fn route_of_handshake(
    engine: &Engine,
    parts: &Parts,
    query: &str,
    address: IpAddr,
    is_websocket: bool,
) -> Result<Route, Refusal> {
    if parts.method != Method::GET {
        return Err(Refusal::BadMethod);
    }
    let accept = if is_websocket { Some(accept(parts)?) } else { None };
    if query_value(query, "EIO").as_deref() != Some("4") {
        return Err(Refusal::UnsupportedVersion);
    }
    if engine.refuses() {
        return Err(Refusal::ShuttingDown);
    }
    let permit = engine.addresses.session(address).map_err(|limit| {
        engine.log.full(limit, address);
        if limit == LimitHit::Sessions { Refusal::Full } else { Refusal::TooMany }
    })?;
    let session_id = SessionId::random(engine.options.node).ok_or(Refusal::ShuttingDown)?;
    let cookie = engine.options.cookie.as_ref().and_then(|cookie| cookie.header(&session_id));
    let new_session = NewSession { session_id, permit, cookie, request: opening_request(parts, address) };
    Ok(match accept {
        Some(accept) => Route::Websocket(accept, Upgrade::New(new_session)),
        None => Route::Open(new_session),
    })
}

/// The answer to a websocket handshake (RFC 6455, section 4.2). Version 8 has the same frames as 13; Node's server takes both.
fn accept(parts: &Parts) -> Result<Accept, Refusal> {
    let headers = &parts.headers;
    let is_upgrade = parts.method == Method::GET
        && parts.version >= Version::HTTP_11
        && has_token(headers, &UPGRADE, "websocket")
        && has_token(headers, &CONNECTION, "upgrade")
        && matches!(header_text(headers, &SEC_WEBSOCKET_VERSION), Some("13" | "8"));
    match headers.get(SEC_WEBSOCKET_KEY) {
        Some(key) if is_upgrade && key.len() == 24 => {
            let key = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| Refusal::BadRequest)?;
            Ok(Accept { key, protocol: first_protocol(headers) })
        }
        _ => Err(Refusal::BadRequest),
    }
}

/// The first subprotocol that the client offers. None of them means anything here, but a browser that gets no answer closes the
/// connection.
fn first_protocol(headers: &HeaderMap) -> Option<HeaderValue> {
    let offered = header_text(headers, &SEC_WEBSOCKET_PROTOCOL)?;
    let first = offered.split(',').map(str::trim).find(|protocol| !protocol.is_empty())?;
    HeaderValue::from_str(first).ok()
}

fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|part| part.trim().eq_ignore_ascii_case(token))
}

fn header_text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn opening_request(parts: &Parts, address: IpAddr) -> Request {
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str(), latin1(value.as_bytes())));
    let url = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    Request::new(headers, url, address)
}

/// A header's value as Node reads it: UTF-8 is not guaranteed, so every byte is one character.
fn latin1(value: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(value) {
        Ok(text) if text.is_ascii() => text.into(),
        _ => value.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

/// The last value of this key, as in Node's server: some clients add their own `transport` to one that is there.
fn query_value<'a>(query: &'a str, key: &str) -> Option<Cow<'a, str>> {
    query_parameters(query).filter(|(name, _)| name == key).last().map(|(_, value)| value)
}

/// The OPEN packet of a session that these options allow.
pub(super) fn open_packet(options: &Options, session_id: SessionId, is_websocket: bool) -> Frame {
    let open = OpenPacket {
        session_id: &session_id.text(),
        offers_websocket: !is_websocket && options.allow_upgrades && options.websocket,
        ping_interval: options.ping_interval,
        ping_timeout: options.ping_timeout,
        payload_bytes_max: options.payload_bytes_max,
    };
    open.encode()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_slash_of_the_path_may_be_left_out() {
        for other in ["/", "/socket.i", "/socket.iox", "//socket.io/"] {
            assert!(!is_endpoint("/socket.io/", other), "{other}");
        }
        for endpoint in ["/socket.io/", "/socket.io", "/socket.io//", "/socket.io/x"] {
            assert!(is_endpoint("/socket.io/", endpoint), "{endpoint}");
        }
    }

    #[test]
    fn tokens_are_found_in_lists() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("keep-alive, Upgrade"));
        assert!(has_token(&headers, &CONNECTION, "upgrade"));
        assert!(!has_token(&headers, &CONNECTION, "up"));
    }

    #[test]
    fn the_open_packet_offers_what_the_options_allow() {
        let session_id = SessionId::random(crate::node::NodeName::random().unwrap()).unwrap();
        let text = |options: &Options, is_websocket| {
            String::from_utf8(open_packet(options, session_id, is_websocket).packet().to_vec()).unwrap()
        };
        let options = Options::default();
        assert!(text(&options, true).contains(r#""upgrades":[],"pingInterval":25000,"pingTimeout":20000,"#));
        assert!(text(&options, false).contains(r#""upgrades":["websocket"]"#));
        assert!(text(&Options { allow_upgrades: false, ..options }, false).ends_with(r#""maxPayload":1000000}"#));
    }
}
