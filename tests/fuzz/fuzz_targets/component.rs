//! The pass over a component before it is compiled.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| innkeeper_fuzz::component(data));
