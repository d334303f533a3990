//! The client of the admin interface: one request on a connection of its own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::error::AdminError;
use super::token::Token;

/// How long to wait for the connection. An answer may take as long as a component takes to compile.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// More than all plugins of a server, with their generations.
const ANSWER_BYTES: usize = 64 << 20;

/// Where requests go.
#[derive(Debug)]
pub(super) struct Client {
    /// As it is shown.
    url: String,
    /// Host and port.
    authority: String,
    token: Token,
}

/// What is sent.
pub(super) enum Body {
    Nothing,
    Json(Value),
    Component(Bytes),
}

/// Problem details (RFC 9457).
#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    errors: Vec<WrongPart>,
}

#[derive(Deserialize)]
struct WrongPart {
    #[serde(default)]
    detail: String,
}

impl Client {
    pub(super) fn new(url: &str, token: Token) -> Result<Self, AdminError> {
        let wrong = || AdminError::Url(url.to_owned());
        let read: Uri = url.parse().map_err(|_| wrong())?;
        let authority = read.authority().ok_or_else(wrong)?;
        match read.scheme_str() {
            Some("http") => {}
            Some("https") => return Err(AdminError::Tls(url.to_owned())),
            _ => return Err(wrong()),
        }
        if !matches!(read.path(), "" | "/") || read.query().is_some() || authority.as_str().contains('@') {
            return Err(wrong());
        }
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { url: format!("http://{authority}"), authority: format!("{}:{port}", authority.host()), token })
    }

    /// Sends a request, and reads the JSON that is its answer.
    pub(super) async fn json(&self, method: Method, path: &str, body: Body) -> Result<Value, AdminError> {
        let response = self.request(method, path, body).await?;
        serde_json::from_slice(&self.read(response).await?).map_err(AdminError::Answer)
    }

    /// Sends a request. The answer is one that was meant: an error is read to its end.
    pub(super) async fn request(&self, method: Method, path: &str, body: Body) -> Result<Response<Incoming>, AdminError> {
        let response = self.send(method, path, body).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let content = self.read(response).await?;
        let stranger = || AdminError::Stranger { url: self.url.clone(), status: status.as_u16() };
        let Problem { title, detail, errors } = serde_json::from_slice(&content).map_err(|_| stranger())?;
        let detail = if detail.is_empty() { title } else { detail };
        if detail.is_empty() {
            return Err(stranger());
        }
        let parts = errors.iter().map(|part| format!("\n  {}", part.detail)).filter(|part| !detail.contains(part.trim_start()));
        let detail = detail.clone() + &parts.collect::<String>();
        Err(match status {
            StatusCode::UNAUTHORIZED => {
                AdminError::Unauthorized { url: self.url.clone(), token: self.token.from.clone(), detail }
            }
            _ => AdminError::Refused(detail),
        })
    }

    async fn send(&self, method: Method, path: &str, body: Body) -> Result<Response<Incoming>, AdminError> {
        let connected = timeout(CONNECT_DEADLINE, TcpStream::connect(&self.authority)).await;
        let stream = connected
            .unwrap_or_else(|late| Err(late.into()))
            .map_err(|source| AdminError::NoServer { url: self.url.clone(), source })?;
        let broken = |source| AdminError::Connection { url: self.url.clone(), source };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the response, or with the program.
        tokio::spawn(connection);
        let (media_type, body) = match body {
            Body::Nothing => (None, Bytes::new()),
            Body::Json(value) => (Some("application/json"), value.to_string().into()),
            Body::Component(bytes) => (Some("application/wasm"), bytes),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| AdminError::Url(path.to_owned()))?;
        let headers = request.headers_mut();
        let header = |text: &str| HeaderValue::try_from(text).map_err(|_| AdminError::NoToken(self.token.from.clone()));
        headers.insert(HOST, header(&self.authority)?);
        let mut bearer = header(&format!("Bearer {}", self.token.secret))?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        headers.extend(media_type.map(|name| (CONTENT_TYPE, HeaderValue::from_static(name))));
        sender.send_request(request).await.map_err(broken)
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, AdminError> {
        let read = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        let whole = read.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(source) => AdminError::Connection { url: self.url.clone(), source: *source },
            Err(_) => AdminError::Long,
        })?;
        Ok(whole.to_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::{Client, Token};

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let client = |url: &str| {
            let token = Token { secret: "a".into(), from: "b".into() };
            Client::new(url, token).map(|client| client.authority).map_err(|error| error.to_string())
        };
        for (url, authority) in [
            ("http://127.0.0.1:3002", "127.0.0.1:3002"),
            ("http://[::1]:3002/", "[::1]:3002"),
            ("http://monitor.example.com", "monitor.example.com:80"),
        ] {
            assert_eq!(client(url).unwrap(), authority);
        }
        assert!(client("https://127.0.0.1:3002").unwrap_err().contains("ssh -L"));
        for wrong in ["", "127.0.0.1:3002", "ftp://a", "http://", "http://a/path", "http://a?b", "http://user@a", "http://a b"] {
            assert!(client(wrong).unwrap_err().contains("write it as http://127.0.0.1:3002"), "{wrong}");
        }
    }
}
