//! The memory of one instance: the sum of all linear memories and tables of its core modules.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::engine::TABLE_ELEMENTS;
use super::parts::ComponentParts;
use crate::limit_hits::{LimitHit, LimitHits};

/// What one element of a table takes.
const TABLE_ELEMENT_BYTES: usize = size_of::<usize>();

/// An instance that has grown by more than this since it was made is large.
const LARGE: usize = 1 << 20;

/// Counts the memory of an instance, and refuses what is beyond its bound. A guest sees that as a `memory.grow` that fails.
pub(super) struct InstanceMemory {
    hits: Arc<LimitHits>,
    bytes: usize,
    /// What the instance had when it was made.
    first_bytes: usize,
    bytes_max: usize,
    /// What the last growth added, to be taken back if the system has no memory for it.
    grown: usize,
    parts: ComponentParts,
}

impl InstanceMemory {
    pub(super) fn new(bytes_max: usize, parts: ComponentParts, hits: Arc<LimitHits>) -> Self {
        Self { hits, bytes: 0, first_bytes: 0, bytes_max, grown: 0, parts }
    }

    /// The instance has been made: what it has now is what it needs.
    pub(super) fn set_first(&mut self) {
        self.first_bytes = self.bytes;
    }

    /// Whether the instance has grown by much since it was made.
    pub(super) fn is_large(&self) -> bool {
        self.bytes - self.first_bytes > LARGE
    }

    fn grow(&mut self, bytes: usize) -> bool {
        let sum = self.bytes.saturating_add(bytes);
        if sum > self.bytes_max {
            self.hits.hit(LimitHit::MemoryBytes);
            return false;
        }
        (self.bytes, self.grown) = (sum, bytes);
        true
    }

    fn take_back(&mut self) {
        self.bytes = self.bytes.saturating_sub(std::mem::take(&mut self.grown));
    }
}

impl ResourceLimiter for InstanceMemory {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(desired.saturating_sub(current)))
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let bytes = desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT_BYTES);
        Ok(desired <= TABLE_ELEMENTS && self.grow(bytes))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.parts.core_instances
    }

    fn memories(&self) -> usize {
        self.parts.memories
    }

    fn tables(&self) -> usize {
        self.parts.tables
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use wasmtime::ResourceLimiter;

    use super::InstanceMemory;
    use crate::plugin::parts::ComponentParts;

    #[test]
    fn memories_and_tables_count_together() {
        let mut memory = InstanceMemory::new(100_000, ComponentParts::default(), Arc::default());
        assert!(memory.memory_growing(0, 65_536, None).unwrap());
        assert!(!memory.memory_growing(0, 65_536, None).unwrap(), "a second memory");
        assert!(!memory.table_growing(0, 5_000, None).unwrap(), "40,000 bytes");
        assert!(memory.table_growing(0, 4_000, None).unwrap());
        assert!(!memory.table_growing(4_000, 4_500, None).unwrap());
    }

    #[test]
    fn what_the_system_has_no_memory_for_does_not_count() {
        let mut memory = InstanceMemory::new(100_000, ComponentParts::default(), Arc::default());
        assert!(memory.memory_growing(0, 65_536, None).unwrap());
        memory.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert!(memory.memory_growing(0, 65_536, None).unwrap());
    }
}
