//! The file as written: tables, keys and values with the lines they stand on.
//!
//! A [`Reader`] gives one [`Section`] for each table. The code of a section lets the reader set all fields of its [`KeySpec`]s,
//! and reads by name those that need code of their own. Problems are collected, never returned, so that one bad value does not
//! hide the next; a value that cannot be read keeps its default, and the whole configuration is refused at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key_spec::KeySpec;
use super::problem::{PlacedProblem, Problem};
use super::socket_io::option_problem;
use super::sources::{Override, Sources};
use super::spelling::nearest;
use super::toml_text;
use super::value::RawValue;
use super::variables::{Environment, substitute, variables};

/// Reads one file and remembers what was wrong.
pub(super) struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    environment: Environment<'a>,
    /// With the offset of each, so that they are reported in the order of the file.
    problems: Vec<(usize, PlacedProblem)>,
    /// Lines that are not TOML. Further problems of such a line only follow from that.
    broken: BTreeSet<usize>,
    /// Where each key that was read by name stands, for the checks between keys.
    seen: BTreeMap<String, usize>,
    /// The variables and the overlays of the values, to show where they came from.
    sources: Sources,
    /// The names that may stand in the table of a path.
    known_keys: KnownKeys,
}

/// The names of the keys and tables that may stand in the table of this path.
pub(super) type KnownKeys = fn(&str) -> Vec<&'static str>;

/// One table of the file, or one that is not there: then every key is absent.
pub(super) struct Section<'t> {
    /// `plugins.chat`, as TOML writes it; empty for the file itself.
    path: String,
    table: Option<&'t DeTable<'t>>,
}

/// A key that is there, with its value.
pub(super) struct KeyValue<'t> {
    pub(super) key: String,
    value: &'t Spanned<DeValue<'t>>,
}

