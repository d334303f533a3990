//! Sessions, counted as they are opened, upgraded and closed.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::reason::DisconnectReason;

const POLLING: &str = "polling";
const WEBSOCKET: &str = "websocket";

/// Counts of sessions. Each is relaxed, a number of its own: what is open is their difference, and may be off by one while a
/// session begins or ends.
#[derive(Debug, Default)]
pub(crate) struct SessionCounters {
    polling: TransportCounters,
    websocket: TransportCounters,
    upgraded: AtomicU64,
}

/// The sessions of one transport.
#[derive(Debug, Default)]
struct TransportCounters {
    opened: AtomicU64,
    /// One for each reason.
    closed: [AtomicU64; DisconnectReason::ALL.len()],
}

impl SessionCounters {
    pub(super) fn opened(&self, is_websocket: bool) {
        self.of(is_websocket).opened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn upgraded(&self) {
        self.upgraded.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn closed(&self, is_websocket: bool, reason: DisconnectReason) {
        if let Some(closed) = self.of(is_websocket).closed.get(reason as usize) {
            closed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many sessions are open, by transport.
    pub(crate) fn open(&self) -> [(&'static str, u64); 2] {
        let [(_, polling), (_, websocket)] = self.all_opened();
        let upgraded = self.all_upgraded();
        let open = |opened: u64, closed: u64| opened.saturating_sub(closed);
        [
            (POLLING, open(polling, self.polling.all_closed() + upgraded)),
            (WEBSOCKET, open(websocket + upgraded, self.websocket.all_closed())),
        ]
    }

    /// How many sessions were opened, by the transport of their handshake.
    pub(crate) fn all_opened(&self) -> [(&'static str, u64); 2] {
        let opened = |counters: &TransportCounters| counters.opened.load(Ordering::Relaxed);
        [(POLLING, opened(&self.polling)), (WEBSOCKET, opened(&self.websocket))]
    }

    /// How many sessions went from polling to a websocket.
    pub(crate) fn all_upgraded(&self) -> u64 {
        self.upgraded.load(Ordering::Relaxed)
    }

    /// How many sessions were closed, by transport and reason. Reasons that no session has are left out.
    pub(crate) fn all_closed(&self) -> Vec<(&'static str, &'static str, u64)> {
        let of = |transport, counters: &'_ TransportCounters| {
            let closed = DisconnectReason::ALL.iter().zip(&counters.closed);
            let closed = closed.map(|(reason, closed)| (transport, reason.as_str(), closed.load(Ordering::Relaxed)));
            closed.collect::<Vec<_>>()
        };
        let all = [of(POLLING, &self.polling), of(WEBSOCKET, &self.websocket)];
        all.into_iter().flatten().filter(|(_, _, closed)| *closed > 0).collect()
    }

    fn of(&self, is_websocket: bool) -> &TransportCounters {
        if is_websocket { &self.websocket } else { &self.polling }
    }
}

impl TransportCounters {
    fn all_closed(&self) -> u64 {
        self.closed.iter().map(|closed| closed.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::SessionCounters;
    use crate::reason::DisconnectReason;

    #[test]
    fn what_was_opened_is_open_until_it_is_closed() {
        let counters = SessionCounters::default();
        for is_websocket in [false, false, true] {
            counters.opened(is_websocket);
        }
        counters.upgraded();
        assert_eq!(counters.open(), [("polling", 1), ("websocket", 2)]);
        for reason in DisconnectReason::ALL {
            counters.closed(true, reason);
        }
        assert_eq!(counters.all_closed().len(), DisconnectReason::ALL.len());
        counters.closed(false, DisconnectReason::PingTimeout);
        assert!(counters.all_closed().contains(&("polling", "ping timeout", 1)));
        assert_eq!(counters.open()[0], ("polling", 0));
    }
}
