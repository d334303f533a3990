//! What every kind of store promises: the same list for the file, for memory and for Redis.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Store;
use super::embedded::usage::Quotas;
use super::embedded::{Embedded, folder};
use super::memory::Memory;
use super::redis::RedisStore;
use crate::redis_link::testing::TestRedis;

/// A store of each kind, whose time stands still unless the test moves it.
struct Each {
    stores: Vec<(Box<dyn Store>, Arc<AtomicU64>)>,
    /// Ended with the test.
    _redis: Option<TestRedis>,
}

async fn each(name: &str) -> Each {
    let timed = || {
        let time = Arc::new(AtomicU64::new(1_000));
        let clock = time.clone();
        (time, Arc::new(move || clock.load(Ordering::SeqCst)))
    };
    let ((file_time, file_clock), (memory_time, memory_clock)) = (timed(), timed());
    let file = Embedded::open_with(&folder(name).join("store.redb"), file_clock, Quotas::NONE).unwrap();
    let memory = Memory::new(1 << 20, memory_clock);
    let mut stores: Vec<(Box<dyn Store>, _)> = vec![(Box::new(file), file_time), (Box::new(memory), memory_time)];
    let redis = TestRedis::start(&[]);
    if let Some(redis) = &redis {
        let (time, clock) = timed();
        stores.push((Box::new(RedisStore::with_clock(redis.commands().await, name, usize::MAX, move || clock())), time));
    }
    Each { stores, _redis: redis }
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[tokio::test]
async fn values_are_set_read_and_deleted_bucket_by_bucket() {
    for (store, _time) in &each("values").await.stores {
        assert_eq!(store.get("a", "k").await.unwrap(), None);
        assert!(store.set("a", "k", bytes("1"), None).await.unwrap());
        assert!(store.set("b", "k", Vec::new(), None).await.unwrap());
        assert_eq!(store.get("a", "k").await.unwrap(), Some(bytes("1")));
        assert_eq!(store.get("b", "k").await.unwrap(), Some(Vec::new()));
        assert!(store.delete("a", "k").await.unwrap());
        assert!(!store.delete("a", "k").await.unwrap());
        assert_eq!(store.get("a", "k").await.unwrap(), None);
    }
}

#[tokio::test]
async fn changing_a_value_leaves_its_time_to_live() {
    for (store, time) in &each("keeps-ttl").await.stores {
        store.set("b", "n", bytes("1"), Some(Duration::from_millis(500))).await.unwrap();
        assert_eq!(store.increment("b", "n", 1).await.unwrap(), 2);
        assert!(store.compare_and_swap("b", "n", Some(bytes("2")), Some(bytes("3"))).await.unwrap());
        time.store(1_500, Ordering::SeqCst);
        assert_eq!(store.get("b", "n").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_swap_happens_only_if_the_value_is_the_expected_one() {
    for (store, _time) in &each("swap").await.stores {
        assert!(!store.compare_and_swap("b", "k", Some(bytes("x")), Some(bytes("1"))).await.unwrap());
        assert!(store.compare_and_swap("b", "k", None, Some(bytes("1"))).await.unwrap());
        assert!(!store.compare_and_swap("b", "k", None, Some(bytes("2"))).await.unwrap());
        assert!(!store.compare_and_swap("b", "k", Some(bytes("2")), None).await.unwrap());
        assert_eq!(store.get("b", "k").await.unwrap(), Some(bytes("1")));
        assert!(store.compare_and_swap("b", "k", Some(bytes("1")), None).await.unwrap());
        assert_eq!(store.get("b", "k").await.unwrap(), None);
    }
}

#[tokio::test]
async fn adding_at_once_loses_nothing_and_one_refusal_spoils_no_other() {
    for (store, _time) in &each("increment").await.stores {
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
}

#[tokio::test]
async fn a_scan_goes_in_the_order_of_bytes_behind_a_key_and_up_to_a_limit() {
    for (store, _time) in &each("scan").await.stores {
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
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    for (store, _time) in &each("bounds").await.stores {
        let long = "x".repeat(1_025);
        let large = vec![0; (1 << 20) + 1];
        assert_eq!(store.get("", "k").await.unwrap_err().code(), "limit");
        assert_eq!(store.delete("b", &long).await.unwrap_err().code(), "limit");
        assert_eq!(store.set("b", "k", large.clone(), None).await.unwrap_err().code(), "limit");
        assert_eq!(store.compare_and_swap("b", "k", None, Some(large)).await.unwrap_err().code(), "limit");
        assert_eq!(store.scan("b", "", None, 1_001).await.unwrap_err().code(), "limit");
    }
}

#[tokio::test]
async fn what_has_expired_is_absent_everywhere() {
    for (store, time) in &each("expired").await.stores {
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
        assert_eq!(store.scan("b", "", None, 10).await.unwrap().len(), 3);
    }
}
