//! Tests of the sources themselves. They read files and build nothing, so that they take a second.

#![cfg(test)]

mod circles;
mod graph;
mod limits;
mod modules;
mod pages;
mod sources;
mod words;
