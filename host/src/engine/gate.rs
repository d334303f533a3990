//! TCP connections and the requests on them.
//!
//! hyper serves each connection in a task of its own, which ends with it. When a request asks for a websocket, the service
//! notes what for and answers 101; hyper then gives the stream back, its buffers go, and the session takes over.

use std::{
    convert::Infallible,
    future::Ready,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::Either;
use http_body_util::{Either as Body, Full};
use hyper::{Response, body::Incoming, header::HeaderValue, server::conn::http1, service::Service};
use hyper_util::rt::TokioTimer;
use socket2::SockRef;
use tokio::net::TcpListener;

use super::{
    Engine,
    handshake::{self, Route, Upgrade},
    polling::{self, Mail, Reply},
    reply::{self, Answer, Cors, Refusal},
    session::{Opening, Session},
    stream::Stream,
    websocket::Websocket,
};
use crate::{files::Content, frame::Frame};

/// hyper's own limit is 400 kB for the head of one request.
const HEADER_BYTES_MAX: usize = 32 * 1024;
/// When the system has no more file handles, trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the engine refuses.
pub(super) async fn accept(engine: &Arc<Engine>, listener: TcpListener) {
    inherit(engine.options.user_timeout, &listener);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(engine.options.header_timeout)
        .max_header_size(HEADER_BYTES_MAX)
        .auto_date_header(false);
    loop {
        let refused = engine.refused.notified();
        if engine.refuses() {
            return;
        }
        tokio::select! {
            // Ends the loop; the listener is dropped with it.
            () = refused => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    let gate = Gate { engine: Arc::clone(engine), address: peer.ip().to_canonical(), upgrade: Mutex::default() };
                    // Ends with the TCP connection, at the latest by the header timeout when it is idle.
                    tokio::spawn(connection(http.serve_connection(Stream::new(stream), gate)));
                }
                Err(error) => {
                    tracing::debug!(%error, "accept");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// On Linux an accepted socket has the options of its listener, which saves two system calls each.
fn inherit(user_timeout: Option<Duration>, listener: &TcpListener) {
    let socket = SockRef::from(listener);
    let nodelay = socket.set_tcp_nodelay(true);
    let timeout = socket.set_tcp_user_timeout(user_timeout);
    if let Err(error) = nodelay.and(timeout) {
        tracing::warn!(%error, "options of the listener");
    }
}

async fn connection(http: http1::Connection<Stream, Gate>) {
    // An error is the end of the connection: the client went, or did not speak HTTP.
    let Ok(parts) = http.without_shutdown().await else { return };
    let Gate { engine, upgrade, .. } = parts.service;
    let Some(upgrade) = upgrade.into_inner().unwrap_or_else(PoisonError::into_inner) else { return };
    let (stream, head) = parts.io.into_parts();
    let mut websocket = Websocket::new(stream, &parts.read_buf);
    match upgrade {
        Upgrade::New(entry) => Session::start(&engine, entry, Opening::Websocket(websocket, head)),
        Upgrade::Probe(outbox) => {
            websocket.queue(Frame::raw(head));
            // If the session has ended meanwhile, the stream ends here.
            drop(outbox.mail(Mail::Probe(Box::new(websocket))));
        }
    }
}

/// What one TCP connection asks.
struct Gate {
    engine: Arc<Engine>,
    address: IpAddr,
    /// What the stream is wanted for when hyper gives it back.
    upgrade: Mutex<Option<Upgrade>>,
}

/// An answer of the engine's own, or a file's.
type Served = Response<Body<Full<Bytes>, Content>>;
type Held = Pin<Box<dyn Future<Output = Result<Served, Infallible>> + Send>>;

impl Service<hyper::Request<Incoming>> for Gate {
    type Response = Served;
    type Error = Infallible;
    type Future = Either<Ready<Result<Served, Infallible>>, Held>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let options = &self.engine.options;
        let route = match handshake::route(&self.engine, &parts, self.address) {
            Ok(route) => route,
            // Not the engine's; perhaps it is a file's.
            Err(Refusal::NotFound) => match options.files.answer(&parts) {
                Some(answer) => return Either::Right(Box::pin(async { Ok(answer.await.map(Body::Right)) })),
                None => return now(Refusal::NotFound.answer(), Cors::none()),
            },
            Err(refusal @ Refusal::Forbidden) => return now(refusal.answer(), Cors::none()),
            Err(refusal) => return now(refusal.answer(), Cors::new(&options.origins, &parts.headers)),
        };
        let cors = Cors::new(&options.origins, &parts.headers);
        match route {
            Route::Options => now(reply::preflight(&parts.headers), cors),
            Route::Websocket(accept, mut upgrade) => {
                let cookie = match &mut upgrade {
                    Upgrade::New(entry) => entry.cookie.take(),
                    Upgrade::Probe(_) => None,
                };
                *self.upgrade.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
                now(reply::switching(accept, cookie), Cors::none())
            }
            Route::Open(mut entry) => {
                let cookie = entry.cookie.take();
                let (mail, reply) = polling::first();
                Session::start(&self.engine, entry, Opening::Polling(mail));
                held(reply, cors, cookie)
            }
            Route::Poll(outbox) => held(polling::poll(outbox), cors, None),
            Route::Post(outbox) => held(polling::post(outbox, body, options.payload_bytes_max, options.body_timeout), cors, None),
        }
    }
}

fn now(mut answer: Answer, cors: Cors) -> <Gate as Service<hyper::Request<Incoming>>>::Future {
    cors.put_on(&mut answer);
    Either::Left(std::future::ready(Ok(answer.map(Body::Left))))
}

fn held(
    reply: impl Future<Output = Reply> + Send + 'static,
    cors: Cors,
    cookie: Option<HeaderValue>,
) -> <Gate as Service<hyper::Request<Incoming>>>::Future {
    Either::Right(Box::pin(async move {
        let mut answer = reply.await.answer();
        cors.put_on(&mut answer);
        reply::set_cookie(&mut answer, cookie);
        Ok(answer.map(Body::Left))
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use socket2::SockRef;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn an_accepted_socket_has_the_options_of_its_listener() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        super::inherit(Some(Duration::from_secs(7)), &listener);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(accepted.nodelay().unwrap());
        assert_eq!(SockRef::from(&accepted).tcp_user_timeout().unwrap(), Some(Duration::from_secs(7)));
    }
}
