//! What clients may have of the server, per address and in total: connections, sessions, and handshakes in a second.
//!
//! Of IPv6 the first 64 bits count as the address: whoever has one has them all. Loopback addresses have no limits of their own, only
//! the totals: what runs on this machine is the operator's, tests and a proxy that is not configured as one included.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    fixed_limits::HANDSHAKE_BURST_S,
    limit_hits::LimitHit,
    steady_rate::{RateUse, SteadyRate},
};

/// Addresses in the table below which it is not searched for those that have nothing any more.
const SWEEP_FROM: usize = 1_024;

/// How much there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressLimits {
    pub(crate) connections: usize,
    pub(crate) sessions: usize,
    pub(crate) connections_per_address: usize,
    pub(crate) sessions_per_address: usize,
    /// Of one address.
    pub(crate) handshakes_per_second: usize,
}

impl Default for AddressLimits {
    fn default() -> Self {
        Self {
            connections: 100_000,
            sessions: 100_000,
            connections_per_address: 512,
            sessions_per_address: 256,
            handshakes_per_second: 30,
        }
    }
}

/// The counts of one engine.
pub(super) struct Addresses {
    limits: AddressLimits,
    handshakes: SteadyRate,
    connections: AtomicUsize,
    sessions: AtomicUsize,
    /// Held for one count, or for the sweep that follows on as many new addresses as the table had.
    table: Mutex<Table>,
}

struct Table {
    addresses: HashMap<IpAddr, Holding>,
    /// The length at which those that have nothing are removed.
    sweep_at: usize,
}

/// What one address has.
struct Holding {
    connections: usize,
    sessions: usize,
    handshakes: RateUse,
}

/// What a permit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permitted {
    Connection,
    Session,
}

/// One connection or session; its drop lowers the counts.
pub(super) struct Permit {
    addresses: Arc<Addresses>,
    permitted: Permitted,
    /// The address that it counts for, as far as one is known that has limits.
    address: Option<IpAddr>,
}

