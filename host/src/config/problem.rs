//! What is wrong with a configuration: each problem with its place, its key and what to write instead.

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
            io::ErrorKind::NotFound => "give the right path with --config, or leave it out to start with the defaults",
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

/// The known word that is closest to what was written, if it is close enough to be meant: at most a third of it differs.
/// Socket.IO's spelling (`pingInterval`) and dashes count as the same word.
pub(super) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let written = plain(written);
    known
        .iter()
        .map(|word| (distance(&written, &plain(word)), *word))
        .filter(|(distance, word)| distance * 3 <= word.len().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

fn plain(word: &str) -> Vec<char> {
    let letters = word.chars().filter(|letter| !matches!(letter, '_' | '-'));
    letters.flat_map(char::to_lowercase).collect()
}

/// Levenshtein distance, where swapping two neighbours is one step too (`prot` is one step from `port`).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, letter) in left.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(&last, column) + usize::from(letter != other)).min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped = row > 0 && column > 0 && left.get(row - 1) == Some(other) && right.get(column - 1) == Some(letter);
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}
