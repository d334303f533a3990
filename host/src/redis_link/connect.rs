//! From a stream to a connection: who this client is, and which database it wants.

use futures_util::{SinkExt, StreamExt};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, RedisError, ValueCodec, cmd};
use tokio_util::codec::Framed;

use super::error::LinkError;
use super::stream::RedisStream;
use super::{Subscription, server_error};
use crate::config::RedisUrl;

/// A connection for commands. Its answers have no time of their own: whoever asks says how long.
pub(super) async fn multiplexed(stream: RedisStream, url: &RedisUrl, name: &str) -> Result<MultiplexedConnection, RedisError> {
    let mut info = RedisConnectionInfo::default().set_db(url.database.into()).set_skip_set_lib_name();
    if let Some(username) = &url.username {
        info = info.set_username(username);
    }
    if let Some(password) = password(url) {
        info = info.set_password(password);
    }
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (mut connection, driver) = MultiplexedConnection::new_with_config(&info, stream, config).await?;
    // Ends with the connection.
    tokio::spawn(driver);
    // A Redis that requires a password lets everybody in, and refuses the first command.
    connection.send_packed_command(&cmd("PING")).await?;
    // Older servers, and users without the right, have no names.
    let _named = connection.send_packed_command(cmd("CLIENT").arg("SETNAME").arg(name)).await;
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
    if let Some(password) = password(url) {
        let mut auth = cmd("AUTH");
        if let Some(username) = &url.username {
            auth.arg(username);
        }
        required(&mut connection, auth.arg(password), address).await?;
    }
    required(&mut connection, &cmd("PING"), address).await?;
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

fn password(url: &RedisUrl) -> Option<String> {
    url.password.as_ref().map(|password| String::from_utf8_lossy(password.reveal()).into_owned())
}
