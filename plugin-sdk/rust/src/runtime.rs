//! Time, randomness, waiting and configuration. A program usually has them from its operating system; a plugin has them from the host, so
//! that they work in the same way however the component was built.

use crate::error::{Error, Result};
use crate::host::host;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::cell::RefCell;
use std::time::Duration;

thread_local! {
    /// What `config_once` has read, one for each type. It lives as long as the instance does.
    static CONFIGS: RefCell<Vec<&'static dyn Any>> = const { RefCell::new(Vec::new()) };
}

/// The time now, in milliseconds since 1970 (UTC): `Date.now()`.
pub fn now_ms() -> u64 {
    host().now_ms()
}

/// The name of the node that runs this call, 4 characters: each server of a cluster has its own.
pub fn node() -> String {
    host().node()
}

/// Bytes from a cryptographically secure generator.
pub fn random_bytes(length: usize) -> Vec<u8> {
    host().random_bytes(length)
}

/// A new unguessable id: 20 characters out of `A-Z a-z 0-9 - _`.
pub fn random_id() -> String {
    id_of(&random_bytes(20))
}

/// Waits. What was recorded before is sent first. Other calls go on meanwhile, in other instances.
///
/// # Errors
/// If there is no call that could wait, while the plugin registers for one.
pub fn sleep(delay: Duration) -> Result<()> {
    host().sleep(delay)
}

/// Sends what was recorded so far. It then stays done, also if the handler fails.
pub fn flush() {
    host().flush();
}

/// The plugin's own table of the host's configuration, `[plugins.<name>.config]`.
///
/// ```no_run
/// #[derive(serde::Deserialize)]
/// #[serde(default)]
/// struct Config {
///     room_size_max: usize,
/// }
///
/// impl Default for Config {
///     fn default() -> Self {
///         Self { room_size_max: 50 }
///     }
/// }
///
/// # fn f() -> innkeeper_plugin::Result<()> {
/// let config: Config = innkeeper_plugin::config()?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// If the table is not of this type. The message names the key, for the operator: `config: limits.points: invalid type: string "x",
/// expected u32`. What `register` refuses with such a message is reported with the line of the key.
pub fn config<T: DeserializeOwned>() -> Result<T> {
    read_config(&host().config()).map_err(|problem| Error::internal(format!("config: {problem}")))
}

fn read_config<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(json)).map_err(|error| {
        let path = error.path().to_string();
        let cause = error.into_inner();
        let text = cause.to_string();
        // The operator wrote TOML, and no such JSON.
        let place = format!(" at line {} column {}", cause.line(), cause.column());
        let problem = text.strip_suffix(&place).unwrap_or(&text);
        if path == "." { problem.to_owned() } else { format!("{path}: {problem}") }
    })
}

/// The configuration of a plugin that has none: it refuses every key.
///
/// ```
/// use innkeeper_plugin::{NoConfig, Plugin, Result, config, export};
///
/// fn plugin() -> Result<Plugin> {
///     let NoConfig {} = config()?;
///     Ok(Plugin::new())
/// }
///
/// export!(plugin);
/// ```
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// [`config`], read once in each instance, for functions that run at every event: a plugin's configuration does not change as long as the
/// plugin is loaded.
///
/// ```no_run
/// #[derive(serde::Deserialize)]
/// struct Config {
///     room_size_max: usize,
/// }
///
/// # fn f() -> innkeeper_plugin::Result<()> {
/// let Config { room_size_max } = innkeeper_plugin::config_once::<Config>()?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// As for [`config`].
pub fn config_once<T: DeserializeOwned + 'static>() -> Result<&'static T> {
    once(config)
}

/// Runs a call as in a new instance, which has read no configuration yet. In a component each instance has its own memory for that.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn in_new_instance<T>(run: impl FnOnce() -> T) -> T {
    let outer = CONFIGS.take();
    let result = run();
    CONFIGS.set(outer);
    result
}

/// The value that `make` made at the first call for its type. An error is not kept.
fn once<T: 'static>(make: impl FnOnce() -> Result<T>) -> Result<&'static T> {
    let made = CONFIGS.with_borrow(|configs| configs.iter().find_map(|config| config.downcast_ref::<T>()));
    if let Some(made) = made {
        return Ok(made);
    }
    // One for each type that a plugin has for it, and never given back: that is what lets handlers keep it.
    let made: &'static T = Box::leak(Box::new(make()?));
    CONFIGS.with_borrow_mut(|configs| configs.push(made));
    Ok(made)
}

/// Six bits of each byte make one character, so every character is as likely as another.
pub(crate) fn id_of(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 63))).map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::{NoConfig, id_of, once, read_config};

    #[derive(Debug, serde::Deserialize)]
    #[serde(default, deny_unknown_fields)]
    #[derive(Default)]
    #[allow(dead_code, reason = "only read")]
    struct Config {
        window_ms: u64,
        per: Vec<Per>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only read")]
    struct Per {
        kind: String,
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_reported_with_its_key_and_without_a_place_in_the_json() {
        let told = |json: &str| read_config::<Config>(json).unwrap_err();
        assert_eq!(told(r#"{"window_ms": "x"}"#), r#"window_ms: invalid type: string "x", expected u64"#);
        assert_eq!(
            told(r#"{"per": [{"kind": "ip"}, {"kind": 1}]}"#),
            "per[1].kind: invalid type: integer `1`, expected a string"
        );
        assert_eq!(told(r#"{"per": [{}]}"#), "per[0]: missing field `kind`");
        assert_eq!(told(r#"{"windows": 1}"#), "windows: unknown field `windows`, expected `window_ms` or `per`");
        assert_eq!(read_config::<NoConfig>(r#"{"a": 1}"#).unwrap_err(), "a: unknown field `a`, there are no fields");
        assert!(read_config::<Config>(r#"{"window_ms": 5}"#).is_ok());
    }

    #[test]
    fn a_configuration_is_read_once_for_each_type() {
        assert!(once::<u8>(|| Err("not yet".into())).is_err());
        assert_eq!((once(|| Ok(1_u8)).unwrap(), once(|| Ok(2_u8)).unwrap(), once(|| Ok(3_u16)).unwrap()), (&1, &1, &3));
    }

    #[test]
    fn an_id_has_a_character_for_each_byte() {
        assert_eq!(id_of(&[0, 63, 64, 255, 27]), "A_A_b");
    }
}
