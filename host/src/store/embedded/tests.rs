//! What the store in a file promises beside what every kind does.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::file::Write;
use super::usage::{PluginQuota, Quotas};
use super::{Embedded, folder};
use crate::fixed_limits::STORE_OPERATIONS_MAX;
use crate::store::Store;
use crate::store::operation::Operation;

fn store(name: &str) -> Embedded {
    Embedded::open(&folder(name).join("store.redb")).unwrap()
}

/// A store whose time stands still unless the test moves it.
fn timed(path: &Path) -> (Embedded, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(1_000));
    let clock = time.clone();
    (Embedded::open_with(path, Arc::new(move || clock.load(Ordering::SeqCst)), Quotas::NONE).unwrap(), time)
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn what_has_expired_is_swept() {
    let (store, time) = timed(&folder("ttl").join("store.redb"));
    let ttl = Some(Duration::from_millis(500));
    for key in ["one", "two"] {
        store.set("b", key, bytes("7"), ttl).await.unwrap();
    }
    store.set("b", "stays", bytes("8"), None).await.unwrap();
    time.store(1_500, Ordering::SeqCst);

    assert!(store.open.file.has_expired(1_500));
    store.open.file.commit(&[], true).unwrap();
    assert!(!store.open.file.has_expired(u64::MAX), "what is new does not expire");
    assert_eq!(store.scan("b", "", None, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn values_survive_a_restart_and_a_write_is_done_although_its_future_is_dropped() {
    let path = folder("restart").join("deep").join("store.redb");
    let store = Embedded::open(&path).unwrap();
    drop(store.set("b", "k", bytes("1"), None));
    drop(store);
    let store = Embedded::open(&path).unwrap();
    assert_eq!(store.get("b", "k").await.unwrap(), Some(bytes("1")));
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_reported_with_its_name_and_a_remedy() {
    let folder = folder("bad-file");
    let told = |path: &Path| Embedded::open(path).err().unwrap().to_string();
    let path = folder.join("store.redb");

    let store = Embedded::open(&path).unwrap();
    let error = told(&path);
    let by = format!("the process {} ", std::process::id());
    assert!(error.contains("store.redb") && error.contains(&by) && error.contains("[store]"), "{error}");
    for number in 0..200 {
        let (key, operation) = (number.to_string(), Operation::Set { value: vec![7; 1_000], ttl: None });
        let write = Write { bucket: "b", key: &key, operation: &operation, quota: None };
        store.open.file.commit(&[write], false).unwrap();
    }
    drop(store);

    let mut damaged = std::fs::read(&path).unwrap();
    let middle = damaged.len() / 2;
    let sound = damaged.clone();
    for range in [0..64, middle - 100_000..middle + 100_000] {
        damaged.copy_from_slice(&sound);
        damaged[range].fill(0xA5);
        std::fs::write(&path, &damaged).unwrap();
        let error = told(&path);
        assert!(error.contains("store.redb") && error.contains("damaged") && error.contains("restore it"), "{error}");
    }
    std::fs::write(&path, "this is no store at all, but a text that somebody put there").unwrap();
    let error = told(&path);
    assert!(error.contains("damaged"), "{error}");
    assert!(told(&folder).contains("folder"), "{}", told(&folder));
}

#[tokio::test]
async fn a_file_that_failed_is_opened_again() {
    let store = store("reopen");
    store.set("b", "k", bytes("1"), None).await.unwrap();
    store.open.file.reopen();
    assert_eq!(store.get("b", "k").await.unwrap(), Some(bytes("1")));
    assert!(store.set("b", "k", bytes("2"), None).await.unwrap());
}

#[tokio::test]
async fn what_memory_answers_is_what_the_file_has() {
    let (store, time) = timed(&folder("recent").join("store.redb"));
    let read = async |key: &str| store.get("b", key).await.unwrap();
    store.set("b", "k", bytes("1"), Some(Duration::from_millis(500))).await.unwrap();
    assert_eq!((read("k").await, read("k").await), (Some(bytes("1")), Some(bytes("1"))));
    store.increment("b", "k", 1).await.unwrap();
    assert_eq!((read("k").await, read("k").await), (Some(bytes("2")), Some(bytes("2"))));
    time.store(1_500, Ordering::SeqCst);
    assert_eq!(read("k").await, None, "it has expired");

    store.set("b", "k", bytes("3"), None).await.unwrap();
    assert_eq!(read("k").await, Some(bytes("3")));
    store.open.file.reopen();
    assert_eq!(read("k").await, Some(bytes("3")));
    store.delete("b", "k").await.unwrap();
    assert_eq!(read("k").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_never_goes_behind_what_was_answered() {
    let store = Arc::new(store("read-your-writes"));
    store.set("b", "n", bytes("0"), None).await.unwrap();
    let answered = Arc::new(AtomicU64::new(0));
    let readers = (0..4).map(|_| {
        let (store, answered) = (store.clone(), answered.clone());
        tokio::spawn(async move {
            loop {
                let before = answered.load(Ordering::SeqCst);
                let read = String::from_utf8(store.get("b", "n").await.unwrap().unwrap()).unwrap();
                let read: u64 = read.parse().unwrap();
                assert!(read >= before, "{read} was read after {before} had been answered");
                if read == 200 {
                    break;
                }
                tokio::task::yield_now().await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for _ in 0..200 {
        let sum = store.increment("b", "n", 1).await.unwrap();
        answered.store(sum.unsigned_abs(), Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn the_bytes_of_a_file_are_counted_exactly_also_behind_a_restart_and_each_plugin_has_its_own_work_in_flight() {
    let path = folder("quotas").join("store.redb");
    let quotas = Quotas { file_bytes: 10_000, bucket_bytes: 4_000 };
    let open = || Embedded::open_with(&path, Arc::new(|| 1_000), quotas).unwrap();
    let code = async |store: &Embedded, bucket: &str, key: &str, bytes: usize| {
        store.set(bucket, key, vec![0; bytes], None).await.err().map(|error| error.to_string()).unwrap_or_default()
    };
    let store = open();
    for bucket in ["a", "b"] {
        assert_eq!(code(&store, bucket, "k", 3_900).await, "");
        assert!(code(&store, bucket, "other", 100).await.contains("bucket_bytes_max in [store]"));
    }
    assert!(code(&store, "c", "k", 3_000).await.contains("file_bytes_max in [store]"));
    drop(store);
    let store = open();
    assert!(code(&store, "c", "k", 3_000).await.contains("file_bytes_max in [store]"));
    assert!(store.delete("a", "k").await.unwrap());
    assert_eq!(code(&store, "c", "k", 3_000).await, "");
    let buckets = BTreeSet::from(["c".to_owned()]);
    let plugin = store.for_plugin(PluginQuota::new(3_500, Some(&buckets)));
    assert!(code(&plugin, "c", "more", 600).await.contains("store_bytes_max"));
    assert_eq!(code(&plugin, "c", "k", 2_000).await, "", "less than before");

    let other = store.for_plugin(PluginQuota::new(10_000, None));
    let asked: Vec<_> = (0..2 * STORE_OPERATIONS_MAX).map(|_| plugin.set("c", "k", vec![0; 10], None)).collect();
    // Their answers are of no interest; they count until they are done.
    drop(asked);
    assert_eq!(code(&other, "b", "k", 10).await, "");
}
