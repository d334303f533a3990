//! The ports of a server that nobody has configured: the usual ones, or free ones where another program has those.

use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::config::{Config, Flags};

use super::config_file::environment;
use super::error::CliError;
use super::output::say;

/// Replaces a default port that is taken. A port that the user chose stays: the error says where it was chosen. `server_name`: what it
/// is called on the terminal.
pub(super) fn choose(config: &mut Config, flags: Flags, server_name: &str) -> Result<(), CliError> {
    let server = (config.server.host, config.server.port).into();
    if is_taken(server) {
        if let Some(option) = option(flags) {
            return Err(CliError::PortTaken { address: server, option });
        }
        config.server.port = replacement(server, "", server_name)?;
    }
    let internal = (config.internal.host, config.internal.port).into();
    if is_taken(internal) {
        config.internal.port = replacement(internal, ", for health and metrics,", server_name)?;
    }
    Ok(())
}

/// Where the user has chosen the port for clients.
fn option(flags: Flags) -> Option<&'static str> {
    let variable = || environment("INNKEEPER_PORT").filter(|port| !port.is_empty()).map(|_| "INNKEEPER_PORT");
    flags.port.map(|_| "--port").or_else(variable)
}

/// Any other failure is the server's to report.
fn is_taken(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

/// A free port, as a number that can be printed: the server listens a moment later, and would report that it was taken meanwhile.
fn replacement(taken: SocketAddr, purpose: &str, server_name: &str) -> Result<u16, CliError> {
    let free = TcpListener::bind((taken.ip(), 0)).and_then(|listener| listener.local_addr());
    let port = free.map_err(|source| CliError::NoPort { host: taken.ip(), source })?.port();
    say(format_args!(
        "innkeeper: port {}{purpose} is in use by another program; {server_name} uses {port} instead",
        taken.port()
    ));
    Ok(port)
}
