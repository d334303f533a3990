//! Bodies of polling requests, and base64 of their binary packets.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| innkeeper_fuzz::payload(data));
