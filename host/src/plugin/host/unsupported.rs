//! Parts of the contract that this host does not have yet. Each answers with the code `unsupported`, so that a plugin that is built
//! today runs unchanged when they are there. `docs/unsupported.md` lists them.

use innkeeper_contract::{Refusal, codes};

/// The refusal of all that belongs to `what`.
pub(crate) fn unsupported(what: &str) -> Refusal {
    Refusal::new(codes::UNSUPPORTED, format!("this host does not have {what} yet"))
}
