//! The ports of the demo: the usual ones, or free ones where another program has those.

use std::io;
use std::net::{SocketAddr, TcpListener};

use crate::cli::config_file::environment;
use crate::cli::error::CliError;
use crate::cli::output::say;
use crate::config::{Config, Flags};

/// Replaces a default port that is taken. A port that the user chose stays: the error says where it was chosen.
pub(super) fn choose(config: &mut Config, flags: Flags) -> Result<(), CliError> {
    let server = (config.server.host, config.server.port).into();
    if is_taken(server) {
        if let Some(option) = option(flags) {
            return Err(CliError::PortTaken { address: server, option });
        }
        config.server.port = replacement(server, "")?;
    }
    let internal = (config.internal.host, config.internal.port).into();
    if is_taken(internal) {
        config.internal.port = replacement(internal, ", for health and metrics,")?;
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
fn replacement(taken: SocketAddr, purpose: &str) -> Result<u16, CliError> {
    let free = TcpListener::bind((taken.ip(), 0)).and_then(|listener| listener.local_addr());
    let port = free.map_err(|source| CliError::NoPort { host: taken.ip(), source })?.port();
    say(format_args!("innkeeper: port {}{purpose} is in use by another program; the demo uses {port} instead", taken.port()));
    Ok(port)
}
