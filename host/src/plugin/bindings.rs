//! The contracts that this host speaks, one module for each version that was ever released.

pub(crate) mod v0_1;
