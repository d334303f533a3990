//! MessagePack as Node's `notepack.io` 3 writes and reads it, to and from JSON text with attachments. A leaf.
//!
//! Neither way builds a tree, and neither recurses: what other nodes send may be anything. JSON goes in as it was validated, with
//! placeholders where binary belongs, and comes out in the same form.

mod date;
mod outline;
mod reader;
#[cfg(test)]
mod tests;
mod tokens;
mod writer;

pub(crate) use reader::{DecodeError, Reader};
pub(crate) use writer::Writer;
