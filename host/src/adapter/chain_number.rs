//! Where the registry of plugins found the chain of a namespace.

use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a table of the registry, and the number of the chain in that table. It is kept with the namespace and goes with it, so
/// that the registry keeps nothing for each name that clients choose.
#[derive(Debug, Default)]
pub(crate) struct ChainNumber(AtomicU64);

impl ChainNumber {
    /// The number of the chain, if it was found in this table.
    pub(crate) fn get(&self, table: u32) -> Option<usize> {
        // Relaxed: the number alone says all, and the table that it is about is the reader's.
        let both = self.0.load(Ordering::Relaxed);
        let [a, b, c, d, chain @ ..] = both.to_be_bytes();
        let is_of_table = u32::from_be_bytes([a, b, c, d]) == table;
        if is_of_table { usize::try_from(u32::from_be_bytes(chain)).ok() } else { None }
    }

    /// The chain was found in this table.
    pub(crate) fn set(&self, table: u32, chain: usize) {
        if let Ok(chain) = u32::try_from(chain) {
            self.0.store(u64::from(table) << 32 | u64::from(chain), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ChainNumber;

    #[test]
    fn the_number_of_a_chain_is_that_of_one_table() {
        let number = ChainNumber::default();
        assert_eq!(number.get(1), None);
        number.set(1, 7);
        assert_eq!((number.get(1), number.get(2)), (Some(7), None));
        number.set(u32::MAX, 0);
        assert_eq!((number.get(1), number.get(u32::MAX)), (None, Some(0)));
    }
}
