//! The internal listener: HTTP for the operator's tools, never for clients.

mod status;

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::admin::{Admin, Body, full};
use crate::fixed_limits::{CLOSE_DEADLINE, INTERNAL_CONNECTIONS_MAX, REFUSAL_LINES_MAX};
use crate::host_names::{self, HostNames};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;
use crate::metrics;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

use status::Phase;

pub(crate) use status::{Missing, Status};

/// How long to wait after an accept that failed, for example because there are no more file descriptors.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Bytes of one read of what is dropped.
const DROPPED_BYTES: usize = 16 << 10;

/// What is served to everybody who reaches the listener. All other paths are the admin interface's.
const PATHS: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/version"];

/// The answer to a connection beyond [`INTERNAL_CONNECTIONS_MAX`].
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What is served, and how.
pub(crate) struct Interface {
    pub(crate) host_names: HostNames,
    /// How long a connection may wait for the head of its next request, and how long its client may take nothing of a response.
    pub(crate) keep_alive: Duration,
    pub(crate) status: Status,
    pub(crate) admin: Arc<Admin>,
    pub(crate) limit_hits: Arc<LimitHits>,
}

/// Serves until the runtime ends.
pub(crate) async fn serve(listener: TcpListener, interface: Interface) {
    let interface = Arc::new(interface);
    let (failures, refusals) = (LogLimiter::new(REFUSAL_LINES_MAX), LogLimiter::new(REFUSAL_LINES_MAX));
    let connections = Arc::new(Semaphore::new(INTERNAL_CONNECTIONS_MAX));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                if let Some(left_out) = failures.admit() {
                    tracing::warn!(
                        %error,
                        left_out,
                        "the internal interface cannot accept a connection; if too many files are open, raise the limit of the \
                         process (`ulimit -n`, LimitNOFILE of systemd)"
                    );
                }
                tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else {
            interface.limit_hits.hit(LimitHit::InternalConnections);
            if let Some(left_out) = refusals.admit() {
                tracing::warn!(left_out, "refused: the internal interface has {INTERNAL_CONNECTIONS_MAX} connections already");
            }
            // If the kernel does not take it, the connection is closed without an answer.
            let _ = refuse(stream);
            continue;
        };
        let interface = interface.clone();
        // Ends with the connection.
        tokio::spawn(async move {
            interface.connection(stream, peer).await;
            drop(permit);
        });
    }
}

impl Interface {
    /// Serves one connection to its end.
    async fn connection(&self, stream: TcpStream, peer: SocketAddr) {
        let mut server = hyper::server::conn::http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(self.keep_alive);
        let answer = |request: Request<Incoming>| async move { Ok::<_, Infallible>(self.answer(request, peer).await) };
        let service = service_fn(|request| Box::pin(answer(request)));
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(self.keep_alive));
        let mut served = server.serve_connection(TokioIo::new(Box::pin(stream)), service);
        match poll_fn(|context| served.poll_without_shutdown(context)).await {
            Ok(()) => finish(served.into_parts().io.into_inner()).await,
            Err(error) => tracing::debug!(%error, "a connection to the internal interface ended"),
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if let Some(refused) = refusal(&parts, &self.host_names) {
            return refused;
        }
        if PATHS.contains(&parts.uri.path()) {
            return respond(&parts, &self.status);
        }
        self.admin.answer(Request::from_parts(parts, body), peer).await
    }
}

/// Answers a connection that is one too many, as far as that costs one system call, and closes it.
fn refuse(stream: TcpStream) -> io::Result<()> {
    stream.into_std()?.write_all(FULL)
}

/// Closes the server's side, and drops what the client still sends: a stream that is closed meanwhile is reset, and the client could not
/// read why its upload was refused.
async fn finish(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let dropped = async {
        let mut bytes = [0; DROPPED_BYTES];
        let _closed = stream.shutdown().await;
        while let Ok(1..) = stream.read(&mut bytes).await {}
    };
    let _in_time = timeout(CLOSE_DEADLINE, dropped).await;
}

