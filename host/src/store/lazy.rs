//! A store that is opened when the first plugin is loaded that may use it, so that a host without such plugins leaves no file behind.
//! A plugin that may use nothing but buckets in memory needs no file either.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use super::api::Store;
use super::clock::{Clock, wall_clock};
use super::embedded::Embedded;
use super::embedded::usage::{PluginQuota, Quotas};
use super::error::StoreError;
use super::memory::Memory;
use super::redis::RedisStore;
use super::rules;
use super::split::Split;
use crate::text_file;

/// Entries of a seed in flight at once: more would be more than the store queues.
const SEED_AT_ONCE: usize = 1_000;

/// The same on Redis, each of which has a quarter of a second.
const SEED_AT_ONCE_ON_REDIS: usize = 50;
/// Between two tries to seed a Redis that is away.
const SEED_AGAIN: Duration = Duration::from_secs(1);

/// A seed: buckets, keys and values.
type Buckets = BTreeMap<String, BTreeMap<String, Box<RawValue>>>;

/// Where the store is, and the store once it is open.
pub(crate) struct LazyStore {
    path: PathBuf,
    seed: Option<PathBuf>,
    clock: Clock,
    in_memory: BTreeSet<String>,
    memory: Arc<Memory>,
    quotas: Quotas,
    open: OnceCell<Arc<Embedded>>,
    /// Where the store is if not in the file, and whether it was seeded.
    redis: Option<(RedisStore, OnceCell<()>)>,
}

impl LazyStore {
    /// `in_memory` are the buckets that are not in the file; all of them together hold at most so many bytes.
    pub(crate) fn new(path: PathBuf, seed: Option<PathBuf>, in_memory: &[String], memory_bytes_max: usize) -> Self {
        let clock = wall_clock();
        let memory = Arc::new(Memory::new(memory_bytes_max, clock.clone()));
        let in_memory = in_memory.iter().cloned().collect();
        Self { path, seed, clock, in_memory, memory, quotas: Quotas::NONE, open: OnceCell::new(), redis: None }
    }

    /// The same with another clock, in milliseconds since 1970.
    #[cfg(test)]
    pub(crate) fn with_clock(self, clock: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        let clock: Clock = Arc::new(clock);
        Self { memory: Arc::new(self.memory.with_clock(clock.clone())), clock, ..self }
    }

    /// The same with bounds of what the file holds, and of what one of its buckets does.
    pub(crate) fn with_quotas(self, file_bytes: usize, bucket_bytes: usize) -> Self {
        Self { quotas: Quotas { file_bytes, bucket_bytes }, ..self }
    }

    /// The same on Redis: there is no file.
    pub(crate) fn on_redis(self, store: RedisStore) -> Self {
        Self { redis: Some((store, OnceCell::new())), ..self }
    }

    /// The store for a plugin that may use these buckets, or all of them (`None`), with at most so many bytes in the file. The file is
    /// opened if one of them is in it.
    pub(crate) async fn for_plugin(
        &self,
        buckets: Option<&BTreeSet<String>>,
        bytes: usize,
    ) -> Result<Arc<dyn Store>, StoreError> {
        match buckets {
            Some(buckets) if buckets.iter().all(|bucket| self.in_memory.contains(bucket)) => Ok(self.memory.clone()),
            _ => {
                if let Some(redis) = self.redis().await? {
                    return Ok(self.beside_memory(Arc::new(redis.for_plugin(bytes))));
                }
                let file = self.file().await?.for_plugin(PluginQuota::new(bytes, buckets));
                Ok(self.beside_memory(Arc::new(file)))
            }
        }
    }

    /// The bytes of the file, if it is open, and of the buckets in memory.
    pub(crate) fn bytes(&self) -> (Option<u64>, usize) {
        // Asked of the system: the file grows by more than what is written.
        let file = self.open.get().and_then(|_| Some(std::fs::metadata(&self.path).ok()?.len()));
        (file, self.memory.bytes())
    }

