//! Tests of the sources themselves. They read files and build nothing, so that they take a second.

#![cfg(test)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests: what cannot be read fails them")]

mod circles;
mod graph;
mod limits;
mod modules;
mod sources;
mod words;
