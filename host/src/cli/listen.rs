//! Flags of the command line that override file and environment.

use std::net::IpAddr;

use clap::Args;

use crate::config;

/// Where the server listens for clients.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Listen {
    /// The port for clients, 0 for a free one [default: 3001]
    #[arg(long)]
    port: Option<u16>,
    /// The address for clients; 0.0.0.0 opens the server to the network [default: 127.0.0.1]
    #[arg(long, value_parser = config::host_of)]
    host: Option<IpAddr>,
}

impl From<Listen> for config::Flags {
    fn from(listen: Listen) -> Self {
        Self { host: listen.host, port: listen.port }
    }
}
