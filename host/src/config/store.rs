//! `[store]`: where the store is (in a file, or on the Redis of the adapter), what is in it from the start, and which buckets are in memory.

use std::path::{Path, PathBuf};

use super::adapter::prefix;
use super::field::BYTES;
use super::field::Field::{Bytes, Custom, Text};
use super::grants::bucket;
use super::key_spec::KeySpec;
use super::paths::{beside, existing_file, named_or_beside, shown};
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, once, text, word};

/// Beside the configuration.
const FILE: &str = "innkeeper.redb";
/// In the current directory, where there is no configuration.
const FILE_WITHOUT_CONFIGURATION: &str = ".innkeeper/store.redb";

/// Where the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorePlace {
    /// In a file of this machine.
    File,
    /// On the Redis of the adapter, for all nodes together.
    Redis,
}

const PLACES: [&str; 2] = ["file", "redis"];

/// Where the store is, and what is in it. The store is opened if the file is named here, or when a plugin is loaded that may use the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// Where the store is. Default: on Redis if there is one, else in the file.
    pub on: Option<StorePlace>,
    /// What all keys in Redis begin with, those of the limits of rate too.
    pub key: String,
    /// Relative to the configuration. Default `innkeeper.redb`; `.innkeeper/store.redb` without a configuration.
    pub path: Option<PathBuf>,
    /// A JSON file, `{"bucket": {"key": value}}`: at each start what is absent in the store is set. Default none.
    pub seed: Option<PathBuf>,
    /// The buckets that are kept in memory and not in the file.
    pub memory: Vec<String>,
    /// Bytes that all buckets in memory hold together.
    pub memory_bytes_max: usize,
    /// Bytes that the file holds.
    pub file_bytes_max: usize,
    /// Bytes that one bucket of the file holds.
    pub bucket_bytes_max: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            on: None,
            key: "innkeeper".to_owned(),
            path: None,
            seed: None,
            memory: Vec::new(),
            memory_bytes_max: 64 << 20,
            file_bytes_max: 4 << 30,
            bucket_bytes_max: 1 << 30,
        }
    }
}

impl StoreConfig {
    /// Where the store is.
    pub(super) fn place(&self, has_redis: bool) -> StorePlace {
        self.on.unwrap_or(if has_redis { StorePlace::Redis } else { StorePlace::File })
    }

    /// The store's file, given the configuration's own file.
    pub(super) fn file(&self, configuration: Option<&Path>) -> PathBuf {
        let name = if configuration.is_some() { FILE } else { FILE_WITHOUT_CONFIGURATION };
        named_or_beside(self.path.as_deref(), configuration, name)
    }
}

/// The keys of the section.
pub(super) const KEYS: &[KeySpec<StoreConfig>] = &[
    KeySpec::new(
        "on",
        |store: &mut StoreConfig| Custom { kind: "\"file\" or \"redis\"", value: store.on.map(|on| shown_place(on).into()) },
        "where the store is: \"file\", one of this server alone, or \"redis\", that of [adapter.redis], one for all servers. Without this key it is on Redis if [adapter.redis] is there",
    )
    .example("\"file\""),
    KeySpec::new(
        "key",
        |store: &mut StoreConfig| Text("text", &mut store.key, prefix),
        "what the keys in Redis begin with, those of the store and those of limits of rate: servers with the same one share both",
    ),
    KeySpec::new(
        "path",
        |store: &mut StoreConfig| Custom { kind: "file", value: store.path.as_deref().and_then(shown) },
        "the file of the store, relative to this file. Without this key it is innkeeper.redb beside this file, and made when a plugin is loaded that may use the store",
    )
    .example("\"data/innkeeper.redb\""),
    KeySpec::new(
        "seed",
        |store: &mut StoreConfig| Custom { kind: "JSON file", value: store.seed.as_deref().and_then(shown) },
        "values that are set at each start if the store does not have them yet: {bucket: {key: value}}",
    )
    .example("\"seed.json\""),
    KeySpec::new(
        "memory",
        |store: &mut StoreConfig| Custom { kind: "list of buckets", value: Some(store.memory.as_slice().into()) },
        "buckets that are kept in the memory of this server, and neither in the file nor on Redis: writes wait for no disk, and a restart begins without what was in them. Plugins use them like any other, with the same grants",
    )
    .example("[\"presence\"]"),
    KeySpec::new(
        "memory_bytes_max",
        |store: &mut StoreConfig| Bytes(&mut store.memory_bytes_max, BYTES),
        "bytes that all buckets in memory hold together; a write beyond them is refused",
    ),
    KeySpec::new(
        "file_bytes_max",
        |store: &mut StoreConfig| Bytes(&mut store.file_bytes_max, BYTES),
        "keys and values that the file holds, with what an entry costs besides; a write that would add to them is then refused. The file itself is larger, by up to half",
    ),
    KeySpec::new(
        "bucket_bytes_max",
        |store: &mut StoreConfig| Bytes(&mut store.bucket_bytes_max, BYTES),
        "the same for one bucket, so that no bucket takes all of the file; on Redis, where nothing but its own maxmemory bounds all together, too",
    ),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path, into: &mut StoreConfig) {
    let mut section = reader.section(root, "store");
    reader.set(&mut section, "on", &mut into.on, |raw| place(raw).map(Some));
    reader.set(&mut section, "path", &mut into.path, |raw| store_file(raw, file).map(Some));
    reader.set(&mut section, "seed", &mut into.seed, |raw| seed(raw, file).map(Some));
    if let Some(entry) = reader.entry(&mut section, "memory") {
        let mut seen = Vec::new();
        into.memory = reader.items(&entry, |raw| once(&mut seen, bucket(raw)?));
    }
    reader.read(&mut section, KEYS, into);
    reader.close(section);
}

fn place(raw: &RawValue) -> Result<StorePlace, Problem> {
    Ok(match word(raw, &PLACES, "place of the store")? {
        "redis" => StorePlace::Redis,
        _ => StorePlace::File,
    })
}

fn shown_place(place: StorePlace) -> &'static str {
    match place {
        StorePlace::File => "file",
        StorePlace::Redis => "redis",
    }
}

/// Reports what does not go together with `[adapter.redis]`.
pub(super) fn between(reader: &mut Reader<'_>, store: &StoreConfig, has_redis: bool) {
    if store.on == Some(StorePlace::Redis) && !has_redis && !reader.has("adapter.redis.url") {
        reader.problem("store.on", Problem::new("there is no Redis", "add url in [adapter.redis], or leave `on` out"));
    }
    if store.place(has_redis) == StorePlace::Redis && store.path.is_some() {
        let remedy = "leave `path` out; or, for a store of this server alone, write on = \"file\"";
        reader.problem("store.path", Problem::new("the store is on Redis, and has no file", remedy));
    }
}

fn store_file(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    let written = text(raw)?;
    let remedy = "name a file, or leave the key out";
    if written.is_empty() {
        return Err(Problem::new("\"\" is not a path", remedy));
    }
    let path = beside(file, &written);
    if path.is_dir() { Err(Problem::new(format!("{written:?} is a folder"), remedy)) } else { Ok(path) }
}

fn seed(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    let remedy = "correct the path, which is relative to the configuration, or leave the key out";
    existing_file(file, &text(raw)?, remedy)
}
