//! Computes without end where the host enters a guest beside its exports: in `cabi_realloc`, by which the host gets memory for the
//! arguments of a call, and in the post-return function, which frees what an export returned.
//!
//! The toolchain writes both, and both use the allocator. So two lengths are special there: an allocation of the one and a
//! deallocation of the other do not return. They are the lengths of one event's arguments, which the host allocates, and of another
//! event's answer, which is deallocated when the host has read it.

#![expect(unsafe_code, reason = "an allocator of its own")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use innkeeper_plugin::{Plugin, Reply, Socket, export};

/// Bytes of the arguments that are never copied in.
const ARGUMENTS_BYTES: usize = 77_777;
/// Bytes of the answer that is never freed.
const ANSWER_BYTES: usize = 55_555;

/// Events that this instance has handled.
static EVENTS: AtomicU32 = AtomicU32::new(0);

struct Looping;

#[global_allocator]
static ALLOCATOR: Looping = Looping;

// SAFETY: it is the system's allocator, or does not return.
unsafe impl GlobalAlloc for Looping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() == ARGUMENTS_BYTES {
            compute();
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if layout.size() == ANSWER_BYTES {
            compute();
        }
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn compute() -> ! {
    loop {
        black_box(());
    }
}

fn plugin() -> Plugin {
    Plugin::new()
        .namespace("/looper")
        .on("length", |_: &Socket, text: String| Reply(text.len()))
        // With the brackets and the quotes.
        .on("answer", |_: &Socket, longer: usize| Reply("x".repeat(ANSWER_BYTES + longer - r#"[""]"#.len())))
        .on("events", |_: &Socket| Reply(EVENTS.fetch_add(1, Ordering::Relaxed) + 1))
}

export!(plugin);
