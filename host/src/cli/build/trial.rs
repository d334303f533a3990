//! Whether this host could load what was built, and the lines for `innkeeper.toml` that load it.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::BuildError;
use super::package::Package;
use crate::app::{self, Requests};
use crate::config::PluginConfig;

/// What a trial instance returned when it registered without grants and without a configuration.
pub(super) enum Trial {
    /// The capabilities that it requests.
    Registered(Vec<String>),
    /// Its own message: it cannot work without a configuration.
    Refused(String),
}

impl Trial {
    /// Loads the component as a host would. The error says what every host would refuse.
    pub(super) fn run(package: &Package, made: &Path) -> Result<Self, BuildError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| BuildError::start("the trial instance", source))?;
        let tried = runtime.block_on(app::requests(PluginConfig::new(&package.name, made.to_owned())));
        match tried.map_err(|error| BuildError::Unfit(Box::new(error)))? {
            Requests::Capabilities(capabilities) => Ok(Self::Registered(capabilities)),
            Requests::Refused(message) => Ok(Self::Refused(message)),
            Requests::NoExports => Err(BuildError::NoExports { file: package.source.clone() }),
        }
    }
}

/// The table of the plugin, with the component's path relative to the current folder.
pub(super) fn lines(name: &str, component: &Path, trial: &Trial) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let path: PathBuf = component.strip_prefix(here).unwrap_or(component).to_owned();
    // A JSON string is a TOML string as well, and so is a list of them.
    let path = Value::from(path.to_string_lossy());
    let grants = match trial {
        Trial::Registered(capabilities) if !capabilities.is_empty() => {
            let quoted: Vec<_> = capabilities.iter().map(|name| Value::from(name.as_str()).to_string()).collect();
            format!("grants = [{}]\n", quoted.join(", "))
        }
        _ => String::new(),
    };
    format!("\n[plugins.{name}]\ncomponent = {path}\n{grants}")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Trial, lines};

    #[test]
    fn the_lines_are_a_table_with_what_the_plugin_requests() {
        let here = std::env::current_dir().unwrap_or_default().join("chat/target/innkeeper/chat.wasm");
        let requests = Trial::Registered(vec!["store:messages".into(), "jwt".into()]);
        let written = lines("chat", &here, &requests);
        assert_eq!(
            written,
            "\n[plugins.chat]\ncomponent = \"chat/target/innkeeper/chat.wasm\"\ngrants = [\"store:messages\", \"jwt\"]\n"
        );
        let elsewhere = lines("echo", Path::new("/else where/echo.wasm"), &Trial::Registered(Vec::new()));
        assert_eq!(elsewhere, "\n[plugins.echo]\ncomponent = \"/else where/echo.wasm\"\n");
    }
}
