//! The contracts that this host speaks, one folder for each version that was ever released. The types that a version generates
//! occur in its folder alone.

pub(super) mod v0_1;
