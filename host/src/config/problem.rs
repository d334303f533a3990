//! What is wrong with a configuration: each problem with its place, its key and the remedy.

use std::fmt;
use std::io;
use std::path::Path;

/// Everything that is wrong, in the order of the file; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct Problems {
    list: Vec<PlacedProblem>,
}

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlacedProblem {
    /// `innkeeper.toml:12`, or the environment variable.
    pub(super) place: String,
    /// The whole key, `server.port`; empty where the text is not TOML.
    pub(super) key: String,
    /// What is wrong, with the offending value in quotes.
    pub(super) problem: String,
    /// What to do instead; empty where the problem says it already.
    pub(super) remedy: String,
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

    pub(super) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "give the right path with --config; `innkeeper config init` writes an example",
            _ => "make it readable for this user",
        };
        Self {
            list: vec![PlacedProblem {
                place: file.display().to_string(),
                key: String::new(),
                problem: error.to_string().to_lowercase(),
                remedy: remedy.to_owned(),
            }],
        }
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.list.len()
    }
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

impl Problem {
    pub(super) fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }

    pub(super) fn at(self, place: String, key: &str) -> PlacedProblem {
        PlacedProblem { place, key: key.to_owned(), problem: self.problem, remedy: self.remedy }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}; {}", self.problem, self.remedy)
    }
}
