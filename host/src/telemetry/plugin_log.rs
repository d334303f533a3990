//! The last lines of the log that each plugin caused, for the admin interface.
//!
//! A line is one about a plugin if it has a field `plugin`: `chat`, or `chat@3` with the generation. What is kept is bounded in lines and
//! in bytes; whoever follows reads from the same lines, so that a follower costs nothing and holds up nobody.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tracing::Event;
use tracing::field::{Field, Visit};

use super::line::{self, Style};
use crate::fixed_limits::{PLUGIN_LOG_BYTES_MAX, PLUGIN_LOG_LINES_MAX};

/// Lines that a reader gets at once.
const BATCH_LINES: usize = 100;

/// The last lines of all plugins. As many as the configuration names: no line has another name in its field.
#[derive(Debug, Default)]
pub(crate) struct PluginLog {
    plugins: Mutex<HashMap<String, Arc<LastLines>>>,
}

/// The last lines of one plugin.
#[derive(Debug)]
struct LastLines {
    lines: Mutex<Lines>,
    /// The number of lines that there ever were; changes with each.
    count: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Arc<str>>,
    bytes: usize,
    /// Lines before the first that is kept.
    gone: u64,
}

/// Reads the lines of one plugin, from the oldest that is kept on.
#[derive(Debug)]
pub(crate) struct LogReader {
    lines: Arc<LastLines>,
    count: watch::Receiver<u64>,
    /// How many lines were read, or gone before they could be.
    read: u64,
}

/// Lines that a reader gets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LogBatch {
    /// Lines that are not kept any more, and were not read.
    pub(crate) left_out: u64,
    /// Each is a JSON object with a line break at its end.
    pub(crate) lines: Vec<Arc<str>>,
}

impl PluginLog {
    /// Keeps a line of the log that is about a plugin. `line`: as it is written, if it is written as JSON.
    pub(super) fn note(&self, event: &Event<'_>, style: Style, line: &str) {
        if event.metadata().fields().field("plugin").is_none() {
            return;
        }
        let mut plugin = PluginName(None);
        event.record(&mut plugin);
        let Some(name) = plugin.0 else { return };
        let json = match style {
            Style::Json => Arc::from(line),
            Style::Text { .. } => Arc::from(line::line(Style::Json, event)),
        };
        self.of(&name).push(json);
    }

    /// Reads the lines of a plugin; `None` if there has been none about it.
    pub(crate) fn reader(&self, plugin: &str) -> Option<LogReader> {
        let lines = self.lock().get(plugin).cloned()?;
        Some(LogReader::new(lines))
    }

    /// The same for a plugin of the configuration about which there may have been none yet.
    pub(crate) fn begin(&self, plugin: &str) -> LogReader {
        LogReader::new(self.of(plugin))
    }

    fn of(&self, plugin: &str) -> Arc<LastLines> {
        let mut plugins = self.lock();
        match plugins.get(plugin) {
            Some(lines) => lines.clone(),
            None => plugins.entry(plugin.to_owned()).or_default().clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<LastLines>>> {
        self.plugins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for LastLines {
    fn default() -> Self {
        Self { lines: Mutex::default(), count: watch::Sender::new(0) }
    }
}

impl LastLines {
    fn push(&self, line: Arc<str>) {
        let count = {
            let mut lines = self.lock();
            lines.bytes += line.len();
            lines.kept.push_back(line);
            while lines.kept.len() > PLUGIN_LOG_LINES_MAX || lines.bytes > PLUGIN_LOG_BYTES_MAX {
                let Some(oldest) = lines.kept.pop_front() else { break };
                lines.bytes -= oldest.len();
                lines.gone += 1;
            }
            lines.end()
        };
        self.count.send_replace(count);
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    fn end(&self) -> u64 {
        self.gone + u64::try_from(self.kept.len()).unwrap_or(u64::MAX)
    }
}

impl LogReader {
    fn new(lines: Arc<LastLines>) -> Self {
        let count = lines.count.subscribe();
        Self { lines, count, read: 0 }
    }

    /// The next lines that are there, some at a time; none at the end.
    pub(crate) fn next(&mut self) -> LogBatch {
        let lines = self.lines.lock();
        let left_out = lines.gone.saturating_sub(self.read);
        let skipped = usize::try_from(self.read.saturating_sub(lines.gone)).unwrap_or(usize::MAX);
        let batch: Vec<_> = lines.kept.iter().skip(skipped).take(BATCH_LINES).cloned().collect();
        self.read += left_out + u64::try_from(batch.len()).unwrap_or(u64::MAX);
        LogBatch { left_out, lines: batch }
    }

    /// Resolves when there may be lines that were not read. Never with an error: the reader keeps the lines alive.
    pub(crate) async fn more(&mut self) {
        let read = self.read;
        let _never_closed = self.count.wait_for(|count| *count > read).await;
    }
}

/// Takes the plugin's name out of the fields of a line.
struct PluginName(Option<String>);

impl PluginName {
    fn take(&mut self, field: &Field, value: &str) {
        if field.name() == "plugin" {
            self.0 = Some(value.split('@').next().unwrap_or_default().to_owned());
        }
    }
}

impl Visit for PluginName {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // A name that is shown with `%`; one that is shown with `?` stands in quotes.
        if field.name() == "plugin" {
            self.take(field, format!("{value:?}").trim_matches('"'));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{BATCH_LINES, LogBatch, PluginLog};
    use crate::fixed_limits::{PLUGIN_LOG_BYTES_MAX, PLUGIN_LOG_LINES_MAX};

    fn log(lines: usize, bytes: usize) -> PluginLog {
        let log = PluginLog::default();
        let line: Arc<str> = "x".repeat(bytes).into();
        (0..lines).for_each(|_| log.of("chat").push(line.clone()));
        log
    }

    #[test]
    fn the_last_lines_are_kept_and_a_reader_hears_how_many_are_gone() {
        let log = log(PLUGIN_LOG_LINES_MAX + 5, 1);
        assert!(log.reader("other").is_none());
        let mut reader = log.reader("chat").unwrap();
        let first = reader.next();
        assert_eq!((first.left_out, first.lines.len()), (5, BATCH_LINES));
        let mut rest = 0;
        loop {
            let LogBatch { left_out, lines } = reader.next();
            assert_eq!(left_out, 0);
            if lines.is_empty() {
                break;
            }
            rest += lines.len();
        }
        assert_eq!(rest, PLUGIN_LOG_LINES_MAX - BATCH_LINES);
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let bytes = PLUGIN_LOG_BYTES_MAX / 10;
        let mut reader = log(25, bytes).reader("chat").unwrap();
        let batch = reader.next();
        assert_eq!((batch.left_out, batch.lines.len()), (15, 10));
    }

    #[tokio::test]
    async fn whoever_has_read_all_waits_for_the_next_line() {
        let log = Arc::new(log(1, 1));
        let mut reader = log.reader("chat").unwrap();
        assert_eq!(reader.next().lines.len(), 1);
        let pushed = log.clone();
        tokio::spawn(async move { pushed.of("chat").push("later".into()) });
        reader.more().await;
        assert_eq!(reader.next(), LogBatch { left_out: 0, lines: vec!["later".into()] });
    }
}
