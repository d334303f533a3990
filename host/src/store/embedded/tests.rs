//! What the embedded store promises.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::file::Operation;
use super::{Embedded, folder};
use crate::store::Store;

fn store(name: &str) -> Embedded {
    Embedded::open(&folder(name).join("store.redb")).unwrap()
}

/// A store whose time stands still unless the test moves it.
fn timed(path: &Path) -> (Embedded, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(1_000));
    let clock = time.clone();
    (Embedded::open_with(path, Arc::new(move || clock.load(Ordering::SeqCst))).unwrap(), time)
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn values_are_set_read_and_deleted_bucket_by_bucket() {
    let store = store("values");
    assert_eq!(store.get("a", "k").await.unwrap(), None);
    assert!(store.set("a", "k", bytes("1"), None).await.unwrap());
    assert!(store.set("b", "k", Vec::new(), None).await.unwrap());
    assert_eq!(store.get("a", "k").await.unwrap(), Some(bytes("1")));
    assert_eq!(store.get("b", "k").await.unwrap(), Some(Vec::new()));
    assert!(store.delete("a", "k").await.unwrap());
    assert!(!store.delete("a", "k").await.unwrap());
    assert_eq!(store.get("a", "k").await.unwrap(), None);
}

#[tokio::test]
async fn what_has_expired_is_absent_everywhere_and_is_swept() {
    let path = folder("ttl").join("store.redb");
    let (store, time) = timed(&path);
    let ttl = Some(Duration::from_millis(500));
    for key in ["deleted", "swapped", "counted", "read"] {
        store.set("b", key, bytes("7"), ttl).await.unwrap();
    }
    store.set("b", "stays", bytes("7"), ttl).await.unwrap();
    store.set("b", "stays", bytes("8"), None).await.unwrap();
    time.store(1_499, Ordering::SeqCst);
    assert_eq!(store.scan("b", "", None, 10).await.unwrap().len(), 5);

    time.store(1_500, Ordering::SeqCst);
    assert_eq!(store.get("b", "read").await.unwrap(), None);
    assert_eq!(store.scan("b", "", None, 10).await.unwrap(), [("stays".to_owned(), bytes("8"))]);
    assert!(!store.delete("b", "deleted").await.unwrap());
    assert!(!store.compare_and_swap("b", "swapped", Some(bytes("7")), None).await.unwrap());
    assert!(store.compare_and_swap("b", "swapped", None, Some(bytes("9"))).await.unwrap());
    assert_eq!(store.increment("b", "counted", 1).await.unwrap(), 1);

    assert!(store.file.has_expired(1_500));
    store.file.commit(&[], true).unwrap();
    assert!(!store.file.has_expired(u64::MAX), "what is new does not expire");
    assert_eq!(store.scan("b", "", None, 10).await.unwrap().len(), 3);
}

#[tokio::test]
async fn changing_a_value_leaves_its_time_to_live() {
    let (store, time) = timed(&folder("keeps-ttl").join("store.redb"));
    store.set("b", "n", bytes("1"), Some(Duration::from_millis(500))).await.unwrap();
    assert_eq!(store.increment("b", "n", 1).await.unwrap(), 2);
    assert!(store.compare_and_swap("b", "n", Some(bytes("2")), Some(bytes("3"))).await.unwrap());
    time.store(1_500, Ordering::SeqCst);
    assert_eq!(store.get("b", "n").await.unwrap(), None);
}

#[tokio::test]
async fn a_swap_happens_only_if_the_value_is_the_expected_one() {
    let store = store("swap");
    assert!(!store.compare_and_swap("b", "k", Some(bytes("x")), Some(bytes("1"))).await.unwrap());
    assert!(store.compare_and_swap("b", "k", None, Some(bytes("1"))).await.unwrap());
    assert!(!store.compare_and_swap("b", "k", None, Some(bytes("2"))).await.unwrap());
    assert!(!store.compare_and_swap("b", "k", Some(bytes("2")), None).await.unwrap());
    assert_eq!(store.get("b", "k").await.unwrap(), Some(bytes("1")));
    assert!(store.compare_and_swap("b", "k", Some(bytes("1")), None).await.unwrap());
    assert_eq!(store.get("b", "k").await.unwrap(), None);
}

#[tokio::test]
async fn adding_at_once_loses_nothing_and_one_refusal_spoils_no_other() {
    let store = store("increment");
    store.set("b", "text", bytes("\"one\""), None).await.unwrap();
    let asked: Vec<_> = (0..500).map(|_| store.increment("b", "n", 2)).collect();
    let refused = store.increment("b", "text", 1);
    let last = store.increment("b", "n", -1);
    for (number, answer) in (1..).zip(asked) {
        assert_eq!(answer.await.unwrap(), 2 * number);
    }
    assert_eq!(refused.await.unwrap_err().code(), "invalid");
    assert_eq!(last.await.unwrap(), 999);
}

#[tokio::test]
async fn a_scan_goes_in_the_order_of_bytes_behind_a_key_and_up_to_a_limit() {
    let store = store("scan");
    let keys = ["a", "b", "b/1", "b/10", "b/2", "b/é", "c"];
    let asked: Vec<_> = keys.iter().rev().map(|key| store.set("x", key, bytes(key), None)).collect();
    for answer in asked {
        answer.await.unwrap();
    }
    store.set("w", "b/0", Vec::new(), None).await.unwrap();
    store.set("y", "b/3", Vec::new(), None).await.unwrap();
    let found = async |prefix: &str, after: Option<&str>, limit| {
        let entries = store.scan("x", prefix, after, limit).await.unwrap();
        entries.into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(found("", None, 1_000).await, keys);
    assert_eq!(found("b/", None, 1_000).await, ["b/1", "b/10", "b/2", "b/é"]);
    assert_eq!(found("b/", None, 2).await, ["b/1", "b/10"]);
    assert_eq!(found("b/", Some("b/10"), 2).await, ["b/2", "b/é"]);
    assert_eq!(found("b/", Some("a"), 1).await, ["b/1"]);
    assert!(found("b/", Some("c"), 1_000).await.is_empty() && found("", None, 0).await.is_empty());
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let store = store("bounds");
    let long = "x".repeat(1_025);
    let large = vec![0; (1 << 20) + 1];
    assert_eq!(store.get("", "k").await.unwrap_err().code(), "limit");
    assert_eq!(store.delete("b", &long).await.unwrap_err().code(), "limit");
    assert_eq!(store.set("b", "k", large.clone(), None).await.unwrap_err().code(), "limit");
    assert_eq!(store.compare_and_swap("b", "k", None, Some(large)).await.unwrap_err().code(), "limit");
    assert_eq!(store.scan("b", "", None, 1_001).await.unwrap_err().code(), "limit");
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
    assert!(error.contains("store.redb") && error.contains("another program") && error.contains("[store]"), "{error}");
    for number in 0..200 {
        store.file.commit(&[("b", &number.to_string(), &Operation::Set { value: vec![7; 1_000], ttl: None })], false).unwrap();
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
    store.file.reopen();
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
    store.file.reopen();
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
