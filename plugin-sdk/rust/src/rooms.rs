//! Names of rooms, in the shapes in which authors have them.

/// One room or several: a text, or a list of texts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name rooms",
    note = "give a text, or an array, slice or `Vec` of texts"
)]
pub trait Rooms {
    /// The names.
    fn into_rooms(self) -> Vec<String>;
}

impl Rooms for &str {
    fn into_rooms(self) -> Vec<String> {
        vec![self.to_owned()]
    }
}

impl Rooms for String {
    fn into_rooms(self) -> Vec<String> {
        vec![self]
    }
}

impl Rooms for &String {
    fn into_rooms(self) -> Vec<String> {
        vec![self.clone()]
    }
}

impl<S: Into<String>> Rooms for Vec<S> {
    fn into_rooms(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: Into<String>, const N: usize> Rooms for [S; N] {
    fn into_rooms(self) -> Vec<String> {
        self.into_iter().map(Into::into).collect()
    }
}

impl<S: AsRef<str>> Rooms for &[S] {
    fn into_rooms(self) -> Vec<String> {
        self.iter().map(|room| room.as_ref().to_owned()).collect()
    }
}

impl<S: AsRef<str>> Rooms for &Vec<S> {
    fn into_rooms(self) -> Vec<String> {
        self.as_slice().into_rooms()
    }
}
