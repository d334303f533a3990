//! The limit on sessions of one address.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Counts sessions per address.
pub(super) struct SessionsPerAddress {
    max: Option<usize>,
    /// Held for one count. The table stays empty unless there is a limit.
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl SessionsPerAddress {
    pub(super) fn new(max: Option<usize>) -> Arc<Self> {
        Arc::new(Self { max, counts: Mutex::default() })
    }

    /// A permit for one more session of this address, returned when it is dropped. `None` when the address is at the limit.
    pub(super) fn acquire(self: &Arc<Self>, address: IpAddr) -> Option<AddressPermit> {
        let Some(max) = self.max else { return Some(AddressPermit(None)) };
        let mut counts = self.lock();
        let count = counts.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(AddressPermit(Some(Box::new((Arc::clone(self), address)))))
    }

    fn release(&self, address: IpAddr) {
        if let Entry::Occupied(mut count) = self.lock().entry(address) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A permit for one session; its drop lowers the count of the address.
pub(super) struct AddressPermit(Option<Box<(Arc<SessionsPerAddress>, IpAddr)>>);

impl Drop for AddressPermit {
    fn drop(&mut self) {
        if let Some((addresses, address)) = self.0.as_deref() {
            addresses.release(*address);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::SessionsPerAddress;

    #[test]
    fn the_count_of_an_address_goes_down_when_a_session_ends() {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let addresses = SessionsPerAddress::new(Some(1));
        let first = addresses.acquire(address);
        assert!(first.is_some());
        assert!(addresses.acquire(address).is_none());
        drop(first);
        assert!(addresses.lock().is_empty());
        assert!(addresses.acquire(address).is_some());
    }
}
