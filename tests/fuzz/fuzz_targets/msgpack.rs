//! What other nodes send, and what they get.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| innkeeper_fuzz::msgpack(data));
