//! The stream to Redis: TCP, TLS over it, or a socket of this machine.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_util::codec::Framed;

use super::error::LinkError;
use crate::config::RedisEndpoint;

/// Notices a machine that is gone, where nothing is said for long.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Bytes in both directions.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send {}

impl<S: AsyncRead + AsyncWrite + Send> ByteStream for S {}

/// A stream of any kind: few of them are made, and each carries much.
pub(crate) type RedisStream = Pin<Box<dyn ByteStream>>;

/// A connection that receives what is published: what Redis sends, as it comes.
pub(crate) type Subscription = Framed<RedisStream, redis::ValueCodec>;

/// Who is believed to be Redis.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

/// Why there are no certificates to believe in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("{0} cannot be read: {1}")]
    File(String, String),
    #[error("{0} has no certificate (PEM, `-----BEGIN CERTIFICATE-----`)")]
    Empty(String),
    #[error("TLS cannot be used: {0}")]
    Rustls(#[from] tokio_rustls::rustls::Error),
}

impl Tls {
    /// The authorities of the system, and those of a file.
    pub(crate) fn new(ca_file: Option<&Path>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        // What of the system's cannot be read is left out: the file may be all that is needed.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca_file {
            let shown = path.display().to_string();
            let file = File::open(path).map_err(|error| TlsError::File(shown.clone(), error.to_string()))?;
            let read: Result<Vec<_>, _> = CertificateDer::pem_reader_iter(BufReader::new(file)).collect();
            let certificates = read.map_err(|error| TlsError::File(shown.clone(), error.to_string()))?;
            if certificates.is_empty() {
                return Err(TlsError::Empty(shown));
            }
            for certificate in certificates {
                roots.add(certificate)?;
            }
        }
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Self(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))))
    }
}

/// Opens a stream.
pub(super) async fn open(endpoint: &RedisEndpoint, tls: Option<&Tls>, address: &str) -> Result<RedisStream, LinkError> {
    let io_error = |source| LinkError::Io { address: address.to_owned(), source };
    let (host, port) = match endpoint {
        RedisEndpoint::Unix(path) => return Ok(Box::pin(UnixStream::connect(path).await.map_err(io_error)?)),
        RedisEndpoint::Tcp { host, port, .. } => (host.as_str(), *port),
    };
    let stream = TcpStream::connect((host, port)).await.map_err(io_error)?;
    // What cannot be set makes a slower connection, and no wrong one.
    let _set = stream.set_nodelay(true);
    let _set = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3));
    let Some(Tls(connector)) = tls else { return Ok(Box::pin(stream)) };
    let tls_error = |source| LinkError::Tls { address: address.to_owned(), source };
    let name = ServerName::try_from(host.to_owned()).map_err(|error| tls_error(io::Error::other(error)))?;
    Ok(Box::pin(connector.connect(name, stream).await.map_err(tls_error)?))
}
