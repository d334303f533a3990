//! Names of rooms of several nodes: one page of all of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::adapter::SocketId;

/// A page of the names that begin with a prefix, in the order of their bytes, behind another name.
pub(super) struct NamesPage {
    prefix: Box<str>,
    after: Option<Box<str>>,
    most: usize,
    names: BTreeSet<Arc<str>>,
}

impl NamesPage {
    /// The page as this node has it.
    pub(super) fn new(prefix: &str, after: Option<&str>, most: usize, names: Vec<Arc<str>>) -> Self {
        Self { prefix: prefix.into(), after: after.map(Into::into), most, names: names.into_iter().collect() }
    }

    /// Adds the rooms of another node, of which those of sockets are left out.
    pub(super) fn add(&mut self, rooms: Vec<String>) {
        let (prefix, after) = (&*self.prefix, self.after.as_deref());
        let is_wanted = |name: &String| {
            name.starts_with(prefix) && after.is_none_or(|after| name.as_str() > after) && SocketId::parse(name).is_none()
        };
        self.names.extend(rooms.into_iter().filter(is_wanted).map(Into::into));
    }

    /// The names.
    pub(super) fn finish(self) -> Vec<Arc<str>> {
        self.names.into_iter().take(self.most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::NamesPage;

    #[test]
    fn a_page_has_the_first_names_of_all_nodes_each_once() {
        let mut page = NamesPage::new("r", Some("r1"), 2, vec!["r2".into(), "r4".into()]);
        page.add(["r3", "r2", "r1", "other", "r-AAAAAAAAAAAAAAAAAAA", "rAAAAAAAAAAAAAAAAAAA"].map(str::to_owned).into());
        assert_eq!(page.finish().iter().map(ToString::to_string).collect::<Vec<_>>(), ["r2", "r3"]);
    }
}
