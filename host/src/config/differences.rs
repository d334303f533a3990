//! What differs between two configurations, by the keys of the file.

use std::collections::BTreeMap;

use serde_json::Value;

use super::configuration::Config;
use super::schema::TABLES;

/// The keys whose values differ, in the order of their names: `server.port`, `plugins.chat.grants`. A secret differs as `keys.<name>`.
pub(crate) fn differences(one: &Config, other: &Config) -> Vec<String> {
    let (ones, others) = (values(one), values(other));
    let named = ones.keys().chain(others.keys()).filter(|key| ones.get(*key) != others.get(*key)).cloned();
    let key_of = |config: &Config, name: &str| config.keys.iter().find(|key| key.name == name).cloned();
    let names = one.keys.iter().chain(&other.keys).map(|key| &key.name);
    let keys = names.filter(|name| key_of(one, name) != key_of(other, name)).map(|name| super::path_of(&["keys", name]));
    let mut differing: Vec<String> = named.chain(keys).collect();
    differing.sort_unstable();
    differing.dedup();
    differing
}

/// Every key with its value.
fn values(config: &Config) -> BTreeMap<String, Option<Value>> {
    let tables = TABLES.iter().flat_map(|table| (table.shown)(config));
    tables.flat_map(|table| table.rows.into_iter().map(move |row| (format!("{}.{}", table.path, row.name), row.value))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::{Config, differences};
    use crate::config::{KeyConfig, PluginConfig, Secret};

    #[test]
    fn what_differs_is_named_as_in_the_file_and_secrets_by_their_key() {
        let one = Config::default();
        assert!(differences(&one, &one).is_empty());
        let mut other = one.clone();
        other.server.port = 1;
        other.server.cors.credentials = true;
        other.plugins.push(PluginConfig::new("chat", PathBuf::from("chat.wasm")));
        other.keys.push(KeyConfig::secret("users", Secret::new("one secret of thirty-two bytes....")));
        let found = differences(&one, &other);
        for key in ["server.port", "server.cors.credentials", "plugins.chat.component", "keys.users"] {
            assert!(found.iter().any(|found| found == key), "{key} in {found:?}");
        }
        let mut third = other.clone();
        third.keys[0] = KeyConfig::secret("users", Secret::new("another secret of thirty-two bytes."));
        assert_eq!(differences(&other, &third), ["keys.users"]);
    }
}
