//! The validator of JSON text, beside serde_json.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| innkeeper_fuzz::json(data));
