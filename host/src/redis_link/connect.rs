//! From a stream to a connection: who this client is, and which database it wants.

use futures_util::{SinkExt, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, ValueCodec, cmd};
use tokio_util::codec::Framed;

use super::answer::server_error;
use super::error::LinkError;
use super::stream::{RedisStream, Subscription};
use crate::config::RedisUrl;

/// A connection for commands. Its answers have no time of their own: whoever asks says how long.
pub(super) async fn multiplexed(
    stream: RedisStream,
    url: &RedisUrl,
    name: &str,
    address: &str,
) -> Result<MultiplexedConnection, LinkError> {
    let connection = commands(stream, url, name, address).await?;
    let info = RedisConnectionInfo::default().set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    // Each command was answered before the next, so nothing is left in the buffers.
    let made = MultiplexedConnection::new_with_config(&info, connection.into_inner(), config).await;
    let (connection, driver) = made.map_err(|error| LinkError::of_redis(address, &error))?;
    // Ends with the connection.
    tokio::spawn(driver);
    Ok(connection)
}

/// A connection in the database of the URL, on which nothing is awaited.
pub(super) async fn commands(stream: RedisStream, url: &RedisUrl, name: &str, address: &str) -> Result<Subscription, LinkError> {
    let mut connection = subscription(stream, url, name, address).await?;
    if url.database != 0 {
        required(&mut connection, cmd("SELECT").arg(url.database), address).await?;
    }
    Ok(connection)
}

/// A connection for what is published. It has no use for a database: channels belong to all of them.
pub(super) async fn subscription(
    stream: RedisStream,
    url: &RedisUrl,
    name: &str,
    address: &str,
) -> Result<Subscription, LinkError> {
    let mut connection = Framed::new(stream, ValueCodec::default());
    if let Some(password) = &url.password {
        let mut auth = cmd("AUTH");
        if let Some(username) = &url.username {
            auth.arg(username);
        }
        required(&mut connection, auth.arg(password.reveal()), address).await?;
    }
    // A Redis that requires a password lets everybody in, and refuses the first command.
    required(&mut connection, &cmd("PING"), address).await?;
    // Users without the right have no names.
    let _named = ask(&mut connection, cmd("CLIENT").arg("SETNAME").arg(name), address).await?;
    Ok(connection)
}

async fn required(connection: &mut Subscription, command: &Cmd, address: &str) -> Result<(), LinkError> {
    let refused = ask(connection, command, address).await?;
    refused.map_or(Ok(()), |what| Err(LinkError::refused(address, what)))
}

/// Sends a command and awaits its answer. Returns the error that Redis answers, if it is one.
async fn ask(connection: &mut Subscription, command: &Cmd, address: &str) -> Result<Option<String>, LinkError> {
    connection.send(command.get_packed_command()).await.map_err(|error| LinkError::of_redis(address, &error))?;
    match connection.next().await {
        Some(Ok(answer)) => Ok(server_error(&answer)),
        Some(Err(error)) => Err(LinkError::of_redis(address, &error)),
        None => Err(LinkError::Io { address: address.to_owned(), source: std::io::ErrorKind::UnexpectedEof.into() }),
    }
}