/// The response to a request that names no host, or one that is not served.
fn refusal(request: &Parts, host_names: &HostNames) -> Option<Response<Body>> {
    match host_names::host_of(request) {
        Err(_) => Some(response(StatusCode::BAD_REQUEST, r#"{"error":"the request has no valid host"}"#.into())),
        Ok(Some(host)) if !host_names.serve(&host) => {
            let error = r#"{"error":"this host name is not served; see [internal] hosts of innkeeper.toml"}"#;
            Some(response(StatusCode::FORBIDDEN, error.into()))
        }
        Ok(_) => None,
    }
}

fn respond(request: &Parts, status: &Status) -> Response<Body> {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    match request.uri.path() {
        _ if !is_read => response(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"use GET"}"#.into()),
        "/healthz" => health(status.phase()),
        "/readyz" => readiness(status.phase(), &status.missing()),
        "/metrics" => page(status.metrics()),
        _ => response(StatusCode::OK, format!(r#"{{"name":"innkeeper","version":"{}"}}"#, env!("CARGO_PKG_VERSION"))),
    }
}

/// Whether the process works: a supervisor that reads anything else restarts it, so a start that takes long is no reason.
fn health(phase: Phase) -> Response<Body> {
    match phase {
        Phase::Starting | Phase::Ready => response(StatusCode::OK, r#"{"status":"ok"}"#.into()),
        // A balancer that asks here and not for /readyz sends no more clients.
        Phase::Draining => response(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"shutting down"}"#.into()),
    }
}

/// Whether clients can be sent here, which plugins they will not find, and since when the other nodes cannot be reached.
fn readiness(phase: Phase, missing: &Missing) -> Response<Body> {
    let is_alone = !missing.redis_down_s.is_empty();
    let (status, word) = match phase {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Phase::Ready if is_alone && missing.redis_is_required => (StatusCode::SERVICE_UNAVAILABLE, "degraded"),
        Phase::Ready if is_alone => (StatusCode::OK, "degraded"),
        Phase::Ready => (StatusCode::OK, "ready"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    let mut body = serde_json::json!({"status": word});
    if !missing.plugins.is_empty() {
        body["not_loaded"] = missing.plugins.as_slice().into();
    }
    if is_alone {
        let down = missing.redis_down_s.iter().map(|(connection, seconds)| ((*connection).to_owned(), seconds.round().into()));
        body["redis_down_s"] = serde_json::Value::Object(down.collect());
    }
    response(status, body.to_string())
}

fn page(text: String) -> Response<Body> {
    let mut response = response(StatusCode::OK, text);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    response
}

fn response(status: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::{Missing, Phase, Response, StatusCode, readiness};

    async fn body(answer: Response<super::Body>) -> serde_json::Value {
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_server_without_its_redis_is_degraded_and_not_ready_only_if_that_is_configured() {
        for (redis_is_required, status) in [(false, StatusCode::OK), (true, StatusCode::SERVICE_UNAVAILABLE)] {
            let missing = Missing { redis_down_s: vec![("publishing", 2.6)], redis_is_required, ..Missing::default() };
            let answer = readiness(Phase::Ready, &missing);
            assert_eq!(answer.status(), status);
            assert_eq!(body(answer).await, serde_json::json!({"status": "degraded", "redis_down_s": {"publishing": 3.0}}));
        }
    }

    #[tokio::test]
    async fn readiness_names_the_plugins_that_are_not_loaded() {
        let missing = Missing { plugins: vec!["chat".to_owned(), "my-plugin".to_owned()], ..Missing::default() };
        let body = body(readiness(Phase::Ready, &missing)).await;
        assert_eq!(body, serde_json::json!({"status": "ready", "not_loaded": ["chat", "my-plugin"]}));
    }
}
