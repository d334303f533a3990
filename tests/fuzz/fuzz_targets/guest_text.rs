//! Text of a guest in packets to clients.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| innkeeper_fuzz::guest_text(data));
