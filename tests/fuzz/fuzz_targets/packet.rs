//! Heads and bodies of Socket.IO packets.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| innkeeper_fuzz::packet(data));
