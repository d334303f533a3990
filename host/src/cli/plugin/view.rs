//! Plugins as the server describes them, and how they are printed.

use std::fmt::Write;

use serde::Deserialize;
use time::OffsetDateTime;

/// How much of a digest is shown in a table: enough to tell generations apart, and for `rollback --to`.
const DIGEST_SHOWN: usize = 12;

/// A plugin of the configuration. What a later server says besides is left out here, and is in its JSON.
#[derive(Debug, Deserialize)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) generation: Option<Generation>,
    #[serde(default)]
    previous: Vec<Generation>,
    last_problem: Option<String>,
}

/// One loaded version of a plugin.
#[derive(Debug, Deserialize)]
pub(super) struct Generation {
    pub(super) number: u64,
    pub(super) digest: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    sdk: String,
    #[serde(default)]
    namespaces: Vec<String>,
    #[serde(default)]
    capabilities: Vec<String>,
    #[serde(default)]
    since_ms: u64,
}

/// One line for each plugin.
pub(super) fn table(plugins: &[Plugin]) -> String {
    let head = ["PLUGIN", "STATUS", "GENERATION", "MODE", "DIGEST", "SINCE (UTC)", "NAMESPACES"].map(str::to_owned);
    let rows = plugins.iter().map(|plugin| match &plugin.generation {
        None => [plugin.name.clone(), plugin.status.clone(), "-".into(), "-".into(), "-".into(), "-".into(), "-".into()],
        Some(generation) => [
            plugin.name.clone(),
            plugin.status.clone(),
            generation.number.to_string(),
            generation.mode.clone(),
            short(&generation.digest).to_owned(),
            moment(generation.since_ms),
            generation.namespaces.join(" "),
        ],
    });
    columns(&[head].into_iter().chain(rows).collect::<Vec<_>>())
}

/// The answer of `GET /nodes`.
#[derive(Debug, Deserialize)]
pub(super) struct Nodes {
    nodes: Vec<Node>,
    nodes_missing: u32,
}

#[derive(Debug, Deserialize)]
struct Node {
    node: String,
    version: String,
    #[serde(default)]
    plugins: Vec<PluginOfNode>,
}

#[derive(Debug, Deserialize)]
struct PluginOfNode {
    name: String,
    status: String,
    generation: Option<u64>,
    digest: Option<String>,
}

/// The plugins of all nodes.
pub(super) fn nodes(found: Nodes) -> String {
    let head = ["NODE", "VERSION", "PLUGIN", "STATUS", "GENERATION", "DIGEST"].map(str::to_owned);
    let none = || "-".to_owned();
    let rows = found.nodes.into_iter().flat_map(|Node { node, version, plugins }| {
        plugins.into_iter().map(move |plugin| {
            let digest = plugin.digest.map_or_else(none, |digest| short(&digest).to_owned());
            let generation = plugin.generation.map_or_else(none, |number| number.to_string());
            [node.clone(), version.clone(), plugin.name, plugin.status, generation, digest]
        })
    });
    let table = columns(&[head].into_iter().chain(rows).collect::<Vec<_>>());
    match found.nodes_missing {
        0 => table,
        missing => format!("{table}\n{missing} other nodes did not answer"),
    }
}

/// What a component would change.
#[derive(Debug, Deserialize)]
pub(super) struct Differences {
    digest: String,
    #[serde(default)]
    is_same: bool,
    problem: Option<String>,
    #[serde(default)]
    changes: Vec<String>,
}

/// What a component would change, a line for each thing.
pub(super) fn differences(found: Differences) -> String {
    let Differences { digest, is_same, problem, changes } = found;
    let mut lines = vec![format!("sha256:{digest}{}", if is_same { " serves already" } else { "" })];
    if changes.is_empty() && problem.is_none() {
        lines.push("registers what is registered now".to_owned());
    }
    lines.extend(changes);
    lines.extend(problem.map(|problem| format!("it could not take over: {problem}")));
    lines.join("\n")
}

/// Everything about one plugin.
pub(super) fn page(plugin: Plugin) -> String {
    let mut rows = vec![["plugin".to_owned(), plugin.name.clone()], ["status".into(), plugin.status]];
    let mut row = |name: &str, value: String| rows.push([name.to_owned(), if value.is_empty() { "-".to_owned() } else { value }]);
    if let Some(generation) = plugin.generation {
        row("generation", format!("{}@{}, since {} UTC", plugin.name, generation.number, moment(generation.since_ms)));
        row("digest", format!("sha256:{}", generation.digest));
        row("mode", generation.mode);
        row("made with", generation.sdk);
        row("namespaces", generation.namespaces.join(" "));
        row("capabilities", generation.capabilities.join(" "));
    }
    if let Some(problem) = plugin.last_problem {
        row("last problem", problem);
    }
    for generation in plugin.previous {
        let digest = short(&generation.digest);
        row(
            "before",
            format!("{}@{}, sha256:{digest}, since {} UTC", plugin.name, generation.number, moment(generation.since_ms)),
        );
    }
    columns(&rows)
}

/// Lines of columns that are as wide as their widest cell.
fn columns<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths);
        let line: String = cells.fold(String::new(), |mut line, (cell, width)| {
            let _a_string_takes_all = write!(line, "{cell:width$}  ");
            line
        });
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn short(digest: &str) -> &str {
    digest.get(..DIGEST_SHOWN).unwrap_or(digest)
}

/// A time in milliseconds since 1970, to the second.
fn moment(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1_000).unwrap_or(i64::MAX);
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(seconds) else {
        return ms.to_string();
    };
    let ((year, month, day), (hour, minute, second)) = (moment.to_calendar_date(), moment.to_hms());
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02}", u8::from(month))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Plugin, page, table};

    fn plugin(name: &str, generation: &Value) -> Plugin {
        let view = json!({
            "name": name,
            "status": if generation.is_null() { "unloaded" } else { "serving" },
            "generation": generation,
            "previous": [{"number": 1, "digest": "0123456789abcdef", "since_ms": 0, "what": "a later server says"}],
            "last_problem": "it does not fit",
        });
        serde_json::from_value(view).unwrap()
    }

    #[test]
    fn plugins_are_a_table_and_one_is_a_page() {
        let generation = json!({
            "number": 12, "digest": "fedcba9876543210", "mode": "shared", "sdk": "", "namespaces": ["/", "/chat"],
            "capabilities": ["store:users"], "since_ms": 1_709_210_096_999_u64,
        });
        let written = table(&[plugin("chat", &generation), plugin("echo-two", &Value::Null)]);
        assert_eq!(
            written,
            "PLUGIN    STATUS    GENERATION  MODE    DIGEST        SINCE (UTC)          NAMESPACES\n\
             chat      serving   12          shared  fedcba987654  2024-02-29 12:34:56  / /chat\n\
             echo-two  unloaded  -           -       -             -                    -\n"
        );
        assert_eq!(
            page(plugin("chat", &generation)),
            "plugin        chat\nstatus        serving\ngeneration    chat@12, since 2024-02-29 12:34:56 UTC\n\
             digest        sha256:fedcba9876543210\nmode          shared\nmade with     -\nnamespaces    / /chat\n\
             capabilities  store:users\nlast problem  it does not fit\n\
             before        chat@1, sha256:0123456789ab, since 1970-01-01 00:00:00 UTC\n"
        );
    }
}
