//! The descriptions of the keys as text: the example that `innkeeper config init` writes, and `docs/configuration.md`.

use std::fmt::Write;

use super::key_spec::Row;
use super::schema::{TABLES, described};
use super::show::plain;

/// The names that the tables of the example have.
const EXAMPLE_NAMES: [(&str, &str); 2] = [("keys.<name>", "keys.default"), ("plugins.<name>", "plugins.my-plugin")];

const EXAMPLE_HEAD: &str = "\
# The configuration of Innkeeper, with every key and its default. To change one, take the `#` away before it.
#
# Durations: \"25s\", \"500ms\", \"2m\", or a number of milliseconds. Sizes: \"64KiB\", \"1MB\", or a number of bytes.
# A string may hold ${NAME} or ${NAME:-default} from the environment; $${ stands for ${ itself.
# `innkeeper config check` reports every problem at once, `innkeeper config show --origin` where each value comes from.
";

const DOCS_HEAD: &str = "\
<!-- Written by `cargo run -- config docs > docs/configuration.md` from the table of keys in host/src/config. -->
# Configuration

`innkeeper run` reads `innkeeper.toml` in the current directory, or the file of `--config FILE`. Without a file it does not start; only
a program that lies in the target directory where cargo built it (`cargo run -- run`) then uses the built-in configuration: the
defaults, and the reference plugins that are built in that directory (`auth` only if JWT_SECRET is set), each with the grants and
namespaces that it needs. Nothing is loaded from the current directory unless a file names it.

What is set in more than one place: **flag over environment over file over default**.

| command | |
|---|---|
| `innkeeper config init [--force] [FILE]` | writes an example with every key, commented out |
| `innkeeper config check [--config FILE]` | reports every problem at once, with line, key and remedy (exit code 2), or what would be loaded (0) |
| `innkeeper config check --locked` | the same, and whether each component is the one that the lock file names |
| `innkeeper config show [--config FILE] [--origin]` | the resolved configuration as TOML; `--origin` adds where each value came from |

**The lock file** pins components, so that many servers run the same code. `innkeeper plugin lock` writes `innkeeper.lock` beside the
configuration (beside `FILE.toml` it is `FILE.lock`): for each plugin the SHA-256 of its component. `innkeeper run --locked` starts only
if each component is the one that the file names, and then no plugin is swapped for another.

| variable | |
|---|---|
| `INNKEEPER_LOG` | what is logged, as a filter of [tracing-subscriber](https://docs.rs/tracing-subscriber/latest/tracing_subscriber/filter/struct.EnvFilter.html#directives): `warn`, `debug`, `info,innkeeper::engine=debug`; without it `RUST_LOG`, without both `filter` in `[log]`. The log goes to stderr: lines on a terminal, JSON elsewhere |
| `INNKEEPER_PORT`, `INNKEEPER_HOST`, `INNKEEPER_TOKEN_FILE`, `CLIENT_URL` | override the keys below whose rows name them |
| `INNKEEPER_ADMIN_URL`, `INNKEEPER_ADMIN_TOKEN` | for `innkeeper plugin`: the address of the admin interface, and its token, in place of those of the configuration |
| `JWT_SECRET` | without a file, the secret of the key `default` |
| `REDIS_URL` | without a file, `url` in `[adapter.redis]` |
| `XDG_CACHE_HOME`, else `HOME` | `innkeeper/components` in it (`~/.cache/innkeeper/components`) keeps compiled components |

- **Durations** are `\"25s\"`, `\"500ms\"`, `\"2m\"`, `\"1h\"`, or a number of milliseconds, as in Socket.IO.
- **Sizes** are `\"64KiB\"`, `\"8MiB\"`, `\"1MB\"`, or a number of bytes.
- **Variables**: a string may hold `${NAME}` or `${NAME:-default}`; a number may then stand in quotes. `$${` stands for `${`.
  A variable that is not set, and has no default, is a problem. An empty one counts as not set.
- **Paths** are relative to the file that they stand in.
- **Unknown keys** are problems, with the nearest known key as the remedy. Socket.IO's spelling (`pingInterval`) is recognized.
- **Secrets** are not shown by `config show`: values of keys like `secret`, `token` or `password`, strings made of variables with
  SECRET, TOKEN, PASSWORD or KEY in their names, and passwords in URLs.
";

/// The example file.
pub(crate) fn example() -> String {
    let mut text = EXAMPLE_HEAD.to_owned();
    for table in TABLES {
        let named = table.path.ends_with("<name>");
        // A table that must have content is commented out as a whole.
        let mark = if named { "#" } else { "" };
        let path = EXAMPLE_NAMES.iter().find(|(path, _)| *path == table.path).map_or(table.path, |(_, example)| example);
        let _infallible = write!(text, "\n# {}.\n{mark}[{path}]\n", table.about);
        for row in described(table) {
            let value = if row.example.is_empty() { default(&row) } else { row.example.to_owned() };
            let _infallible = write!(text, "\n# {}.\n# {}.\n#{} = {value}\n", sentence(row.why), facts(&row), row.name);
        }
    }
    text
}

/// `docs/configuration.md`.
pub(crate) fn docs() -> String {
    let mut text = DOCS_HEAD.to_owned();
    for table in TABLES {
        let _infallible = write!(
            text,
            "\n## `[{}]`\n\n{}.\n\n| key | default | type, range | in Socket.IO | |\n|---|---|---|---|---|\n",
            table.path, table.about
        );
        for row in described(table) {
            let _infallible = writeln!(
                text,
                "| `{}` | {} | {} | {} | {}.{} |",
                row.name,
                code(&default(&row)),
                row.kind,
                code(row.socket_io),
                sentence(row.why),
                overlays(&row, |name| format!("`{name}`"))
            );
        }
    }
    text
}

/// Type, range, the name in Socket.IO, and what overrides the file, in one line.
fn facts(row: &Row) -> String {
    let mut facts = row.kind.clone();
    let default = default(row);
    let _infallible = match default.is_empty() {
        true => write!(facts, "; no default"),
        false => write!(facts, "; default {default}"),
    };
    if !row.socket_io.is_empty() {
        let _infallible = write!(facts, "; Socket.IO: {}", row.socket_io);
    }
    let overlays = overlays(row, str::to_owned);
    if !overlays.is_empty() {
        let _infallible = write!(facts, ".{}", overlays.trim_end_matches('.'));
    }
    sentence(&facts)
}

/// ` Environment: …, flag: ….`, empty if neither overrides the file.
fn overlays(row: &Row, write: impl Fn(&str) -> String) -> String {
    let all = [("environment", row.variable), ("flag", row.flag)];
    let named: Vec<_> =
        all.iter().filter(|(_, name)| !name.is_empty()).map(|(what, name)| format!("{what}: {}", write(name))).collect();
    if named.is_empty() { String::new() } else { format!(" {}.", sentence(&named.join(", "))) }
}

fn default(row: &Row) -> String {
    row.value.as_ref().map(plain).unwrap_or_default()
}

fn code(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { format!("`{text}`") }
}

/// The text with a capital letter at its begin.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