impl KeyValue<'_> {
    /// Whether the value is a list without items.
    pub(super) fn is_empty_list(&self) -> bool {
        self.value.get_ref().as_array().is_some_and(|list| list.is_empty())
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path, text: &'a str, environment: Environment<'a>, known_keys: KnownKeys) -> Self {
        let sources = Sources { file: file.display().to_string(), ..Sources::default() };
        Self {
            file,
            text,
            environment,
            problems: Vec::new(),
            broken: BTreeSet::new(),
            seen: BTreeMap::new(),
            sources,
            known_keys,
        }
    }

    /// Parses the text; what cannot be parsed becomes a problem and the rest is read on.
    pub(super) fn parse(&mut self) -> Spanned<DeTable<'a>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        let mut broken = BTreeSet::new();
        for error in errors {
            let span = error.span().unwrap_or_default();
            let problem = error.message().replace('\n', ", ");
            let (key, remedy) =
                if problem == "duplicate key" { (self.written(&span), "keep one of them") } else { (String::new(), "") };
            self.problem_at(span.start, &key, Problem::new(problem, remedy));
            broken.insert(self.line(span.start));
        }
        self.broken = broken;
        table
    }

    /// Sets every key that the file has, except those that have code of their own.
    pub(super) fn read<T>(&mut self, section: &mut Section<'_>, keys: &[KeySpec<T>], into: &mut T) {
        for key in keys {
            let field = (key.field)(into);
            if field.is_custom() {
                continue;
            }
            if let Some(entry) = self.entry(section, key.name) {
                self.value(&entry.key, entry.value, |raw| field.read(raw));
            }
        }
    }

    /// Sets `target` to the value in the file, if there is one.
    pub(super) fn set<T>(
        &mut self,
        section: &mut Section<'_>,
        name: &'static str,
        target: &mut T,
        read: impl FnOnce(&RawValue) -> Result<T, Problem>,
    ) {
        let Some(entry) = self.entry(section, name) else {
            return;
        };
        if let Some(value) = self.value(&entry.key, entry.value, read) {
            *target = value;
        }
    }

    /// The key of this name, if it is there.
    pub(super) fn entry<'t>(&mut self, section: &mut Section<'t>, name: &'static str) -> Option<KeyValue<'t>> {
        let (_, value) = section.table?.iter().find(|(key, _)| key.get_ref() == name)?;
        let entry = KeyValue { key: section.key(name), value };
        self.seen.insert(entry.key.clone(), value.span().start);
        Some(entry)
    }

    /// The table of this name, which may be absent.
    pub(super) fn section<'t>(&mut self, parent: &mut Section<'t>, name: &'static str) -> Section<'t> {
        match self.entry(parent, name) {
            Some(entry) => self.table(&entry),
            None => Section::new(parent.key(name), None),
        }
    }

    /// The tables in this table, in the order of the file: the operator chose their names.
    pub(super) fn named<'t>(&mut self, parent: &Section<'t>) -> Vec<(&'t str, Section<'t>)> {
        let mut entries: Vec<_> = parent.table.into_iter().flat_map(|table| table.iter()).collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut sections = Vec::new();
        for (name, value) in entries {
            let key = parent.key(name.get_ref());
            self.seen.insert(key.clone(), name.span().start);
            sections.push((name.get_ref().as_ref(), self.table(&KeyValue { key, value })));
        }
        sections
    }

    /// Each item of an array, or the one value that stands in its place; each that cannot be read is reported with its own line.
    pub(super) fn items<T>(&mut self, entry: &KeyValue<'_>, mut read: impl FnMut(&RawValue) -> Result<T, Problem>) -> Vec<T> {
        let Some(array) = entry.value.get_ref().as_array() else {
            return Vec::from_iter(self.value(&entry.key, entry.value, read));
        };
        let items = array.iter();
        items.filter_map(|item| self.value(&entry.key, item, &mut read)).collect()
    }

    /// A table of any content as a JSON object, with the variables of its strings put in.
    pub(super) fn json(&mut self, entry: &KeyValue<'_>) -> serde_json::Value {
        self.json_of(&entry.key, entry.value)
    }

    /// Reports every key that is unknown here.
    pub(super) fn close(&mut self, section: Section<'_>) {
        let known = (self.known_keys)(&section.path);
        for (name, _) in section.table.into_iter().flat_map(|table| table.iter()) {
            if known.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let unknown = || {
                let remedy = match nearest(name.get_ref(), &known) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("known here: {}", known.join(", ")),
                };
                Problem::new("unknown key", remedy)
            };
            let problem = option_problem(&section.path, name.get_ref()).unwrap_or_else(unknown);
            self.problem_at(name.span().start, &section.key(name.get_ref()), problem);
        }
    }

    /// Remembers a problem at a key that was read before.
    pub(super) fn problem(&mut self, key: &str, problem: Problem) {
        let offset = self.seen.get(key).copied().unwrap_or_default();
        self.problem_at(offset, key, problem);
    }

    /// Remembers a problem of the environment.
    pub(super) fn variable_problem(&mut self, name: &str, problem: Problem) {
        let problem = problem.at((usize::MAX, "environment".to_owned()), name);
        self.problems.push((usize::MAX, problem));
    }

    /// Whether the file has this key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.seen.contains_key(key)
    }

    /// The value of an environment variable that is set.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// Remembers that a key was set over the file.
    pub(super) fn over(&mut self, key: &str, over: Override) {
        self.sources.over.insert(key.to_owned(), over);
    }

    /// Where each value came from, and what was wrong.
    pub(super) fn finish(mut self) -> (Sources, Vec<PlacedProblem>) {
        let lines = self.seen.iter().map(|(key, offset)| (key.clone(), self.line(*offset)));
        let sources = Sources { lines: lines.collect(), ..self.sources.clone() };
        self.problems.sort_by_key(|(offset, _)| *offset);
        (sources, self.problems.into_iter().map(|(_, problem)| problem).collect())
    }

    /// Whether the value is a table; if not, that is reported.
    pub(super) fn is_table(&mut self, entry: &KeyValue<'_>) -> bool {
        let found = entry.value.get_ref();
        if found.is_table() {
            return true;
        }
        let problem = format!("a table is expected, not a value of type {}", found.type_str());
        let problem = Problem::new(problem, format!("begin it with [{}]", entry.key));
        self.problem_at(entry.value.span().start, &entry.key, problem);
        false
    }

    fn table<'t>(&mut self, entry: &KeyValue<'t>) -> Section<'t> {
        self.is_table(entry);
        Section::new(entry.key.clone(), entry.value.get_ref().as_table())
    }

    fn value<T>(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: impl FnOnce(&RawValue) -> Result<T, Problem>,
    ) -> Option<T> {
        self.note_variables(key, value);
        let raw = RawValue::new(value.get_ref(), self.environment);
        let read = raw.and_then(|raw| read(&raw));
        read.map_err(|problem| self.problem_at(value.span().start, key, problem)).ok()
    }

    fn note_variables(&mut self, key: &str, value: &Spanned<DeValue<'_>>) {
        let names = value.get_ref().as_str().map(variables).unwrap_or_default();
        if !names.is_empty() {
            self.sources.variables.entry(key.to_owned()).or_default().extend(names);
        }
    }

    fn json_of(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> serde_json::Value {
        self.seen.entry(key.to_owned()).or_insert(value.span().start);
        self.note_variables(key, value);
        let read = match value.get_ref() {
            DeValue::String(text) => substitute(text, self.environment).map(Into::into),
            DeValue::Boolean(truth) => Ok((*truth).into()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map(Into::into)
                .map_err(|_| Problem::new("the integer does not fit 64 bits", "write it as a string")),
            DeValue::Float(number) => finite(number.as_str()),
            DeValue::Datetime(time) => Ok(time.to_string().into()),
            DeValue::Array(array) => Ok(array.iter().map(|item| self.json_of(key, item)).collect()),
            DeValue::Table(table) => Ok(self.json_object(key, table).into()),
        };
        read.unwrap_or_else(|problem| {
            self.problem_at(value.span().start, key, problem);
            serde_json::Value::Null
        })
    }

    fn json_object(&mut self, path: &str, table: &DeTable<'_>) -> serde_json::Map<String, serde_json::Value> {
        let entries = table.iter().map(|(name, value)| {
            let key = format!("{path}.{}", toml_text::key(name.get_ref()));
            (name.get_ref().to_string(), self.json_of(&key, value))
        });
        entries.collect()
    }

    fn problem_at(&mut self, offset: usize, key: &str, problem: Problem) {
        let line = self.line(offset);
        if !self.broken.contains(&line) {
            let place = format!("{}:{line}", self.file.display());
            self.problems.push((offset, problem.at((line, place), key)));
        }
    }

    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    fn written(&self, span: &Range<usize>) -> String {
        self.text.get(span.clone()).unwrap_or_default().trim().to_owned()
    }
}

impl<'t> Section<'t> {
    /// The file itself.
    pub(super) fn root(table: &'t DeTable<'t>) -> Self {
        Self::new(String::new(), Some(table))
    }

    /// Whether the file has this table.
    pub(super) fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// A key of this table with the path before it, as TOML writes it.
    pub(super) fn key(&self, name: &str) -> String {
        let name = toml_text::key(name);
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    fn new(path: String, table: Option<&'t DeTable<'t>>) -> Self {
        Self { path, table }
    }
}

fn finite(text: &str) -> Result<serde_json::Value, Problem> {
    let number = text.parse().ok().and_then(serde_json::Number::from_f64);
    number.map(Into::into).ok_or_else(|| Problem::new(format!("{text} is not a number in JSON"), "leave it out"))
}
