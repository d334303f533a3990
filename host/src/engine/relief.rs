//! What becomes of clients that do not read, or send more than is handled, when too much waits for all of them together, or for those
//! of one address.

use std::{cmp::Reverse, collections::HashMap, net::IpAddr, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{addresses, outbox::Outbox, server::Engine};
use crate::limit_hits::LimitHit;

/// How long after clients were disconnected the count is looked at again: the sessions need a moment to drop what they hold.
const PAUSE: Duration = Duration::from_millis(20);
/// So many pauses are made while only the addresses have to be looked at, since that means to look at every session.
const ADDRESS_PAUSES: u32 = 12;

impl Engine {
    /// Disconnects those clients for which the most waits, whenever too much waits. Never ends.
    pub(crate) async fn relieve_outboxes(self: Arc<Self>) {
        loop {
            self.waiting.exceeded().await;
            let excess = self.excess();
            let waits = self.registry.all().into_iter().map(|(address, outbox)| Wait::new(address, outbox));
            for (outbox, limit) in chosen(waits.collect(), excess, self.options.waiting_bytes_per_address_max) {
                outbox.relieve(limit);
            }
            for _ in 0..ADDRESS_PAUSES {
                sleep(PAUSE).await;
                if self.excess() > 0 {
                    break;
                }
            }
        }
    }

    /// The bytes that have to be freed of all that wait.
    fn excess(&self) -> usize {
        self.waiting.excess(self.options.waiting_bytes_max)
    }
}

/// What waits for one client, and of it.
struct Wait {
    bytes: usize,
    /// `None` if the address has no limits of its own.
    address: Option<IpAddr>,
    outbox: Arc<Outbox>,
}

impl Wait {
    fn new(address: IpAddr, outbox: Arc<Outbox>) -> Self {
        let (queued, received) = outbox.bytes();
        Self { bytes: queued + received, address: addresses::limited(address), outbox }
    }
}

/// The clients to be disconnected: of each address those for which the most waits, until the rest is within its bound, and then of
/// all clients, until `excess` bytes are freed. Clients on this machine have no bound of their own: a proxy may stand for any number.
fn chosen(mut waits: Vec<Wait>, mut excess: usize, per_address_max: usize) -> Vec<(Arc<Outbox>, LimitHit)> {
    waits.sort_unstable_by_key(|wait| Reverse(wait.bytes));
    let mut of_addresses: HashMap<Option<IpAddr>, usize> = HashMap::new();
    for wait in &waits {
        *of_addresses.entry(wait.address).or_default() += wait.bytes;
    }
    let (mut chosen, mut rest) = (Vec::new(), Vec::new());
    for wait in waits {
        let of_address = of_addresses.entry(wait.address).or_default();
        if *of_address > per_address_max && wait.address.is_some() {
            *of_address = of_address.saturating_sub(wait.bytes);
            excess = excess.saturating_sub(wait.bytes);
            chosen.push((wait.outbox, LimitHit::WaitingBytesPerAddress));
        } else {
            rest.push(wait);
        }
    }
    for wait in rest {
        if excess == 0 {
            break;
        }
        excess = excess.saturating_sub(wait.bytes);
        chosen.push((wait.outbox, LimitHit::WaitingBytes));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event_loops::EventLoops, waiting_bytes::WaitingBytes};

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));
    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    /// The indexes of the chosen clients, each with the limit.
    fn chosen_of(waits: &[(IpAddr, usize)], excess: usize, per_address_max: usize) -> Vec<(usize, LimitHit)> {
        let seat = EventLoops::here().place();
        let outbox = || Outbox::new(1, WaitingBytes::new(usize::MAX), true, 0, Arc::clone(seat.event_loop()));
        let outboxes: Vec<_> = waits.iter().map(|_| Arc::new(outbox())).collect();
        let wait = |((address, bytes), outbox): (&(IpAddr, usize), &Arc<Outbox>)| Wait {
            bytes: *bytes,
            address: addresses::limited(*address),
            outbox: Arc::clone(outbox),
        };
        let waits = waits.iter().zip(&outboxes).map(wait).collect();
        let index = |outbox: &Arc<Outbox>| outboxes.iter().position(|one| Arc::ptr_eq(one, outbox)).unwrap();
        chosen(waits, excess, per_address_max).iter().map(|(outbox, limit)| (index(outbox), *limit)).collect()
    }

    #[test]
    fn the_fullest_go_until_enough_is_freed() {
        let waits = [(ONE, 10), (OTHER, 40), (ONE, 30), (OTHER, 0)];
        assert_eq!(chosen_of(&waits, 0, 1_000), []);
        assert_eq!(chosen_of(&waits, 1, 1_000), [(1, LimitHit::WaitingBytes)]);
        assert_eq!(chosen_of(&waits, 41, 1_000), [(1, LimitHit::WaitingBytes), (2, LimitHit::WaitingBytes)]);
    }

    /// `waiting_bytes_per_address_max`.
    #[test]
    fn the_clients_of_one_address_have_a_bound_but_not_those_on_this_machine() {
        let waits = [(ONE, 10), (OTHER, 40), (ONE, 30), (ONE, 20), (LOOPBACK, 100)];
        assert_eq!(chosen_of(&waits, 0, 40), [(2, LimitHit::WaitingBytesPerAddress)]);
        assert_eq!(chosen_of(&waits, 30, 40), [(2, LimitHit::WaitingBytesPerAddress)], "that is enough");
        assert_eq!(chosen_of(&waits, 31, 40), [(2, LimitHit::WaitingBytesPerAddress), (4, LimitHit::WaitingBytes)]);
    }

    #[test]
    fn of_ipv6_the_network_counts_as_the_address() {
        let [one, same, other] = ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|text| text.parse().unwrap());
        assert_eq!(chosen_of(&[(one, 30), (same, 20), (other, 30)], 0, 40), [(0, LimitHit::WaitingBytesPerAddress)]);
    }
}
