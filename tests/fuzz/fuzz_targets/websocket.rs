//! Frames of a websocket, in pieces of any size.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| innkeeper_fuzz::websocket(data));
