//! What a program usually has from its operating system: time, randomness, waiting, configuration. Here it comes from the host, so
//! that it works in the same way however the component was built.

use crate::error::Result;
use crate::host;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The time now, in milliseconds since 1970 (UTC): `Date.now()`.
pub fn now_ms() -> u64 {
    host::now_ms()
}

/// Bytes from a cryptographically secure generator.
pub fn random_bytes(length: usize) -> Vec<u8> {
    host::random_bytes(length)
}

/// A new id that nobody can guess: 20 characters out of `A-Z a-z 0-9 - _`.
pub fn random_id() -> String {
    id_of(&random_bytes(20))
}

/// Waits. What was recorded before is sent first. Other calls go on meanwhile, in other instances.
pub fn sleep(delay: Duration) -> Result<()> {
    host::sleep(delay)
}

/// Sends what was recorded so far: it has then happened, whatever becomes of the handler.
pub fn flush() {
    host::flush();
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
pub fn config<T: DeserializeOwned>() -> Result<T> {
    serde_json::from_str(&host::config()).map_err(|error| format!("config: {error}").into())
}

/// Six bits of each byte make one character, so every character is as likely as another.
pub(crate) fn id_of(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    bytes.iter().filter_map(|byte| LETTERS.get(usize::from(byte & 63))).map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::id_of;

    #[test]
    fn an_id_has_a_character_for_each_byte() {
        assert_eq!(id_of(&[0, 63, 64, 255, 27]), "A_A_b");
    }
}
