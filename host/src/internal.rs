//! The internal listener: HTTP for the operator's tools, never for clients.

mod status;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use crate::fixed_limits::{INTERNAL_CONNECTIONS_MAX, REFUSAL_LINES_MAX};
use crate::host_names::{self, HostNames};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;
use crate::metrics;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

use status::Phase;

pub(crate) use status::Status;

/// How long to wait after an accept that failed, for example because there are no more file descriptors.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// What is served.
const PATHS: [&str; 4] = ["/healthz", "/readyz", "/metrics", "/version"];

/// The answer to a connection beyond [`INTERNAL_CONNECTIONS_MAX`].
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// Serves until the runtime ends. `keep_alive`: how long a connection may wait for the head of its next request, and how long its client
/// may take nothing of a response.
pub(crate) async fn serve(
    listener: TcpListener,
    host_names: HostNames,
    keep_alive: Duration,
    status: Status,
    limit_hits: Arc<LimitHits>,
) {
    let (failures, refusals) = (LogLimiter::new(REFUSAL_LINES_MAX), LogLimiter::new(REFUSAL_LINES_MAX));
    let connections = Arc::new(Semaphore::new(INTERNAL_CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
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
            limit_hits.hit(LimitHit::InternalConnections);
            if let Some(left_out) = refusals.admit() {
                tracing::warn!(left_out, "refused: the internal interface has {INTERNAL_CONNECTIONS_MAX} connections already");
            }
            // If the kernel does not take it, the connection is closed without an answer.
            let _ = refuse(stream);
            continue;
        };
        let (status, host_names) = (status.clone(), host_names.clone());
        // Ends with the connection.
        tokio::spawn(async move {
            let mut server = hyper::server::conn::http1::Builder::new();
            server.timer(TokioTimer::new()).header_read_timeout(keep_alive);
            let service = service_fn(|request: Request<Incoming>| {
                let (parts, _) = request.into_parts();
                let refused = refusal(&parts, &host_names);
                std::future::ready(Ok::<_, Infallible>(refused.unwrap_or_else(|| respond(&parts, &status))))
            });
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(keep_alive));
            let served = server.serve_connection(TokioIo::new(Box::pin(stream)), service).await;
            if let Err(error) = served {
                tracing::debug!(%error, "a connection to the internal interface ended");
            }
            drop(permit);
        });
    }
}

/// Answers a connection that is one too many, as far as that costs one system call, and closes it.
fn refuse(stream: TcpStream) -> io::Result<()> {
    stream.into_std()?.write_all(FULL)
}

/// The response to a request that names no host, or one that is not served.
fn refusal(request: &Parts, host_names: &HostNames) -> Option<Response<Full<Bytes>>> {
    match host_names::host_of(request) {
        Err(_) => Some(response(StatusCode::BAD_REQUEST, r#"{"error":"the request has no valid host"}"#.into())),
        Ok(Some(host)) if !host_names.serve(&host) => {
            let error = r#"{"error":"this host name is not served; see [internal] hosts of innkeeper.toml"}"#;
            Some(response(StatusCode::FORBIDDEN, error.into()))
        }
        Ok(_) => None,
    }
}

fn respond(request: &Parts, status: &Status) -> Response<Full<Bytes>> {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    let is_there = PATHS.contains(&request.uri.path());
    match request.uri.path() {
        _ if is_there && !is_read => response(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"use GET"}"#.into()),
        "/healthz" => health(status.phase()),
        "/readyz" => readiness(status.phase(), status.not_loaded()),
        "/metrics" => page(status.metrics()),
        "/version" => response(StatusCode::OK, format!(r#"{{"name":"innkeeper","version":"{}"}}"#, env!("CARGO_PKG_VERSION"))),
        _ => response(StatusCode::NOT_FOUND, format!(r#"{{"error":"not found; there are {}"}}"#, PATHS.join(", "))),
    }
}

/// Whether the process works: a supervisor that reads anything else restarts it, so a start that takes long is no reason.
fn health(phase: Phase) -> Response<Full<Bytes>> {
    match phase {
        Phase::Starting | Phase::Ready => response(StatusCode::OK, r#"{"status":"ok"}"#.into()),
        // A balancer that asks here and not for /readyz sends no more clients.
        Phase::Draining => response(StatusCode::SERVICE_UNAVAILABLE, r#"{"status":"shutting down"}"#.into()),
    }
}

/// Whether clients can be sent here, and which plugins they will not find.
fn readiness(phase: Phase, not_loaded: &[String]) -> Response<Full<Bytes>> {
    let (status, word) = match phase {
        Phase::Starting => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
        Phase::Ready => (StatusCode::OK, "ready"),
        Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
    };
    if not_loaded.is_empty() {
        return response(status, format!(r#"{{"status":"{word}"}}"#));
    }
    // Names of plugins are letters, digits, - and _.
    response(status, format!(r#"{{"status":"{word}","not_loaded":["{}"]}}"#, not_loaded.join(r#"",""#)))
}

fn page(text: String) -> Response<Full<Bytes>> {
    let mut response = response(StatusCode::OK, text);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
    response
}

fn response(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
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

    use super::{Phase, readiness};

    #[tokio::test]
    async fn readiness_names_the_plugins_that_are_not_loaded() {
        let not_loaded = ["chat".to_owned(), "my-plugin".to_owned()];
        let body = readiness(Phase::Ready, &not_loaded).into_body().collect().await.unwrap().to_bytes();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, serde_json::json!({"status": "ready", "not_loaded": ["chat", "my-plugin"]}));
    }
}
