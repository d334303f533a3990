//! Computes without end when it is instantiated: in a constructor, which runs before the first export is called.

#![cfg_attr(target_arch = "wasm32", expect(unsafe_code, reason = "a section of the linker's"))]

use innkeeper_plugin::{Plugin, export};

// In a component alone: cargo tests the crate on the developer's machine, too.
#[cfg(target_arch = "wasm32")]
// SAFETY: functions without arguments are what the section holds.
#[unsafe(link_section = ".init_array")]
#[used]
static CONSTRUCTOR: extern "C" fn() = {
    extern "C" fn compute() {
        loop {
            std::hint::black_box(());
        }
    }
    compute
};

fn plugin() -> Plugin {
    Plugin::new().namespace("/endless")
}

export!(plugin);
