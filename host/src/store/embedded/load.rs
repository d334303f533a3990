//! How much the store has to do: what is queued is bounded, so that no plugin can fill the host's memory with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::store::{StoreError, rules};

/// Reads and writes under way. A disk does some hundred commits a second, each with up to a thousand writes.
const OPERATIONS_MAX: usize = 10_000;
/// Of values that wait to be written.
const BYTES_MAX: usize = 64 << 20;

/// What is under way. The counts only bound memory, so no order beyond their own is needed; at the bound, two that ask at once may
/// both be refused.
#[derive(Default)]
pub(super) struct Load {
    operations: AtomicUsize,
    bytes: AtomicUsize,
}

/// One operation's part of it, given back when it is dropped.
pub(super) struct Share {
    load: Arc<Load>,
    bytes: usize,
}

impl Load {
    pub(super) fn take(load: &Arc<Self>, bytes: usize) -> Result<Share, StoreError> {
        let share = Share { load: load.clone(), bytes };
        let operations = load.operations.fetch_add(1, Ordering::Relaxed);
        let waiting = load.bytes.fetch_add(bytes, Ordering::Relaxed);
        if operations >= OPERATIONS_MAX || waiting + bytes > BYTES_MAX {
            return Err(rules::limit(format!(
                "the store has too much to do: at most {OPERATIONS_MAX} operations and {BYTES_MAX} bytes wait at once"
            )));
        }
        Ok(share)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.load.operations.fetch_sub(1, Ordering::Relaxed);
        self.load.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, Load, OPERATIONS_MAX};
    use std::sync::Arc;

    #[test]
    fn what_waits_is_bounded_and_given_back() {
        let load = Arc::<Load>::default();
        let many: Vec<_> = (0..OPERATIONS_MAX).map(|_| Load::take(&load, 0).unwrap()).collect();
        assert_eq!(Load::take(&load, 0).err().unwrap().code(), "limit");
        drop(many);
        let large = Load::take(&load, BYTES_MAX).unwrap();
        assert_eq!(Load::take(&load, 1).err().unwrap().code(), "limit");
        drop(large);
        assert!(Load::take(&load, BYTES_MAX).is_ok());
    }
}
