//! What is wrong with a configuration: each problem with its place, its key and the remedy.

use std::fmt;
use std::io;
use std::path::Path;

use super::sources::Sources;

/// Everything that is wrong, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problems {
    list: Vec<PlacedProblem>,
}

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlacedProblem {
    /// Its line in the file; after all lines for what has none.
    line: usize,
    /// `innkeeper.toml:12`, or the environment variable.
    pub(super) place: String,
    /// The whole key, `server.port`; empty where the text is not TOML.
    pub(super) key: String,
    /// What is wrong, with the offending value in quotes.
    pub(super) problem: String,
    /// What to do instead; empty where the problem says it already.
    pub(super) remedy: String,
}

/// A problem that shows only when what the configuration names is used: a key file, a component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(super) key: String,
    problem: String,
    /// If this key has a problem, the finding only follows from it.
    because_of: Option<String>,
}

/// What is wrong with a value, before its place is known.
#[derive(Debug)]
pub(super) struct Problem {
    problem: String,
    remedy: String,
}

impl Problems {
    /// Success with `value` if there is nothing to correct.
    pub(super) fn or<T>(list: Vec<PlacedProblem>, value: T) -> Result<T, Self> {
        if list.is_empty() {
            return Ok(value);
        }
        Err(Self { list })
    }

    /// What was found by using the configuration, in the order of the file.
    pub(crate) fn found(findings: Vec<Finding>, sources: &Sources) -> Self {
        Self { list: with_findings(Vec::new(), findings, sources) }
    }

    pub(super) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "give the right path with --config; `innkeeper config init` writes an example",
            // Its text says already what to do.
            io::ErrorKind::InvalidData => "",
            _ => "make it readable for this user",
        };
        Self {
            list: vec![PlacedProblem {
                line: 0,
                place: file.display().to_string(),
                key: String::new(),
                problem: text_of(error),
                remedy: remedy.to_owned(),
            }],
        }
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }
}

/// The problems of a file with what was found by using it, in the order of the file.
pub(super) fn with_findings(mut list: Vec<PlacedProblem>, findings: Vec<Finding>, sources: &Sources) -> Vec<PlacedProblem> {
    let wrong: Vec<String> =
        list.iter().map(|problem| &problem.key).chain(findings.iter().map(|found| &found.key)).cloned().collect();
    let follows = |finding: &Finding| finding.because_of.as_ref().is_some_and(|key| wrong.iter().any(|wrong| is_in(key, wrong)));
    let placed = findings.into_iter().filter(|finding| !follows(finding)).map(|finding| {
        let place = sources.place(&finding.key);
        Problem::new(finding.problem, "").at(place, &finding.key)
    });
    list.extend(placed);
    list.sort_by_key(|problem| problem.line);
    list
}

/// Whether the key is this table, or in it.
pub(super) fn is_in(table: &str, key: &str) -> bool {
    key.strip_prefix(table).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The system's texts begin with a capital letter; ours name encodings.
fn text_of(error: &io::Error) -> String {
    if error.get_ref().is_some() { error.to_string() } else { error.to_string().to_lowercase() }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for PlacedProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.problem)?;
        if !self.remedy.is_empty() {
            write!(formatter, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl Finding {
    /// The whole key as TOML writes it, `plugins.chat.grants`; it need not be in the file.
    pub(crate) fn new(key: &str, problem: impl Into<String>) -> Self {
        Self { key: key.to_owned(), problem: problem.into(), because_of: None }
    }

    /// The finding only follows from a problem of this key, if there is one.
    pub(crate) fn because_of(self, key: String) -> Self {
        Self { because_of: Some(key), ..self }
    }
}

impl Problem {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }

    pub(super) fn at(self, (line, place): (usize, String), key: &str) -> PlacedProblem {
        PlacedProblem { line, place, key: key.to_owned(), problem: self.problem, remedy: self.remedy }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.problem, self.remedy)
    }
}
