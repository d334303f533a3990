//! Logs: readable lines on a terminal, JSON elsewhere, always on stderr.
//!
//! `INNKEEPER_LOG`, else `RUST_LOG`, chooses what is logged; both hold a filter of `tracing-subscriber` (`info,innkeeper=debug`).

mod printable;

use std::fmt;
use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};

pub(crate) use printable::printable;

const FILTER_VARIABLES: [&str; 2] = ["INNKEEPER_LOG", "RUST_LOG"];

/// Starts logging for this process. A second call does nothing.
pub(crate) fn init() {
    let (filter, problem) = filter(&|name| std::env::var(name).ok());
    let builder = tracing_subscriber::fmt().with_writer(io::stderr).with_env_filter(filter);
    // An error says that a subscriber was set before: that one stays.
    let _already = if io::stderr().is_terminal() {
        builder.with_target(false).fmt_fields(TextFields).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    if let Some(problem) = problem {
        tracing::warn!("{problem}");
    }
}

/// Message and fields of a readable line. JSON has an escape of its own for line breaks, and is read by programs.
struct TextFields;

impl<'w> FormatFields<'w> for TextFields {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut text = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut text), fields)?;
        printable::write_entry(&mut writer, &text)
    }
}

/// The filter, and the problem to log if the chosen one cannot be read.
fn filter(environment: &dyn Fn(&str) -> Option<String>) -> (EnvFilter, Option<String>) {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let chosen = FILTER_VARIABLES.iter().find_map(|name| Some((name, environment(name).filter(|text| !text.is_empty())?)));
    let Some((name, text)) = chosen else {
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
