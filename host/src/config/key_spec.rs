//! The description of one key: its name, the field that it sets, and the reason for it.
//!
//! Type, range and default of a key come out of its [`Field`] and of the `Default` of what it sets.

use serde_json::Value;

use super::field::Field;

/// One key of a table that sets something in a `T`.
#[derive(Debug)]
pub(super) struct KeySpec<T: 'static> {
    pub(super) name: &'static str,
    pub(super) field: fn(&mut T) -> Field<'_>,
    /// The reason, for the operator, in one line and without a full stop.
    pub(super) why: &'static str,
    /// What it is called in Socket.IO's options.
    pub(super) socket_io: &'static str,
    /// The environment variable that overrides the file.
    pub(super) variable: &'static str,
    /// The flag that overrides the environment.
    pub(super) flag: &'static str,
    /// A value as TOML, where there is no default to show.
    pub(super) example: &'static str,
}

/// A key with its value, independent of the type that it sets.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Type and range in words.
    pub(super) kind: String,
    /// As the file would have it; a table of free content is an object. `None`: not set.
    pub(super) value: Option<Value>,
    pub(super) why: &'static str,
    pub(super) socket_io: &'static str,
    pub(super) variable: &'static str,
    pub(super) flag: &'static str,
    pub(super) example: &'static str,
}

impl<T> KeySpec<T> {
    pub(super) const fn new(name: &'static str, field: fn(&mut T) -> Field<'_>, why: &'static str) -> Self {
        Self { name, field, why, socket_io: "", variable: "", flag: "", example: "" }
    }

    /// What it is called in Socket.IO's options.
    pub(super) const fn socket_io(self, socket_io: &'static str) -> Self {
        Self { socket_io, ..self }
    }

    /// The environment variable that overrides the file.
    pub(super) const fn variable(self, variable: &'static str) -> Self {
        Self { variable, ..self }
    }

    /// The flag that overrides the environment.
    pub(super) const fn flag(self, flag: &'static str) -> Self {
        Self { flag, ..self }
    }

    /// A value as TOML, where there is no default to show.
    pub(super) const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    fn row(&self, owner: &mut T) -> Row {
        let field = (self.field)(owner);
        Row {
            name: self.name,
            kind: field.kind(),
            value: field.value(),
            why: self.why,
            socket_io: self.socket_io,
            variable: self.variable,
            flag: self.flag,
            example: self.example,
        }
    }
}

/// The keys with their values in `owner`.
pub(super) fn rows<T: Clone>(owner: &T, keys: &[KeySpec<T>]) -> Vec<Row> {
    // A field borrows its owner mutably; nothing is written to this copy.
    let mut owner = owner.clone();
    keys.iter().map(|key| key.row(&mut owner)).collect()
}
