//! Who may come in: origins of pages, and how many sessions one address may have.
//!
//! CORS does not cover websockets, and it does not stop a request from being executed; so the origin is checked here, on
//! both transports. A missing Origin passes, because native clients send none and a browser always does.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Whose pages may connect, besides our own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    /// Origins like `https://example.com`; `*` stands for all.
    pub(crate) list: Vec<String>,
    /// Whether a page may send cookies along (`Access-Control-Allow-Credentials`).
    pub(crate) credentials: bool,
}

impl Origins {
    /// Whether every page may connect.
    pub(super) fn allows_all(&self) -> bool {
        self.list.iter().any(|allowed| allowed == "*")
    }

    /// Whether a request with these headers may go on.
    pub(super) fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        self.allows_all() || is_same_host(origin, host) || self.list.iter().any(|allowed| is_same_origin(allowed, origin))
    }
}

fn is_same_origin(allowed: &str, origin: &str) -> bool {
    allowed.trim_end_matches('/').eq_ignore_ascii_case(origin)
}

/// Whether the page came from the host that it now talks to. The scheme is not compared: TLS may end before us.
fn is_same_host(origin: &str, host: Option<&str>) -> bool {
    let Some((scheme, page)) = origin.split_once("://") else { return false };
    let Some(host) = host else { return false };
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |name: &'_ str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
    !page.is_empty() && bare(page) == bare(host)
}

/// Counts sessions per address.
pub(super) struct SessionsPerAddress {
    max: Option<usize>,
    /// HeldResponse for one count; empty unless there is a limit.
    counts: Mutex<HashMap<IpAddr, usize>>,
}

impl SessionsPerAddress {
    pub(super) fn new(max: Option<usize>) -> Arc<Self> {
        Arc::new(Self { max, counts: Mutex::default() })
    }

    /// A place for one more session of this address, given back when it is dropped; none when the address has enough.
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

/// One session's place among those of its address.
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

    use super::{Origins, SessionsPerAddress};

    #[test]
    fn only_listed_own_and_missing_origins_pass() {
        let listed = Origins { list: vec!["https://good.example".to_owned()], credentials: false };
        let host = Some("rt.example:3000");
        for refused in
            ["https://evil.example", "http://good.example", "null", "", "http://", "http://rt.example", "rt.example:3000"]
        {
            assert!(!listed.allow(Some(refused), host), "{refused}");
        }
        assert!(!Origins::default().allow(Some("https://good.example"), host));
        assert!(!Origins::default().allow(Some("https://good.example"), None));
        for passes in ["https://good.example", "https://GOOD.example", "http://rt.example:3000", "https://rt.example:3000"] {
            assert!(listed.allow(Some(passes), host), "{passes}");
        }
        assert!(listed.allow(None, host));
        assert!(Origins::default().allow(Some("https://a.example"), Some("a.example:443")));
        assert!(Origins::default().allow(Some("http://a.example:80"), Some("A.example")));
        let any = Origins { list: vec!["*".to_owned()], credentials: true };
        assert!(any.allow(Some("null"), host));
    }

    #[test]
    fn an_address_gets_its_place_back() {
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