    /// The store with all buckets, opened and seeded if it was not yet.
    pub(crate) async fn get(&self) -> Result<Arc<dyn Store>, StoreError> {
        match self.redis().await? {
            Some(redis) => Ok(self.beside_memory(Arc::new(redis.for_plugin(usize::MAX)))),
            None => Ok(self.beside_memory(self.file().await?.clone())),
        }
    }

    /// The store on Redis, if it is there, seeded, or soon to be.
    async fn redis(&self) -> Result<Option<&RedisStore>, StoreError> {
        let Some((store, seeded)) = &self.redis else { return Ok(None) };
        seeded.get_or_try_init(|| self.seed_redis(store)).await?;
        Ok(Some(store))
    }

    /// Seeds. While Redis is away the server starts all the same, and the seed follows.
    async fn seed_redis(&self, store: &RedisStore) -> Result<(), StoreError> {
        let Some(seed) = self.seed.clone() else { return Ok(()) };
        check_seed(&seed)?;
        let store = self.beside_memory(Arc::new(store.for_plugin(usize::MAX)));
        let try_once = async |store: &dyn Store, seed: &Path| match seed_absent(store, seed, SEED_AT_ONCE_ON_REDIS).await {
            Ok(set) => {
                tracing::info!(seed = %seed.display(), set, "store seeded");
                true
            }
            Err(_) => false,
        };
        if !try_once(&*store, &seed).await {
            tracing::error!(seed = %seed.display(), "the store is not seeded: Redis does not take the seed; it is tried again");
            // Ends when it is done, and with the runtime.
            tokio::spawn(async move {
                while !try_once(&*store, &seed).await {
                    tokio::time::sleep(SEED_AGAIN).await;
                }
            });
        }
        Ok(())
    }

    async fn file(&self) -> Result<&Arc<Embedded>, StoreError> {
        self.open.get_or_try_init(|| self.open()).await
    }

    fn beside_memory(&self, file: Arc<dyn Store>) -> Arc<dyn Store> {
        match self.in_memory.is_empty() {
            true => file,
            false => Arc::new(Split { names: self.in_memory.clone(), memory: self.memory.clone(), file }),
        }
    }

    async fn open(&self) -> Result<Arc<Embedded>, StoreError> {
        let (path, clock, quotas) = (self.path.clone(), self.clock.clone(), self.quotas);
        // Opening reads the whole file: after a crash to repair it, else to see that it is sound.
        let opened = tokio::task::spawn_blocking(move || Embedded::open_with(&path, clock, quotas)).await;
        let file = Arc::new(opened.map_err(|_| StoreError::Unavailable)??);
        if let Some(seed) = &self.seed {
            let set = seed_absent(&*self.beside_memory(file.clone()), seed, SEED_AT_ONCE).await?;
            tracing::info!(seed = %seed.display(), set, "store seeded");
        }
        tracing::info!(path = %self.path.display(), "store open");
        Ok(file)
    }
}

/// Sets what the seed file has and the store has not. Returns how many.
async fn seed_absent(store: &dyn Store, file: &Path, at_once: usize) -> Result<usize, StoreError> {
    let buckets = read_seed(file)?;
    let pairs: Vec<_> =
        buckets.iter().flat_map(|(bucket, entries)| entries.iter().map(move |(key, value)| (bucket, key, value))).collect();
    let mut set = 0;
    for some in pairs.chunks(at_once) {
        let asked = some.iter().map(|(bucket, key, value)| {
            (bucket, key, store.compare_and_swap(bucket, key, None, Some(value.get().as_bytes().to_vec())))
        });
        // Asked first, all of them, so that they share a commit.
        for (bucket, key, answer) in asked.collect::<Vec<_>>() {
            let wrote = answer.await.map_err(|error| problem(file, format!("{bucket:?} {key:?}: {error}")))?;
            set += usize::from(wrote);
        }
    }
    Ok(set)
}