impl Addresses {
    pub(super) fn new(limits: AddressLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            handshakes: SteadyRate::new(limits.handshakes_per_second, limits.handshakes_per_second * HANDSHAKE_BURST_S),
            connections: AtomicUsize::new(0),
            sessions: AtomicUsize::new(0),
            table: Mutex::new(Table { addresses: HashMap::new(), sweep_at: SWEEP_FROM }),
        })
    }

    /// A permit for one more connection, which counts for no address yet; or the total that is reached.
    pub(super) fn connection(self: &Arc<Self>) -> Result<Permit, LimitHit> {
        self.permit(Permitted::Connection, self.limits.connections, LimitHit::Connections)
    }

    /// A permit for one more session of this address, or the limit that is reached.
    pub(super) fn session(self: &Arc<Self>, address: IpAddr) -> Result<Permit, LimitHit> {
        self.permit(Permitted::Session, self.limits.sessions, LimitHit::Sessions)?.of(address)
    }

    fn permit(self: &Arc<Self>, permitted: Permitted, max: usize, limit: LimitHit) -> Result<Permit, LimitHit> {
        // Relaxed, here and below: a number of its own. The permit lowers it again, also if it is one too many.
        let before = self.total(permitted).fetch_add(1, Ordering::Relaxed);
        let permit = Permit { addresses: Arc::clone(self), permitted, address: None };
        if before < max { Ok(permit) } else { Err(limit) }
    }

    fn total(&self, permitted: Permitted) -> &AtomicUsize {
        match permitted {
            Permitted::Connection => &self.connections,
            Permitted::Session => &self.sessions,
        }
    }

    fn count(&self, permitted: Permitted, address: IpAddr) -> Result<(), LimitHit> {
        let mut table = self.table();
        table.sweep();
        let holding = table.addresses.entry(address).or_insert_with(Holding::none);
        match permitted {
            Permitted::Connection if holding.connections >= self.limits.connections_per_address => {
                return Err(LimitHit::ConnectionsPerAddress);
            }
            Permitted::Session if holding.sessions >= self.limits.sessions_per_address => {
                return Err(LimitHit::SessionsPerAddress);
            }
            Permitted::Session if !holding.handshakes.take(&self.handshakes) => return Err(LimitHit::HandshakesPerSecond),
            Permitted::Connection => holding.connections += 1,
            Permitted::Session => holding.sessions += 1,
        }
        Ok(())
    }

    fn release(&self, permitted: Permitted, address: IpAddr) {
        if let Entry::Occupied(mut entry) = self.table().addresses.entry(address) {
            let holding = entry.get_mut();
            match permitted {
                Permitted::Connection => holding.connections -= 1,
                Permitted::Session => holding.sessions -= 1,
            }
            if holding.is_none() {
                entry.remove();
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Removes the addresses that have nothing any more and whose handshakes are long enough ago, when there may be many.
    fn sweep(&mut self) {
        if self.addresses.len() >= self.sweep_at {
            self.addresses.retain(|_, holding| !holding.is_none());
            self.sweep_at = SWEEP_FROM.max(2 * self.addresses.len());
        }
    }
}

impl Holding {
    fn none() -> Self {
        Self { connections: 0, sessions: 0, handshakes: RateUse::unused() }
    }

    fn is_none(&self) -> bool {
        self.connections == 0 && self.sessions == 0 && self.handshakes.is_unused()
    }
}

impl Permit {
    /// The permit as one of this address, or the limit of the address that is reached.
    pub(super) fn of(mut self, address: IpAddr) -> Result<Self, LimitHit> {
        let address = limited(address);
        if let Some(address) = address {
            self.addresses.count(self.permitted, address)?;
        }
        self.address = address;
        Ok(self)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.addresses.total(self.permitted).fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            self.addresses.release(self.permitted, address);
        }
    }
}

/// What counts as one address; `None` if it has no limits of its own.
pub(super) fn limited(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(address.into()),
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, time::Duration};

    use super::{AddressLimits, Addresses, Permit, SWEEP_FROM};
    use crate::{fixed_limits::HANDSHAKE_BURST_S, limit_hits::LimitHit};

    const LIMITS: AddressLimits = AddressLimits {
        connections: 3,
        sessions: 1_000_000,
        connections_per_address: 2,
        sessions_per_address: 2,
        handshakes_per_second: 1,
    };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn refused<T>(result: Result<T, LimitHit>) -> LimitHit {
        result.err().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn counts_go_down_with_the_permits() {
        let addresses = Addresses::new(LIMITS);
        let connect = |text| addresses.connection().and_then(|permit| permit.of(address(text)));
        let first = connect("192.0.2.1").unwrap();
        let second = connect("::ffff:192.0.2.1").unwrap();
        assert_eq!(refused(connect("192.0.2.1")), LimitHit::ConnectionsPerAddress);
        let other = connect("192.0.2.2").unwrap();
        assert_eq!(refused(connect("192.0.2.3")), LimitHit::Connections);
        drop((first, other));
        let again = connect("192.0.2.1").unwrap();
        drop((second, again));
        assert!(addresses.table().addresses.is_empty());
        let sessions: Vec<Permit> = (0..2).map(|_| addresses.session(address("192.0.2.1")).unwrap()).collect();
        assert_eq!(refused(addresses.session(address("192.0.2.1"))), LimitHit::SessionsPerAddress);
        drop(sessions);
        assert!(addresses.session(address("192.0.2.1")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_an_ipv6_address_counts_and_loopback_does_not() {
        let addresses = Addresses::new(LIMITS);
        let held = ["2001:db8::1", "2001:db8::2"].map(|text| addresses.session(address(text)).unwrap());
        assert_eq!(refused(addresses.session(address("2001:db8::ffff:0:0:3"))), LimitHit::SessionsPerAddress);
        assert!(addresses.session(address("2001:db8:0:1::1")).is_ok());
        let local: Vec<_> = ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"]
            .iter()
            .cycle()
            .take(100)
            .map(|text| addresses.session(address(text)).unwrap())
            .collect();
        drop((held, local));
    }

    #[tokio::test(start_paused = true)]
    async fn handshakes_are_counted_although_their_sessions_end_and_then_forgotten() {
        let addresses = Addresses::new(LIMITS);
        let open = |text: &str| addresses.session(address(text)).map(drop);
        for _ in 0..HANDSHAKE_BURST_S {
            open("192.0.2.1").unwrap();
        }
        assert_eq!(refused(open("192.0.2.1")), LimitHit::HandshakesPerSecond);
        tokio::time::advance(Duration::from_secs(1)).await;
        open("192.0.2.1").unwrap();
        for number in 0..SWEEP_FROM {
            open(&format!("10.0.{}.{}", number / 256, number % 256)).unwrap();
        }
        assert!(addresses.table().addresses.len() > SWEEP_FROM);
        tokio::time::advance(Duration::from_secs(60)).await;
        for number in 0..=SWEEP_FROM {
            open(&format!("10.1.{}.{}", number / 256, number % 256)).unwrap();
        }
        assert!(addresses.table().addresses.len() <= SWEEP_FROM + 1);
    }
}
