//! Namespaces that stand in a plugin's configuration.

use serde::Deserialize;

/// The name of a namespace, which begins with a slash.
pub(crate) fn with_slash(name: String) -> String {
    if name.starts_with('/') { name } else { format!("/{name}") }
}

/// The namespaces that the operator names in a plugin's `config`: at least one, and each once. What is no namespace refuses the
/// configuration, for the operator to read.
///
/// ```
/// use innkeeper_plugin::{Namespaces, Plugin, Result, Socket, config, export, log};
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     namespaces: Namespaces,
/// }
///
/// fn plugin() -> Result<Plugin> {
///     let Config { namespaces } = config()?;
///     Ok(namespaces.iter().fold(Plugin::new(), |plugin, name| plugin.namespace(name).connection(greet)))
/// }
///
/// fn greet(socket: &Socket) {
///     log::info(format_args!("{} on {}", socket.id(), socket.namespace()));
/// }
///
/// export!(plugin);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct Namespaces(Vec<String>);

impl Namespaces {
    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// For defaults: names that stand in the source.
impl<const N: usize> From<[&str; N]> for Namespaces {
    fn from(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned).to_vec())
    }
}

impl TryFrom<Vec<String>> for Namespaces {
    type Error = String;

    fn try_from(names: Vec<String>) -> Result<Self, String> {
        if names.is_empty() {
            return Err("the list is empty, so the plugin would do nothing; name a namespace, \"/\" for one".to_owned());
        }
        for (index, name) in names.iter().enumerate() {
            if !name.starts_with('/') || name.contains(',') {
                return Err(format!("{name:?} is not a namespace; a name begins with \"/\" and has no comma"));
            }
            if names.iter().take(index).any(|before| before == name) {
                return Err(format!("{name:?} stands here twice; keep one of them"));
            }
        }
        Ok(Self(names))
    }
}

#[cfg(test)]
mod tests {
    use super::Namespaces;

    #[test]
    fn a_list_of_namespaces_has_each_once_and_at_least_one() {
        let read = |json: &str| serde_json::from_str::<Namespaces>(json).map_err(|error| error.to_string());
        assert_eq!(read(r#"["/", "/chat"]"#).unwrap(), Namespaces::from(["/", "/chat"]));
        for (json, told) in [
            ("[]", "the list is empty"),
            (r#"["chat"]"#, r#""chat" is not a namespace; a name begins with "/""#),
            (r#"["/a,b"]"#, "has no comma"),
            (r#"[""]"#, r#""" is not a namespace"#),
            (r#"["/", "/"]"#, r#""/" stands here twice"#),
            (r#""/""#, "expected a sequence"),
        ] {
            assert!(read(json).unwrap_err().contains(told), "{json}");
        }
    }
}