/// Finds what is wrong with a seed file, without a store.
pub(crate) fn check_seed(file: &Path) -> Result<(), StoreError> {
    for (bucket, entries) in read_seed(file)? {
        for (key, value) in entries {
            let checked = rules::check_names(&bucket, &key).and_then(|()| rules::check_value(value.get().as_bytes()));
            checked.map_err(|error| problem(file, format!("{bucket:?} {key:?}: {error}")))?;
        }
    }
    Ok(())
}

fn read_seed(file: &Path) -> Result<Buckets, StoreError> {
    let text = text_file::read(file).map_err(|error| problem(file, error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| {
        problem(file, format!("{error}; write it like {{\"users\": {{\"1\": {{\"name\": \"Ann\"}}}}}}: buckets, keys, values"))
    })
}

fn problem(file: &Path, what: String) -> StoreError {
    StoreError::Seed { path: file.to_owned(), what }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{LazyStore, check_seed};
    use crate::store::embedded::folder;

    #[tokio::test]
    async fn a_seed_sets_what_is_absent_and_no_more() {
        let folder = folder("seed");
        let (path, seed) = (folder.join("store.redb"), folder.join("seed.json"));
        std::fs::write(&seed, r#"{"users": {"1": {"name": "Ann"}, "2": [1]}}"#).unwrap();
        for _ in 0..2 {
            let store = LazyStore::new(path.clone(), Some(seed.clone()), &[], 0).get().await.unwrap();
            store.set("users", "2", b"mine".to_vec(), None).await.unwrap();
            assert_eq!(store.get("users", "1").await.unwrap().unwrap(), br#"{"name": "Ann"}"#);
        }
        let store = LazyStore::new(path, Some(seed), &[], 0).get().await.unwrap();
        assert_eq!(store.get("users", "2").await.unwrap().unwrap(), b"mine");
    }

    fn buckets(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[tokio::test]
    async fn the_file_is_made_for_buckets_that_are_in_it_and_what_is_in_memory_is_seeded_too() {
        let folder = folder("in-memory");
        let (path, seed) = (folder.join("store.redb"), folder.join("seed.json"));
        std::fs::write(&seed, r#"{"presence": {"1": "here"}, "users": {"1": "Ann"}}"#).unwrap();
        let lazy = LazyStore::new(path.clone(), Some(seed), &["presence".to_owned()], 1_000);
        let presence = lazy.for_plugin(Some(&buckets(&["presence"])), 1 << 20).await.unwrap();
        presence.set("presence", "2", b"2".to_vec(), None).await.unwrap();
        assert!(!path.exists());

        let all = lazy.for_plugin(None, 1 << 20).await.unwrap();
        assert!(path.exists());
        assert_eq!(all.get("presence", "2").await.unwrap().unwrap(), b"2");
        assert_eq!(presence.get("presence", "1").await.unwrap().unwrap(), br#""here""#);
        let users = lazy.for_plugin(Some(&buckets(&["presence", "users"])), 1 << 20).await.unwrap();
        assert_eq!(users.get("users", "1").await.unwrap().unwrap(), br#""Ann""#);
    }

    #[tokio::test]
    async fn a_malformed_seed_is_reported_with_its_file() {
        let folder = folder("bad-seed");
        let seed = folder.join("seed.json");
        std::fs::write(&seed, "\u{feff}{}").unwrap();
        LazyStore::new(folder.join("marked.redb"), Some(seed.clone()), &[], 0).get().await.unwrap();
        for (text, told) in [("{", "eof"), (r#"{"users": 1}"#, "buckets, keys, values"), (r#"{"": {"a": 1}}"#, "1 to 64 bytes")] {
            std::fs::write(&seed, text).unwrap();
            let found = check_seed(&seed).unwrap_err().to_string();
            let error =
                LazyStore::new(folder.join("store.redb"), Some(seed.clone()), &[], 0).get().await.err().unwrap().to_string();
            assert!(error.contains("seed.json") && error.to_lowercase().contains(told), "{error}");
            assert_eq!(found, error);
        }
    }
}
