//! The scripts, their keys and their arguments.

use crate::redis_link::{Script, script};
use crate::store::operation::Operation;

pub(super) static GET: Script = script!(concat!(include_str!("now.lua"), include_str!("get.lua")));
pub(super) static SCAN: Script = script!(concat!(include_str!("now.lua"), include_str!("scan.lua")));
pub(super) static WRITE: Script =
    script!(concat!(include_str!("now.lua"), include_str!("entries.lua"), include_str!("write.lua")));
pub(super) static SWEEP: Script =
    script!(concat!(include_str!("now.lua"), include_str!("entries.lua"), include_str!("sweep.lua")));

/// The keys of a bucket. What is in braces is the hash tag: in a Redis of several servers they are on one.
pub(super) fn keys(prefix: &str, bucket: &str) -> Vec<String> {
    ["values", "order", "expiries", "bytes"].map(|part| format!("{prefix}:{{store:{bucket}}}:{part}")).into()
}

/// What a write is, for its script: its name, its key and what it takes.
pub(super) fn arguments(operation: &Operation, key: &str) -> Vec<Vec<u8>> {
    let optional = |value: &Option<Vec<u8>>| {
        let is_there = if value.is_some() { "1" } else { "0" };
        [is_there.into(), value.clone().unwrap_or_default()]
    };
    let (name, rest): (&str, Vec<Vec<u8>>) = match operation {
        Operation::Set { value, ttl } => {
            let ttl = ttl.map(|ttl| ttl.as_millis().to_string()).unwrap_or_default();
            ("set", vec![value.clone(), ttl.into()])
        }
        Operation::Delete => ("delete", Vec::new()),
        Operation::Increment { by } => ("increment", vec![by.to_string().into()]),
        Operation::Swap { expected, value } => ("swap", [optional(expected), optional(value)].concat()),
    };
    [name.into(), key.into()].into_iter().chain(rest).collect()
}

/// The bounds of a scan, as `ZRANGEBYLEX` has them. Keys are UTF-8, in which there is no byte 255.
pub(super) fn range(prefix: &str, after: Option<&str>) -> (Vec<u8>, Vec<u8>) {
    let from = match after {
        Some(after) if after >= prefix => format!("({after}"),
        _ => format!("[{prefix}"),
    };
    (from.into(), [b"(", prefix.as_bytes(), &[u8::MAX]].concat())
}
