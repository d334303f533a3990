//! One event for each operation of the store. Its ack has the value, or the code of the failure.

use std::time::Duration;

use innkeeper_plugin::{Plugin, Reply, Result, Socket, config, export, store};
use serde_json::{Map, Value, json};

fn plugin() -> Plugin {
    let asks = config::<Map<String, Value>>().unwrap_or_default().get("asks") != Some(&Value::Bool(false));
    let plugin = if asks { Plugin::new().capability("store") } else { Plugin::new() };
    plugin
        .on("get", |_: &Socket, bucket: String, key: String| reply(store::bucket(bucket).get::<Value>(&key)))
        .on("set", |_: &Socket, bucket: String, key: String, value: Value| reply(store::bucket(bucket).set(&key, &value)))
        .on("set-for", |_: &Socket, bucket: String, key: String, value: Value, milliseconds: u64| {
            reply(store::bucket(bucket).set_for(&key, &value, Duration::from_millis(milliseconds)))
        })
        .on("delete", |_: &Socket, bucket: String, key: String| reply(store::bucket(bucket).delete(&key)))
        .on("increment", |_: &Socket, bucket: String, key: String, by: i64| reply(store::bucket(bucket).increment(&key, by)))
        .on("swap", |_: &Socket, bucket: String, key: String, expected: Option<Value>, value: Option<Value>| {
            reply(store::bucket(bucket).compare_and_swap(&key, expected.as_ref(), value.as_ref()))
        })
        .on("scan", |_: &Socket, bucket: String, prefix: String, after: Option<String>, limit: u32| {
            reply(store::bucket(bucket).scan::<Value>(&prefix, after.as_deref(), limit))
        })
        .on("bytes", bytes)
        .on("set-and-fail", set_and_fail)
}

fn reply<T: serde::Serialize>(result: Result<T>) -> Result<Reply<Value>> {
    Ok(Reply(match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "code": error.code_str(), "message": error.message() }),
    }))
}

/// Not JSON, and back.
fn bytes(_socket: &Socket, key: String) -> Result<Reply<Value>> {
    let bucket = store::bucket("bytes");
    bucket.set_bytes(&key, &[0, 255, 10], None)?;
    reply(bucket.get_bytes(&key))
}

/// The emit before the question is sent with it. The emit after it is dropped, and the value stays.
fn set_and_fail(socket: &Socket, key: String) -> Result<()> {
    socket.emit("before", ())?;
    store::bucket("users").set(&key, "kept")?;
    socket.emit("after", ())?;
    Err("no")?
}

export!(plugin);
