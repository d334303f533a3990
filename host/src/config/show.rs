//! The resolved configuration as TOML, each value with its source on request.
//!
//! What is shown can be read again once its secrets are filled in. They are redacted, so that the output can be pasted into a
//! ticket without a second look.

use std::fmt::Write;

use serde_json::Value;

use super::key_spec::Row;
use super::resolve::Resolved;
use super::schema::{TABLES, TableValues};
use super::sources::Sources;
use super::toml_text::{self, quoted};

const REDACTED: &str = "<redacted>";

impl Resolved {
    /// Every key with its value; `with_sources`: followed by where that came from.
    pub(crate) fn to_toml(&self, with_sources: bool) -> String {
        let mut text = String::new();
        for shown in TABLES.iter().flat_map(|table| (table.shown)(&self.config)) {
            let separator = if text.is_empty() { "" } else { "\n" };
            let _infallible = writeln!(text, "{separator}[{}]", shown.path);
            for row in &shown.rows {
                let page = TableWriter { shown: &shown, sources: &self.sources, with_sources };
                page.row(&mut text, row);
            }
        }
        text
    }
}

/// What the lines of one table have in common.
struct TableWriter<'a> {
    shown: &'a TableValues,
    sources: &'a Sources,
    with_sources: bool,
}

impl TableWriter<'_> {
    fn row(&self, text: &mut String, row: &Row) {
        match &row.value {
            Some(value) => self.value(text, row.name, value),
            None => self.line(text, row.name, &format!("# {} is not set", row.name)),
        }
    }

    /// `name` is the key in this table. A table of free content gets a line for each leaf.
    fn value(&self, text: &mut String, name: &str, value: &Value) {
        if let Some(table) = value.as_object().filter(|table| !table.is_empty()) {
            for (key, value) in table {
                self.value(text, &format!("{name}.{}", toml_text::key(key)), value);
            }
            return;
        }
        let secret = self.sources.is_secret(&self.path(name), name);
        self.line(text, name, &format!("{name} = {}", self.toml(name, value, secret)));
    }

    fn line(&self, text: &mut String, name: &str, line: &str) {
        let _infallible = match self.with_sources {
            true => writeln!(text, "{line}  # {}", self.sources.of(&self.path(name))),
            false => writeln!(text, "{line}"),
        };
    }

    fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.shown.path)
    }

    /// A value with what is secret in it left out, and what only looks like a variable escaped.
    fn toml(&self, name: &str, value: &Value, secret: bool) -> String {
        match value {
            _ if secret && !value.is_array() && !value.is_object() => quoted(REDACTED),
            Value::String(text) => quoted(&without_password(text).replace("${", "$${")),
            Value::Array(list) => {
                let items: Vec<_> = list.iter().map(|item| self.toml(name, item, secret)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Object(table) => {
                let entry = |(key, value): (&String, &Value)| {
                    let key = toml_text::key(key);
                    let name = format!("{name}.{key}");
                    let secret = secret || self.sources.is_secret(&self.path(&name), &name);
                    format!("{key} = {}", self.toml(&name, value, secret))
                };
                let entries: Vec<_> = table.iter().map(entry).collect();
                if entries.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", entries.join(", ")) }
            }
            other => other.to_string(),
        }
    }
}

/// A value as TOML, where nothing can be secret.
pub(super) fn plain(value: &Value) -> String {
    let shown = TableValues { path: String::new(), rows: Vec::new() };
    TableWriter { shown: &shown, sources: &Sources::default(), with_sources: false }.toml("", value, false)
}

/// `redis://user:password@host` is shown as `redis://user:<redacted>@host`.
fn without_password(text: &str) -> String {
    let cut = || {
        let (scheme, rest) = text.split_once("://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let (user, host) = authority.rsplit_once('@')?;
        let (user, _password) = user.split_once(':')?;
        Some(format!("{scheme}://{user}:{REDACTED}@{host}{path}"))
    };
    cut().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests;
