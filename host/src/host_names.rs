//! The host that a request is for (RFC 9112, section 3.2), and the names that a listener serves.
//!
//! Names are checked against DNS rebinding: a page of another site gets its own name pointed at this server's address, and is then,
//! for the browser, a page of this server. It still sends its own name in `Host`.

use std::net::IpAddr;

use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Version};

/// The names that one listener serves. An address in place of a name always passes, and so does `localhost`: no name server decides
/// what they mean.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostNames {
    /// In lower case; one that begins with a dot stands for subdomains. `None`: any name.
    served: Option<Vec<String>>,
}

/// The request is malformed: it has no host, several, or one that is none.
#[derive(Debug)]
pub(crate) struct NoHost;

impl HostNames {
    /// `listed`: the operator's names, with `*.` for subdomains. Without any, a listener that only this machine reaches serves none.
    pub(crate) fn new(listed: &[String], address: IpAddr) -> Self {
        let name = |listed: &String| listed.to_ascii_lowercase().trim_start_matches('*').to_owned();
        let serves_any = listed.is_empty() && !address.is_loopback();
        Self { served: (!serves_any).then(|| listed.iter().map(name).collect()) }
    }

    /// Whether a request for this host is served.
    pub(crate) fn serve(&self, host: &Authority) -> bool {
        let Some(served) = &self.served else { return true };
        let name = host.host().trim_end_matches('.').to_ascii_lowercase();
        let is_address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_ok();
        let is_served = |served: &String| match served.starts_with('.') {
            true => name.len() > served.len() && name.ends_with(served.as_str()),
            false => *served == name,
        };
        is_address || name == "localhost" || served.iter().any(is_served)
    }
}

/// The host of a request: that of its target, if the target has one, else that of the header. A request of HTTP/1.0 may have none.
pub(crate) fn host_of(request: &Parts) -> Result<Option<Authority>, NoHost> {
    let header = header_of(&request.headers)?;
    match (request.uri.authority(), header) {
        (Some(authority), _) if authority.as_str().contains('@') => Err(NoHost),
        (_, None) if request.version >= Version::HTTP_11 => Err(NoHost),
        (Some(authority), _) => Ok(Some(authority.clone())),
        (None, header) => Ok(header),
    }
}

fn header_of(headers: &HeaderMap) -> Result<Option<Authority>, NoHost> {
    let mut values = headers.get_all(HOST).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(host), None) => {
            let host = Authority::try_from(host.as_bytes()).map_err(|_| NoHost)?;
            if host.as_str().contains('@') { Err(NoHost) } else { Ok(Some(host)) }
        }
        (Some(_), Some(_)) => Err(NoHost),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use hyper::http::uri::Authority;
    use hyper::{Request, Version};

    use super::{HostNames, host_of};

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const NETWORK: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

    fn names(listed: &[&str], address: IpAddr) -> HostNames {
        HostNames::new(&listed.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), address)
    }

    fn host(text: &str) -> Authority {
        text.parse().unwrap()
    }

    #[test]
    fn on_loopback_only_localhost_and_addresses_are_served() {
        let names = names(&[], LOOPBACK);
        for refused in ["evil.example", "evil.example:3001", "localhost.evil.example", "127.0.0.1.evil.example", "xlocalhost"] {
            assert!(!names.serve(&host(refused)), "{refused}");
        }
        for served in ["localhost", "LOCALHOST:3001", "localhost.", "127.0.0.1:3001", "[::1]:3001", "192.0.2.1"] {
            assert!(names.serve(&host(served)), "{served}");
        }
    }

    #[test]
    fn a_list_is_the_whole_of_it_on_every_address() {
        for address in [LOOPBACK, NETWORK] {
            let names = names(&["rt.example", "*.Apps.example"], address);
            for refused in ["evil.example", "rt.example.evil", "apps.example", "evilapps.example"] {
                assert!(!names.serve(&host(refused)), "{refused}");
            }
            for served in ["rt.example:443", "RT.example", "a.b.apps.example", "192.0.2.1:80", "localhost"] {
                assert!(names.serve(&host(served)), "{served}");
            }
        }
        assert!(names(&[], NETWORK).serve(&host("anything.example")));
    }

    #[test]
    fn a_request_has_exactly_one_host() {
        let host_of = |target: &str, version: Version, hosts: &[&str]| {
            let mut request = Request::builder().uri(target).version(version);
            for host in hosts {
                request = request.header("host", *host);
            }
            host_of(&request.body(()).unwrap().into_parts().0).map(|host| host.map(|host| host.to_string())).ok()
        };
        let (new, old) = (Version::HTTP_11, Version::HTTP_10);
        for hosts in [&[][..], &["a", "a"], &["a", "b"], &[""], &["a b"], &["a/b"], &["user@a"], &["a:x:1"]] {
            assert_eq!(host_of("/", new, hosts), None, "{hosts:?}");
        }
        assert_eq!(host_of("/", old, &[]), Some(None));
        assert_eq!(host_of("/", old, &["a", "b"]), None);
        assert_eq!(host_of("/", new, &["a:1"]), Some(Some("a:1".to_owned())));
        assert_eq!(host_of("http://b/", new, &["a"]), Some(Some("b".to_owned())));
        assert_eq!(host_of("http://b/", new, &[]), None);
        assert_eq!(host_of("http://user@b/", new, &["a"]), None);
    }
}
