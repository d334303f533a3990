//! Where the value of each key came from, for `config show --origin`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Parts of names, of keys and of variables, whose values are not shown.
const SECRET_NAMES: [&str; 7] = ["secret", "token", "password", "passwd", "passphrase", "private_key", "api_key"];
/// The same for variables only: `public_key` is a key that may be shown, `${SIGNING_KEY}` is not.
const SECRET_VARIABLES: [&str; 1] = ["key"];

/// The sources of one configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    pub(super) file: String,
    /// The line of each key in the file; of each leaf, in a table of free content.
    pub(super) lines: BTreeMap<String, usize>,
    /// The names of the variables that stood in each value.
    pub(super) variables: BTreeMap<String, BTreeSet<String>>,
    /// Keys that the environment or a flag set over the file.
    pub(super) over: BTreeMap<String, Override>,
}

/// What overrides the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Override {
    Variable(&'static str),
    Flag(&'static str),
}

impl Sources {
    /// `default`, `innkeeper.toml:3`, `environment variable PORT`, `flag --port`.
    pub(super) fn of(&self, key: &str) -> String {
        if let Some(over) = self.over.get(key) {
            return over.to_string();
        }
        let Some(line) = self.lines.get(key) else {
            return "default".to_owned();
        };
        let place = format!("{}:{line}", self.file);
        let names = self.variables.get(key).into_iter().flatten();
        let names: Vec<_> = names.map(|name| format!("${{{name}}}")).collect();
        if names.is_empty() { place } else { format!("{place}, environment variable {}", names.join(", ")) }
    }

    /// The line of a key and its place, `innkeeper.toml:3`. A key that is not in the file has the place of the table that it belongs to.
    pub(super) fn place(&self, key: &str) -> (usize, String) {
        let mut path = Some(key);
        while let Some(key) = path {
            if let Some(line) = self.lines.get(key) {
                return (*line, format!("{}:{line}", self.file));
            }
            path = key.rsplit_once(['.', '[']).map(|(before, _)| before);
        }
        (usize::MAX, self.file.clone())
    }

    /// Whether the value of this key must not be shown: because of a name on its path, or of a variable in it.
    pub(super) fn is_secret(&self, key: &str, name: &str) -> bool {
        let variables = self.variables.get(key).into_iter().flatten();
        is_secret(name, &SECRET_NAMES)
            || variables.into_iter().any(|name| is_secret(name, &SECRET_NAMES) || is_secret(name, &SECRET_VARIABLES))
    }
}

impl fmt::Display for Override {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(formatter, "environment variable {name}"),
            Self::Flag(name) => write!(formatter, "flag {name}"),
        }
    }
}

/// A name that ends in `_file` has a path, and the secret is in that file.
fn is_secret(name: &str, parts: &[&str]) -> bool {
    if name.to_ascii_lowercase().ends_with("_file") {
        return false;
    }
    let plain = |text: &str| text.replace(['-', '_'], "").to_ascii_lowercase();
    let name = plain(name);
    parts.iter().any(|part| name.contains(&plain(part)))
}
