//! `[store]`: where the file of the embedded store is, and what is in it from the start.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::Config;
use super::field::Field::Custom;
use super::reader::{Reader, Section};
use super::schema::KeySpec;
use super::value::{Problem, RawValue, text};

/// Beside the configuration.
const FILE: &str = "innkeeper.redb";
/// In the current directory, where there is no configuration to be beside of.
const FILE_WITHOUT_CONFIGURATION: &str = ".innkeeper/store.redb";

/// Where the store is. It is opened if a file is named here, or when a plugin is loaded that may use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreConfig {
    /// Relative to the configuration. Default `innkeeper.redb`; `.innkeeper/store.redb` without a configuration.
    pub path: Option<PathBuf>,
    /// A JSON file, `{"bucket": {"key": value}}`: at each start what is absent in the store is set. Default none.
    pub seed: Option<PathBuf>,
}

impl StoreConfig {
    /// The store's file, with the configuration's own file at hand.
    pub(super) fn file(&self, configuration: Option<&Path>) -> PathBuf {
        match (&self.path, configuration) {
            (Some(path), _) => path.clone(),
            (None, Some(configuration)) => configuration.with_file_name(FILE),
            (None, None) => PathBuf::from(FILE_WITHOUT_CONFIGURATION),
        }
    }
}

/// The keys of the section.
pub(super) const KEYS: &[KeySpec<Config>] = &[
    KeySpec::new(
        "path",
        |config: &mut Config| Custom { kind: "file", value: shown(config.store.path.as_deref()) },
        "relative to this file; without it the store is innkeeper.redb beside this file, and opened when a plugin may use it",
    )
    .example("\"data/innkeeper.redb\""),
    KeySpec::new(
        "seed",
        |config: &mut Config| Custom { kind: "JSON file", value: shown(config.store.seed.as_deref()) },
        "at each start, what it has and the store has not is set: {bucket: {key: value}}",
    )
    .example("\"seed.json\""),
];

fn shown(path: Option<&Path>) -> Option<Value> {
    path.map(|path| Value::from(path.display().to_string()))
}

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path, into: &mut StoreConfig) {
    let mut section = reader.section(root, "store");
    reader.set(&mut section, "path", &mut into.path, |raw| beside(raw, file).map(Some));
    reader.set(&mut section, "seed", &mut into.seed, |raw| seed(raw, file).map(Some));
    reader.close(section);
}

fn beside(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    match text(raw)? {
        empty if empty.is_empty() => Err(Problem::new("\"\" is not a path", "name a file, or leave the key out")),
        written => Ok(file.parent().unwrap_or(Path::new("")).join(written)),
    }
}

fn seed(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    let path = beside(raw, file)?;
    if path.is_file() {
        return Ok(path);
    }
    let problem = format!("there is no file {:?}", path.display().to_string());
    Err(Problem::new(problem, "correct the path, which is relative to the configuration, or leave the key out"))
}
