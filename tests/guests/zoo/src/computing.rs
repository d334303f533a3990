//! Attacks on time.

use std::hint::black_box;
use std::time::Duration;

use innkeeper_plugin::bindings::innkeeper::plugin::calls;
use innkeeper_plugin::{Result, Socket, now_ms, random_bytes, sleep};
use serde_json::{Value, json};

pub(crate) fn spin_for_ever() -> ! {
    loop {
        black_box(());
    }
}

#[allow(clippy::panic, reason = "that is what it is for")]
pub(crate) fn break_down() -> ! {
    panic!("a detail of the plugin")
}

pub(crate) fn spin(_socket: &Socket) -> Result<Value> {
    spin_for_ever()
}

pub(crate) fn trap(_socket: &Socket) -> Result<Value> {
    break_down()
}

/// Computes for less than anybody's slice, and waits for a moment, again and again.
pub(crate) fn slices(_socket: &Socket) -> Result<Value> {
    loop {
        let end = now_ms() + 8;
        while now_ms() < end {}
        sleep(Duration::from_millis(1))?;
    }
}

pub(crate) fn naps(_socket: &Socket) -> Result<Value> {
    loop {
        sleep(Duration::ZERO)?;
    }
}

/// The host computes, and not the guest.
pub(crate) fn randomness(_socket: &Socket) -> Result<Value> {
    loop {
        black_box(random_bytes(32 << 20));
    }
}

pub(crate) fn recursion(_socket: &Socket) -> Result<Value> {
    Ok(json!(descend(black_box(0))))
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn descend(depth: u64) -> u64 {
    let local = black_box([depth; 64]);
    descend(depth + 1) + local.iter().sum::<u64>()
}

pub(crate) fn wait_for_millions(_socket: &Socket) -> Result<Value> {
    let tickets = vec![u64::MAX; 4_000_000];
    loop {
        calls::wait(black_box(&tickets));
    }
}
