//! The validator of JSON text, the same for text of clients and of guests.
//!
//! The validator walks the text once, without recursion and without building a tree, and accepts exactly one value. Accepted text can be
//! put into a packet as it stands: it cannot forge framing, and every client can parse it. With attachments the same walk
//! checks the placeholders that stand for them. (They are Socket.IO's, but a second walk over every binary packet would be the
//! price of checking them in `packet`.)

mod scan;
mod text;
mod validate;

pub(crate) use scan::{Invalid, ValueKind};
pub(crate) use text::{decode_string, push_string};
pub(crate) use validate::{array, array_with_name, object, value};
