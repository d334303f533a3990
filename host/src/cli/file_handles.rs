//! The number of files that the process may have open: each connection takes one.

use crate::fixed_limits::HANDLES_RESERVED;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many of the handles connections may have, so that the store, static files and the internal interface have theirs also when
/// clients open as many connections as they can.
pub(super) fn for_connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    limit - HANDLES_RESERVED.min(limit / 2)
}

/// Raises the soft limit to the hard one, as Node does. Without that most systems allow 1,024, for the sake of old programs.
pub(super) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => tracing::debug!(?maximum, "the process may have so many files open"),
        Err(error) => tracing::debug!(%error, "the limit of open files cannot be raised"),
    }
}
