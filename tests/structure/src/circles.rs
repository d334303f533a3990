//! No circles: of two files of a crate, at most one needs the other.

use crate::graph::FileGraph;
use crate::sources::root;

/// The source folders that are looked at.
const CRATES: [&str; 3] = ["host/src", "plugin-sdk/rust/src", "wit/src"];

#[test]
fn no_circle_between_files() {
    for source in CRATES {
        let graph = FileGraph::read(&root().join(source));
        assert!(graph.files() > 10, "the sources of {source} were not found");
        let circles = graph.circles();
        assert!(circles.is_empty(), "{source}: each of these files needs each other:\n{}", circles.join("\n"));
        let grandparents = graph.grandparents();
        assert!(grandparents.is_empty(), "{source}: a path goes up two modules in {grandparents:?}; name it from `crate::`");
    }
}
