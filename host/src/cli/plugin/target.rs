//! Which server a command is about: the address of its admin interface, and its token.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;

use super::client::Client;
use super::error::AdminError;
use super::token::Token;
use crate::cli::config_file::{self, environment};
use crate::cli::error::CliError;
use crate::config::{Config, Flags, Internal, Reading};

const URL_VARIABLE: &str = "INNKEEPER_ADMIN_URL";
const TOKEN_VARIABLE: &str = "INNKEEPER_ADMIN_TOKEN";

/// Flags that say which server.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// The configuration of the server [default: innkeeper.toml in this folder, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The address of the admin interface [default: INNKEEPER_ADMIN_URL, else as the configuration says]
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The file with its token [default: the token in INNKEEPER_ADMIN_TOKEN, else the file of the configuration]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl Target {
    /// The client of that server.
    pub(super) fn client(self) -> Result<Client, CliError> {
        let url = self.url.or_else(|| environment(URL_VARIABLE).filter(|url| !url.is_empty()));
        let token = match self.token_file {
            Some(file) => Some(Token::read(&file)?),
            None => environment(TOKEN_VARIABLE)
                .filter(|token| !token.is_empty())
                .map(|token| Token::of(TOKEN_VARIABLE, &token))
                .transpose()?,
        };
        // Read only for what is still open.
        let configured = || configuration(self.config.clone());
        let url = match url {
            Some(url) => url,
            None => address(&configured()?)?,
        };
        let token = match token {
            Some(token) => token,
            None => Token::read(&configured()?.token_file())?,
        };
        Ok(Client::new(&url, token)?)
    }
}

/// What is wrong with a component or a plugin's table is none of this command's business: the server runs.
fn configuration(named: Option<PathBuf>) -> Result<Config, CliError> {
    match config_file::find(named) {
        Some(file) => Ok(Reading::of(&file, &environment, Flags::default())?.checkable()),
        None => Ok(Config::built_in(Vec::new(), &environment, Flags::default())?),
    }
}

fn address(config: &Config) -> Result<String, AdminError> {
    let file = config.file.clone().unwrap_or_else(|| PathBuf::from("the built-in configuration"));
    match &config.internal {
        Internal { enabled: false, .. } => Err(AdminError::Disabled(file)),
        Internal { port: 0, .. } => Err(AdminError::FreePort(file)),
        internal => Ok(format!("http://{}", SocketAddr::new(reachable(internal.host), internal.port))),
    }
}

/// A server that listens everywhere is reached on this machine.
fn reachable(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::address;
    use crate::config::{Config, Internal};

    #[test]
    fn the_address_is_that_of_the_configuration() {
        let config = |internal| Config { file: Some(PathBuf::from("/etc/innkeeper.toml")), internal, ..Config::default() };
        let url = |host: &str, port| address(&config(Internal { host: host.parse().unwrap(), port, ..Internal::default() }));
        assert_eq!(url("127.0.0.1", 3002).unwrap(), "http://127.0.0.1:3002");
        assert_eq!(url("0.0.0.0", 80).unwrap(), "http://127.0.0.1:80");
        assert_eq!(url("::", 3002).unwrap(), "http://[::1]:3002");
        assert!(url("::1", 0).unwrap_err().to_string().contains("--url"));
        let disabled = config(Internal { enabled: false, ..Internal::default() });
        assert!(address(&disabled).unwrap_err().to_string().contains("/etc/innkeeper.toml: [internal] enabled is false"));
        assert_eq!(disabled.token_file(), PathBuf::from("/etc/.innkeeper/admin-token"));
    }
}
