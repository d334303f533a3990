//! The TCP connections, and the HTTP requests on them.
//!
//! hyper serves each connection in a task of its own, which ends with the connection. When a request asks for a websocket, the
//! service keeps what the websocket is for and answers 101. hyper then returns the stream, its buffers are freed, and the
//! session takes the stream over.

use std::{
    convert::Infallible,
    future::{Ready, poll_fn},
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use bytes::Bytes;
use futures_util::future::Either;
use http_body_util::{Either as Body, Full};
use hyper::{
    Response,
    body::{Body as _, Incoming},
    header::{HeaderValue, TRANSFER_ENCODING},
    http::{request::Parts, uri::Authority},
    server::conn::http1,
    service::Service,
};
use hyper_util::rt::TokioTimer;

use super::{
    byte_stream::ByteStream,
    closing,
    command::Command,
    handshake::{self, Route, Upgrade},
    http_stream::{HttpStream, Notes},
    options::Options,
    outbox::Outbox,
    polling,
    probe::ProbeRequest,
    response::{self, Cors, EngineResponse, PollingResponse, Refusal},
    server::{self, Engine},
    session::{self, InitialTransport},
    websocket::Websocket,
};
use crate::{
    event_loops::Seat,
    files::{Content, CutConnection},
    host_names,
};

/// Bytes that hyper buffers of one connection, in each direction.
const BUFFERED_BYTES: usize = 64 * 1024;

/// hyper's server, with the engine's limits.
fn http(options: &Options) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(options.keep_alive)
        .max_header_size(options.request_head_bytes_max)
        // hyper's default keeps 400 kB of a file for a client that does not read. A head has to fit, with its last piece.
        .max_buf_size((2 * options.request_head_bytes_max).max(BUFFERED_BYTES))
        .auto_date_header(false);
    http
}

/// Serves the requests on a connection. Ends with the connection: when no request comes within `keep_alive`, and when a body stalls.
pub(super) async fn serve_connection(engine: Arc<Engine>, stream: ByteStream, address: IpAddr, seat: Seat) {
    let (task, mut finishing) = (engine.streams.begin(), engine.finishing.subscribe());
    let notes = Arc::<Notes>::default();
    let stream = HttpStream::new(stream, Arc::clone(&notes), engine.options.least_pace());
    let http = http(&engine.options);
    let service = HttpService { engine, address, seat, upgrade: Mutex::default(), notes };
    let mut http = http.serve_connection(stream, service);
    let served = tokio::select! {
        served = poll_fn(|cx| http.poll_without_shutdown(cx)) => Some(served),
        // The server ends. What follows is the end of the response that is under way.
        () = server::set(&mut finishing) => None,
    };
    let served = match served {
        Some(served) => served,
        None => {
            Pin::new(&mut http).graceful_shutdown();
            poll_fn(|cx| http.poll_without_shutdown(cx)).await
        }
    };
    let parts = http.into_parts();
    let HttpService { engine, address, seat, upgrade, .. } = parts.service;
    match served {
        Ok(()) => {}
        // An error ends the connection: the client disconnected, or what it sent is not HTTP.
        Err(error) if error.is_parse_too_large() => engine.log.head(address, engine.options.request_head_bytes_max),
        Err(error) if is_stalled(&error) => engine.log.stalled(address, engine.options.body_timeout),
        Err(error) => tracing::debug!(%address, %error, "a connection ended"),
    }
    let (stream, head, unread) = parts.io.into_parts();
    let Some(upgrade) = upgrade.into_inner().unwrap_or_else(PoisonError::into_inner) else {
        // Everything is written, and the end of the server need not wait for the client.
        drop(task);
        return closing::close_stream(stream).await;
    };
    let read_ahead = [&*parts.read_buf, &unread].concat();
    match upgrade {
        Upgrade::New(new_session) => {
            let websocket = Websocket::new(stream, &read_ahead);
            session::start(&engine, new_session, seat.of_session(), InitialTransport::Websocket(websocket, head));
        }
        Upgrade::Probe(outbox) => match stream.detach() {
            Ok(stream) => {
                let probe = Command::Probe(Box::new(ProbeRequest { stream, read_ahead, head }));
                if let Err(Command::Probe(request)) = outbox.send(probe) {
                    // The session has ended meanwhile.
                    engine.close_probe(*request);
                }
            }
            // The drop of the stream has closed it.
            Err(error) => engine.log.accept(&error),
        },
    }
}

/// Whether the client has taken nothing of a response for too long.
fn is_stalled(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut)
}

/// Serves the requests on one TCP connection.
struct HttpService {
    engine: Arc<Engine>,
    /// The client, or the proxy that speaks for many clients.
    address: IpAddr,
    seat: Seat,
    /// What the stream is for, once a request is for a websocket.
    upgrade: Mutex<Option<Upgrade>>,
    notes: Arc<Notes>,
}

/// A response of the engine, or a file.
type HttpResponse = Response<Body<Full<Bytes>, Content>>;
type PendingResponse = Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send>>;

