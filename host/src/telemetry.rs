//! The log: readable lines on a terminal, JSON elsewhere, always on stderr.
//!
//! `INNKEEPER_LOG`, else `RUST_LOG`, else `[log]` of the configuration chooses what is logged; each holds a filter of `tracing-subscriber`
//! (`info,innkeeper=debug`).
//! Lines go into a queue, which one thread writes: nothing waits for the reader of the log, and nothing fails with it.

mod line;
mod plugin_log;
mod printable;
mod queue;

use std::io::{self, IsTerminal};
use std::panic::PanicHookInfo;
use std::sync::Arc;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

use line::Style;

pub(crate) use plugin_log::{LogReader, PluginLog};
pub(crate) use printable::printable;
pub(crate) use queue::LogQueue;

const FILTER_VARIABLES: [&str; 2] = ["INNKEEPER_LOG", "RUST_LOG"];
/// The target of what a command says: it is no line of the log, but goes the same way, so that neither overtakes the other.
const COMMAND: &str = "innkeeper::command";
/// How long a command waits for its lines to be written, and the program, at its end, for those of the log.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is logged: chosen by the environment, or else by the configuration, also while the server runs.
#[derive(Clone)]
pub(crate) struct LogFilter {
    /// None where another subscriber was set before.
    handle: Option<Handle<EnvFilter, Registry>>,
    is_chosen: bool,
}

impl LogFilter {
    /// From now on this filter of the configuration holds, unless the environment has one.
    pub(crate) fn choose(&self, filter: &str) {
        let Some(handle) = self.handle.as_ref().filter(|_| !self.is_chosen) else { return };
        let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(filter);
        // The subscriber lives as long as the program.
        let _subscriber_is_there = handle.reload(filter);
    }
}

/// The parts of the log that a server works with.
#[derive(Clone)]
pub(crate) struct LogParts {
    /// The lines that wait to be written.
    pub(crate) queue: Arc<LogQueue>,
    /// The last lines about each plugin.
    pub(crate) plugins: Arc<PluginLog>,
    pub(crate) filter: LogFilter,
}

/// The log of this process. Its drop waits until the last lines are written, but not for long.
pub(crate) struct Log {
    parts: LogParts,
}

impl Log {
    pub(crate) fn parts(&self) -> &LogParts {
        &self.parts
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.parts.queue.flush(PATIENCE);
    }
}

/// Starts logging for this process. A second call does nothing.
pub(crate) fn init() -> Log {
    let environment = |name: &str| std::env::var(name).ok();
    let is_chosen = chosen(&environment).is_some();
    let (filter, problem) = filter(&environment);
    let (filter, handle) = reload::Layer::new(filter);
    let queue = Arc::new(LogQueue::default());
    let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let style = if io::stderr().is_terminal() { Style::Text { coloured } } else { Style::Json };
    let plugins = Arc::new(PluginLog::default());
    let layer = LogLayer { style, queue: queue.clone(), plugins: plugins.clone() };
    let is_command = filter_fn(|metadata: &Metadata<'_>| metadata.target() == COMMAND);
    // An error says that a subscriber was set before: that one stays.
    let is_first = tracing_subscriber::registry().with(layer.with_filter(filter.or(is_command))).try_init().is_ok();
    if is_first {
        queue::spawn(&queue, io::stderr());
        std::panic::set_hook(Box::new(log_panic));
    }
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
    let filter = LogFilter { handle: is_first.then_some(handle), is_chosen };
    Log { parts: LogParts { queue, plugins, filter } }
}

/// A line of a command on stderr. One that cannot be written, or is not read, is no error. What a plugin or a file has put into
/// the line cannot act on the terminal.
pub(crate) fn say(line: &str) {
    tracing::info!(target: COMMAND, "{}", printable(line));
}

/// Puts every event into the queue, as a line, and keeps those about plugins.
struct LogLayer {
    style: Style,
    queue: Arc<LogQueue>,
    plugins: Arc<PluginLog>,
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if event.metadata().target() == COMMAND {
            self.queue.push(&line::message(event));
            // A program that the command starts may write next.
            self.queue.flush(PATIENCE);
        } else {
            let line = line::line(self.style, event);
            self.queue.push(&line);
            self.plugins.note(event, self.style, &line);
        }
    }
}

/// A panic is a line of the log, too: the standard hook would wait for its reader.
fn log_panic(info: &PanicHookInfo<'_>) {
    let location = info.location().map(tracing::field::display);
    tracing::error!(location, "a task panicked: {}", info.payload_as_str().unwrap_or("without a text"));
}

/// The filter of the environment, and its variable.
fn chosen(environment: &dyn Fn(&str) -> Option<String>) -> Option<(&'static str, String)> {
    FILTER_VARIABLES.iter().find_map(|name| Some((*name, environment(name).filter(|text| !text.is_empty())?)))
}

/// The filter, and the problem to log if the chosen one cannot be read.
fn filter(environment: &dyn Fn(&str) -> Option<String>) -> (EnvFilter, Option<String>) {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let Some((name, text)) = chosen(environment) else {
        return (builder.parse_lossy(""), None);
    };
    match builder.parse(&text) {
        Ok(filter) if is_about_this_server(&text) => (filter, None),
        // A word that is no level names a target: without a word, nothing would be logged.
        Ok(_) => {
            let problem = format!(
                "{name}={text:?} chooses nothing of this server; a filter is a level (error, warn, info, debug, trace, off) or \
                 innkeeper::<module>=<level>, with commas between several; logging at info besides"
            );
            (EnvFilter::builder().parse_lossy(format!("info,{text}")), Some(problem))
        }
        Err(error) => {
            let problem = format!("{name}={text:?} is not a filter ({error}), logging at info");
            let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
            (builder.parse_lossy(""), Some(problem))
        }
    }
}

/// Whether a part of the filter is for everything, or for modules of this program.
fn is_about_this_server(filter: &str) -> bool {
    filter.split(',').map(str::trim).any(|part| {
        let is_module = part.strip_prefix("innkeeper").is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '=', '[']));
        is_module || part.starts_with('[') || part.parse::<LevelFilter>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::filter;

    fn shown(variables: &[(&str, &str)]) -> (String, bool) {
        let environment = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let (filter, problem) = filter(&environment);
        (filter.to_string(), problem.is_some())
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_reported_and_info_stays() {
        assert_eq!(shown(&[("RUST_LOG", "innkeeper=loud")]), ("info".to_owned(), true));
    }

    #[test]
    fn a_filter_that_chooses_nothing_of_this_server_is_reported_and_info_is_added() {
        for typing_error in ["nonsense", "wran", "verbose", "innkeper=debug", "hyper=debug"] {
            let (filter, is_reported) = shown(&[("INNKEEPER_LOG", typing_error)]);
            assert!(is_reported && filter.contains("info"), "{typing_error}: {filter}");
        }
        for sound in ["off", "WARN", "3", "innkeeper=debug", "warn,hyper=debug", "innkeeper::engine", "[call]=trace"] {
            assert!(!shown(&[("INNKEEPER_LOG", sound)]).1, "{sound}");
        }
    }

    #[test]
    fn innkeeper_log_wins_over_rust_log_and_info_is_the_default() {
        assert_eq!(shown(&[]).0, "info");
        assert_eq!(shown(&[("RUST_LOG", "debug")]).0, "debug");
        assert_eq!(shown(&[("RUST_LOG", "debug"), ("INNKEEPER_LOG", "warn")]).0, "warn");
    }
}
