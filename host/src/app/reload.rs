//! SIGHUP: the configuration is read again, and all of it is taken over, or nothing.

use std::sync::Arc;

use super::options::{connection_limits, origins};
use super::server::Server;
use crate::auth::Keys;
use crate::config::{self, Config};
use crate::generations::Reread;

/// Reads the configuration again. The error is the whole report of what is wrong with it.
pub(crate) type ReadAgain = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// The tables that may change while the server runs.
const TABLES: [&str; 4] = ["keys.", "log.", "plugins.", "server.cors."];
/// Other keys that may change while the server runs. Limits are those of one connection, which hold for connections that are opened from
/// then on, and those of one call.
const KEYS: [&str; 16] = [
    "generations.probation",
    "generations.swap_grace",
    "generations.watch",
    "limits.attachments_max",
    "limits.component_bytes_max",
    "limits.data_bytes_max",
    "limits.deliveries_per_call_max",
    "limits.events_per_second_max",
    "limits.inbound_high_bytes",
    "limits.inbound_high_events",
    "limits.inbound_max_bytes",
    "limits.inbound_max_events",
    "limits.log_lines_per_call_max",
    "limits.namespaces_per_connection_max",
    "limits.refused_connects_max",
    "limits.writes_per_call_max",
];

/// Reads the configuration again and takes it over. What keeps it from that is in the log.
pub(super) async fn reload(server: &Server, serving: &mut Config, read_again: &ReadAgain) {
    tracing::info!("the configuration is read again (SIGHUP)");
    match take_over(server, serving, read_again).await {
        Ok(changed) if changed.is_empty() => tracing::info!("the configuration is the same; changed components serve"),
        Ok(changed) => tracing::info!(?changed, "the configuration is taken over"),
        Err(problem) => tracing::error!("nothing of the configuration is taken over: {problem}"),
    }
}

async fn take_over(server: &Server, serving: &mut Config, read_again: &ReadAgain) -> Result<Vec<String>, String> {
    let read_again = read_again.clone();
    let read = tokio::task::spawn_blocking(move || read_again()).await.map_err(|lost| lost.to_string())?;
    let config = read?;
    let changed = config::differences(serving, &config);
    let fixed: Vec<_> = changed.iter().filter(|key| !may_change(key)).map(String::as_str).collect();
    if !fixed.is_empty() {
        let keys = fixed.join(", ");
        return Err(format!("{keys} cannot change while the server runs; restart it for that, or put back what was there"));
    }
    let keys = Keys::load(&config.keys).map_err(|error| error.to_string())?;
    server.generations.reload(Reread { config: config.clone(), keys }).await.map_err(|refusal| refusal.to_string())?;
    server.engine.set_origins(origins(&config.server.cors));
    server.socket_io.set_limits(connection_limits(&config));
    *serving = config;
    Ok(changed)
}

fn may_change(key: &str) -> bool {
    TABLES.iter().any(|table| key.starts_with(table)) || KEYS.contains(&key)
}

#[cfg(test)]
mod tests {
    use super::{KEYS, may_change};
    use crate::config::docs;

    #[test]
    fn the_limits_that_may_change_are_keys_of_the_configuration() {
        let reference = docs();
        assert!(KEYS.iter().filter_map(|key| key.split_once('.')).all(|(_, key)| reference.contains(&format!("`{key}`"))));
        assert!(may_change("plugins.chat.grants") && may_change("keys.users") && !may_change("server.port"));
    }
}