impl Service<hyper::Request<Incoming>> for HttpService {
    type Response = HttpResponse;
    type Error = Infallible;
    type Future = Either<Ready<Result<HttpResponse, Infallible>>, PendingResponse>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let (parts, body) = request.into_parts();
        if body.is_end_stream() {
            self.notes.has_no_body.store(true, Ordering::Relaxed);
        }
        let options = &self.engine.options;
        let host = match self.checked_host(&parts) {
            Ok(host) => host,
            Err(refusal) => return ready_response(refusal.into_response(), Cors::none()),
        };
        let address = options.proxies.client(self.address, &parts.headers);
        let route = match handshake::route(&self.engine, &parts, host.as_ref().map(Authority::as_str), address) {
            Ok(route) => route,
            // Not the endpoint; perhaps it is a file.
            Err(Refusal::NotFound) => match options.files.respond(&parts, self.cut()) {
                Some(file) => return Either::Right(Box::pin(async { Ok(file.await.map(Body::Right)) })),
                None => return ready_response(Refusal::NotFound.into_response(), Cors::none()),
            },
            Err(refusal) => {
                tracing::debug!(%address, ?refusal, "a request is refused");
                let is_foreign = refusal == Refusal::Forbidden;
                let cors = if is_foreign { Cors::none() } else { Cors::new(&self.engine.origins.load(), &parts.headers) };
                return ready_response(refusal.into_response(), cors);
            }
        };
        let cors = Cors::new(&self.engine.origins.load(), &parts.headers);
        match route {
            Route::Options => ready_response(response::preflight(&parts.headers), cors),
            Route::Websocket(accept, mut upgrade) => {
                let cookie = match &mut upgrade {
                    Upgrade::New(new_session) => new_session.cookie.take(),
                    Upgrade::Probe(_) => None,
                };
                *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
                self.notes.is_switching.store(true, Ordering::Relaxed);
                ready_response(response::switching(accept, cookie), Cors::none())
            }
            Route::Open(mut new_session) => {
                let cookie = new_session.cookie.take();
                let (poll, response) = polling::handshake_poll();
                session::start(&self.engine, new_session, self.seat.of_session(), InitialTransport::Polling(poll));
                pending_response(response, cors, cookie)
            }
            Route::Poll(outbox) => pending_response(polling::poll(outbox, Arc::clone(&self.notes)), cors, None),
            Route::Post(outbox) => {
                let response = post(Arc::clone(&self.engine), outbox, body, address);
                let response = pending_response(response, cors, None);
                if !parts.headers.contains_key(TRANSFER_ENCODING) {
                    return response;
                }
                // hyper has dropped a length beside the encoding. A proxy that goes by the length sees another request behind the
                // body than this server does, so none is read there (RFC 9112, section 6.3).
                Either::Right(Box::pin(async { Ok(response::with_close(response.await?)) }))
            }
        }
    }
}

impl HttpService {
    /// Ends this connection.
    fn cut(&self) -> CutConnection {
        let notes = Arc::clone(&self.notes);
        Box::new(move || notes.cut())
    }

    /// The host that a request is for. What hyper lets pass and RFC 9112 does not is refused here, because a proxy in front may read
    /// it differently.
    fn checked_host(&self, parts: &Parts) -> Result<Option<Authority>, Refusal> {
        let mut encodings = parts.headers.get_all(TRANSFER_ENCODING).iter();
        let is_chunked = |encoding: &HeaderValue| encoding.as_bytes().eq_ignore_ascii_case(b"chunked");
        if encodings.next().is_some_and(|first| !is_chunked(first)) || encodings.next().is_some() {
            return Err(Refusal::BadRequest);
        }
        let host = host_names::host_of(parts).map_err(|_| Refusal::BadRequest)?;
        if let Some(host) = &host
            && !self.engine.options.host_names.serve(host)
        {
            self.engine.log.host(host.as_str());
            return Err(Refusal::Forbidden);
        }
        Ok(host)
    }
}

async fn post(engine: Arc<Engine>, outbox: Arc<Outbox>, body: Incoming, address: IpAddr) -> PollingResponse {
    let response = polling::post(outbox, body, engine.options.payload_bytes_max, engine.options.least_pace()).await;
    match response {
        PollingResponse::Refused(Refusal::TooLarge) => engine.log.message(None, engine.options.payload_bytes_max),
        PollingResponse::Refused(Refusal::Stalled) => engine.log.stalled(address, engine.options.body_timeout),
        _ => {}
    }
    response
}

fn ready_response(mut response: EngineResponse, cors: Cors) -> <HttpService as Service<hyper::Request<Incoming>>>::Future {
    cors.apply_to(&mut response);
    Either::Left(std::future::ready(Ok(response.map(Body::Left))))
}

fn pending_response(
    response: impl Future<Output = PollingResponse> + Send + 'static,
    cors: Cors,
    cookie: Option<HeaderValue>,
) -> <HttpService as Service<hyper::Request<Incoming>>>::Future {
    Either::Right(Box::pin(async move {
        let response = response.await;
        if let PollingResponse::Refused(refusal) = &response {
            tracing::debug!(?refusal, "a request is refused");
        }
        let mut response = response.into_response();
        cors.apply_to(&mut response);
        response::set_cookie(&mut response, cookie);
        Ok(response.map(Body::Left))
    }))
}
