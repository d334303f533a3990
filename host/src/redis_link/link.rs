//! The way to one Redis.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::time::timeout;

use super::connect;
use super::error::LinkError;
use super::stream::{self, RedisStream, Subscription, Tls};
use crate::config::RedisUrl;

/// How long a connection may take, from the name of the host to the answer of Redis.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

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
            connect::multiplexed(stream, &self.inner.url, &self.inner.name, self.address()).await
        })
        .await
    }

    /// A connection for the questions of plugins, in the database of the URL.
    pub(super) async fn commands(&self) -> Result<Subscription, LinkError> {
        self.in_time(async {
            let stream = self.stream().await?;
            connect::commands(stream, &self.inner.url, &self.inner.name, self.address()).await
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
