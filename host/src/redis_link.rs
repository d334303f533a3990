//! Connections to Redis: how they are made, and how it is tried again. What is said over them is known by those who use them.

mod backoff;
mod commands;
mod connect;
mod error;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;
use tokio::time::timeout;
use tokio_util::codec::Framed;

use crate::config::RedisUrl;

pub(crate) use backoff::Backoff;
pub(crate) use commands::{CommandError, Commands};
pub(crate) use error::LinkError;
pub(crate) use stream::{Tls, TlsError};

use stream::RedisStream;

/// How long a connection may take, from the name of the host to the answer of Redis.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection that receives what is published: what Redis sends, as it comes.
pub(crate) type Subscription = Framed<RedisStream, redis::ValueCodec>;

/// The way to one Redis.
#[derive(Clone)]
pub(crate) struct RedisLink {
    inner: Arc<Inner>,
}

struct Inner {
    url: RedisUrl,
    address: String,
    tls: Option<Tls>,
    /// As Redis lists its clients.
    name: String,
}

impl RedisLink {
    /// The way to the Redis at this URL. `tls` is there if the URL asks for it. `name`: as Redis lists this client.
    pub(crate) fn new(url: RedisUrl, tls: Option<Tls>, name: String) -> Self {
        Self { inner: Arc::new(Inner { address: url.to_string(), url, tls, name }) }
    }

    /// The URL without what is secret.
    pub(crate) fn address(&self) -> &str {
        &self.inner.address
    }

    /// A connection for commands, of which many can be under way.
    pub(crate) async fn multiplexed(&self) -> Result<MultiplexedConnection, LinkError> {
        self.in_time(async {
            let stream = self.stream().await?;
            let connection = connect::multiplexed(stream, &self.inner.url, &self.inner.name).await;
            connection.map_err(|error| LinkError::of_redis(self.address(), &error))
        })
        .await
    }

    /// A connection for what is published.
    pub(crate) async fn subscription(&self) -> Result<Subscription, LinkError> {
        self.in_time(async {
            let stream = self.stream().await?;
            connect::subscription(stream, &self.inner.url, &self.inner.name, self.address()).await
        })
        .await
    }

    async fn stream(&self) -> Result<RedisStream, LinkError> {
        stream::open(&self.inner.url.endpoint, self.inner.tls.as_ref(), self.address()).await
    }

    async fn in_time<T>(&self, connecting: impl Future<Output = Result<T, LinkError>>) -> Result<T, LinkError> {
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(LinkError::Silent { address: self.address().to_owned(), waited: CONNECT_TIMEOUT }),
        }
    }
}

/// The text of an error in an answer of Redis, if it is one.
fn server_error(value: &Value) -> Option<String> {
    match value {
        Value::ServerError(error) => Some(error.to_string()),
        _ => None,
    }
}
