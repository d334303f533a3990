//! What the store on Redis promises beside what every kind does.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use innkeeper_contract::limits::{SCAN_BYTES_MAX, STORE_VALUE_BYTES_MAX};

use super::{RedisStore, SCAN_LOOKS};
use crate::redis_link::testing::TestRedis;
use crate::store::Store;
use crate::store::memory::Memory;

const TTL: Option<Duration> = Some(Duration::from_millis(500));

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

async fn timed(redis: &TestRedis, bucket_bytes: usize) -> (RedisStore, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(1_000));
    let clock = time.clone();
    let store = RedisStore::with_clock(redis.commands().await, "k", bucket_bytes, move || clock.load(Ordering::SeqCst));
    (store, time)
}

#[tokio::test]
async fn it_does_with_any_operations_what_the_store_in_memory_does() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let (store, time) = timed(&redis, usize::MAX).await;
    let clock = time.clone();
    let memory = Memory::new(1 << 30, Arc::new(move || clock.load(Ordering::SeqCst)));
    let mut random = 1_u64;
    // The same operations each time.
    let mut any = |below: u32| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(random >> 33).unwrap() % below
    };
    let texts = [
        "",
        "0",
        "-0",
        "+7",
        "007",
        "-9",
        "1.5",
        "x",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "\0\r\nÿ",
        "-",
        "00",
    ];
    let keys = ["", "a", "a\0", "a/1", "a/10", "b", "é", "}", "{x}"];
    for round in 0..5_000 {
        let (bucket, key) = (["b", "}{"][any(2) as usize], keys[any(9) as usize]);
        let mut text = || bytes(texts[any(14) as usize]);
        let (one, other) = (text(), text());
        let ttl = [None, None, TTL][any(3) as usize];
        let by = [1, -1, i64::MAX, i64::MIN, 1 << 53][any(5) as usize];
        let optional = |value: &Vec<u8>, is_there: u32| (is_there > 0).then(|| value.clone());
        let (expected, value) = (optional(&one, any(3)), optional(&other, any(3)));
        let shown = format!("{round}: {bucket:?} {key:?} {one:?} {other:?} {by} {ttl:?}");
        match any(7) {
            0 => assert_eq!(store.get(bucket, key).await, memory.get(bucket, key).await, "{shown}"),
            1 => assert_eq!(store.set(bucket, key, one.clone(), ttl).await, memory.set(bucket, key, one, ttl).await, "{shown}"),
            2 => assert_eq!(store.delete(bucket, key).await, memory.delete(bucket, key).await, "{shown}"),
            3 => assert_eq!(store.increment(bucket, key, by).await, memory.increment(bucket, key, by).await, "{shown}"),
            4 => assert_eq!(
                store.compare_and_swap(bucket, key, expected.clone(), value.clone()).await,
                memory.compare_and_swap(bucket, key, expected, value).await,
                "{shown}"
            ),
            5 => {
                let (prefix, after, limit) = (keys[any(9) as usize], [None, Some(key)][any(2) as usize], any(10));
                let found = store.scan(bucket, prefix, after, limit).await;
                assert_eq!(found, memory.scan(bucket, prefix, after, limit).await, "{shown} {prefix:?} {after:?} {limit}");
            }
            _ => drop(time.fetch_add(u64::from(any(300)), Ordering::SeqCst)),
        }
    }
    // What is left counts, and nothing else.
    for bucket in ["b", "}{"] {
        time.fetch_add(500, Ordering::SeqCst);
        store.shared.buckets.note(bucket, true).unwrap();
        store.shared.sweep_once().await;
        for key in keys {
            store.delete(bucket, key).await.unwrap();
        }
    }
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn the_time_is_that_of_redis() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let store = RedisStore::new(redis.commands().await, "k", usize::MAX);
    store.set("b", "short", bytes("1"), Some(Duration::from_millis(50))).await.unwrap();
    store.set("b", "long", bytes("1"), Some(Duration::from_secs(60))).await.unwrap();
    while store.get("b", "short").await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(store.get("b", "long").await.unwrap(), Some(bytes("1")));
    let expires: u64 = redis.cli(&["ZSCORE", "k:{store:b}:expiries", "long"]).parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let left = u128::from(expires) - now;
    assert!((1..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn the_bytes_of_each_bucket_are_bounded_and_what_has_expired_makes_room() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let (all, time) = timed(&redis, 4_000).await;
    let plugin = all.for_plugin(2_000);
    let code = async |store: &RedisStore, key: &str, bytes: usize, ttl| {
        store.set("b", key, vec![b'0'; bytes], ttl).await.err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(code(&all, "k", 1_000, TTL).await, "");
    assert_eq!(code(&plugin, "l", 900, None).await, "");
    assert!(code(&plugin, "m", 100, None).await.contains("store_bytes_max of the plugin"));
    assert!(code(&all, "m", 3_000, None).await.contains("bucket_bytes_max in [store]"));
    assert_eq!(code(&plugin, "k", 999, TTL).await, "", "less than before");
    assert!(plugin.compare_and_swap("b", "l", Some(vec![b'0'; 900]), Some(vec![0; 1_100])).await.is_err());
    time.store(1_500, Ordering::SeqCst);
    assert_eq!(code(&plugin, "m", 900, None).await, "");
    let nearly = 2_000 - 2 * (900 + 34) - 34;
    assert_eq!(code(&plugin, "n", nearly, None).await, "");
    assert_eq!(plugin.increment("b", "o", 1).await.unwrap_err().code(), "limit");
    assert_eq!(plugin.get("b", "o").await.unwrap(), None);
    assert_eq!(redis.cli(&["GET", "k:{store:b}:bytes"]), "2000");
}

#[tokio::test]
async fn large_values_many_that_have_expired_and_answers_of_any_size() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let (store, time) = timed(&redis, usize::MAX).await;
    let large: Vec<u8> = (0..STORE_VALUE_BYTES_MAX).map(|number| u8::try_from(number % 251).unwrap()).collect();
    for key in ["1", "2", "3"] {
        store.set("large", key, large.clone(), None).await.unwrap();
    }
    assert!(store.get("large", "2").await.unwrap().unwrap() == large);
    assert_eq!(store.scan("large", "", None, 10).await.unwrap().len(), 3);
    store.set("large", "4", vec![0; SCAN_BYTES_MAX - 3 * large.len()], None).await.unwrap();
    assert_eq!(store.scan("large", "", None, 10).await.unwrap_err().code(), "limit");

    let count = 2 * SCAN_LOOKS;
    for some in (0..count).collect::<Vec<_>>().chunks(1_000) {
        let asked: Vec<_> = some.iter().map(|number| store.set("b", &format!("{number:06}"), bytes("x"), TTL)).collect();
        for answer in asked {
            answer.await.unwrap();
        }
    }
    store.set("b", "last", bytes("x"), None).await.unwrap();
    assert_eq!(store.scan("b", "", None, 1_000).await.unwrap().len(), 1_000);
    time.store(1_500, Ordering::SeqCst);
    assert_eq!(store.scan("b", "", None, 1_000).await.unwrap(), [("last".to_owned(), bytes("x"))]);
    // Nothing is written any more: the sweeps alone remove what has expired.
    for _ in 0..=count / 1_000 {
        store.shared.sweep_once().await;
    }
    assert_eq!(redis.cli(&["HLEN", "k:{store:b}:values"]), "1");
    assert_eq!(redis.cli(&["ZCARD", "k:{store:b}:expiries"]), "0");
}

#[tokio::test]
async fn a_redis_without_memory_takes_no_writes_and_changes_nothing_and_what_is_deleted_makes_room() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let (store, _time) = timed(&redis, usize::MAX).await;
    for key in ["1", "2"] {
        store.set("b", key, bytes("5"), None).await.unwrap();
    }
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let before = redis.cli(&["GET", "k:{store:b}:bytes"]);
    assert_eq!(store.set("b", "3", bytes("x"), None).await.unwrap_err().code(), "unavailable");
    assert_eq!(store.increment("b", "1", 1).await.unwrap_err().code(), "unavailable");
    assert_eq!(store.compare_and_swap("b", "1", Some(bytes("5")), Some(bytes("6"))).await.unwrap_err().code(), "unavailable");
    assert_eq!(redis.cli(&["GET", "k:{store:b}:bytes"]), before);
    assert_eq!(store.scan("b", "", None, 10).await.unwrap(), [("1".to_owned(), bytes("5")), ("2".to_owned(), bytes("5"))]);
    assert!(store.delete("b", "2").await.unwrap());
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(store.increment("b", "1", 1).await.unwrap(), 6);
    assert!(store.delete("b", "1").await.unwrap());
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
}
