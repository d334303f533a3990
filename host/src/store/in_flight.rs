//! The operations in flight. Their number and their bytes are bounded, so that no plugin can fill the host's memory with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::error::StoreError;
use super::rules;
use crate::fixed_limits::{STORE_OPERATIONS_MAX, STORE_WAITING_BYTES_MAX};

/// The counts of operations and bytes. They only bound memory, so no order beyond their own is needed; at the bound, two operations at
/// once may both be refused.
#[derive(Default)]
pub(super) struct InFlight {
    operations: AtomicUsize,
    bytes: AtomicUsize,
}

/// The part of one operation, given back when it is dropped.
pub(super) struct InFlightPermit {
    in_flight: Arc<InFlight>,
    bytes: usize,
}

impl InFlight {
    pub(super) fn take(in_flight: &Arc<Self>, bytes: usize) -> Result<InFlightPermit, StoreError> {
        let permit = InFlightPermit { in_flight: in_flight.clone(), bytes };
        let operations = in_flight.operations.fetch_add(1, Ordering::Relaxed);
        let waiting = in_flight.bytes.fetch_add(bytes, Ordering::Relaxed);
        let limit = match () {
            () if operations >= STORE_OPERATIONS_MAX => "STORE_OPERATIONS_MAX",
            () if waiting + bytes > STORE_WAITING_BYTES_MAX => "STORE_WAITING_BYTES_MAX",
            () => return Ok(permit),
        };
        let message = format!(
            "the store has too much to do: at most {STORE_OPERATIONS_MAX} operations and {STORE_WAITING_BYTES_MAX} bytes wait at once"
        );
        Err(rules::limit(limit, message))
    }
}

impl Drop for InFlightPermit {
    fn drop(&mut self) {
        self.in_flight.operations.fetch_sub(1, Ordering::Relaxed);
        self.in_flight.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::InFlight;
    use crate::fixed_limits::{STORE_OPERATIONS_MAX, STORE_WAITING_BYTES_MAX};
    use std::sync::Arc;

    #[test]
    fn what_waits_is_bounded_and_given_back() {
        let in_flight = Arc::<InFlight>::default();
        let many: Vec<_> = (0..STORE_OPERATIONS_MAX).map(|_| InFlight::take(&in_flight, 0).unwrap()).collect();
        assert_eq!(InFlight::take(&in_flight, 0).err().unwrap().code(), "limit");
        drop(many);
        let large = InFlight::take(&in_flight, STORE_WAITING_BYTES_MAX).unwrap();
        assert_eq!(InFlight::take(&in_flight, 1).err().unwrap().code(), "limit");
        drop(large);
        assert!(InFlight::take(&in_flight, STORE_WAITING_BYTES_MAX).is_ok());
    }
}
