//! The check of a request's `Origin` header.
//!
//! CORS does not cover websockets, and it does not stop a request from being executed; so the origin is checked here, on
//! both transports. A request without `Origin` passes, because native clients send none and a browser always does.
//!
//! Some clients outside of browsers do send one, made of the address that they connect to: `wss://example.com`. It means what
//! `https://example.com` does.

/// The origins whose pages may connect, besides the server's own.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    list: Vec<Allowed>,
    /// Whether a page may send cookies along (`Access-Control-Allow-Credentials`).
    pub(super) credentials: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    All,
    /// One origin, as `normal` has it.
    One(String),
    /// `https://*.example.com`: all subdomains, of any depth. Kept as `https://` and `.example.com`.
    Subdomains(String, String),
}

impl Origins {
    /// The list is as the configuration has it: `https://example.com`, `https://*.example.com`, `null`; `*` stands for all.
    pub(crate) fn new(list: &[String], credentials: bool) -> Self {
        Self { list: list.iter().map(|origin| Allowed::parse(origin)).collect(), credentials }
    }

    /// Whether every page may connect.
    pub(super) fn allows_all(&self) -> bool {
        self.list.contains(&Allowed::All)
    }

    /// Whether a request with these headers is allowed.
    pub(super) fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        if self.allows_all() {
            return true;
        }
        let origin = normal(origin);
        is_same_host(&origin, host) || self.list.iter().any(|allowed| allowed.is(&origin))
    }
}

impl Allowed {
    fn parse(listed: &str) -> Self {
        if listed == "*" {
            return Self::All;
        }
        let listed = normal(listed);
        match listed.split_once("*.") {
            Some((scheme, domain)) => Self::Subdomains(scheme.to_owned(), format!(".{domain}")),
            None => Self::One(listed),
        }
    }

    fn is(&self, origin: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => one == origin,
            Self::Subdomains(scheme, domain) => {
                let below = origin.strip_prefix(scheme.as_str()).and_then(|host| host.strip_suffix(domain.as_str()));
                below.is_some_and(is_subdomain)
            }
        }
    }
}

/// Whether this can stand before a domain: labels, with dots between them.
fn is_subdomain(text: &str) -> bool {
    text.split('.')
        .all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)))
}

/// The form in which origins are compared: lower case, the scheme of a page in place of that of a websocket, no default port, no
/// slash at the end.
fn normal(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let Some((scheme, rest)) = origin.split_once("://") else { return origin };
    let rest = rest.trim_end_matches('/');
    let (scheme, default_port) = match scheme {
        "http" | "ws" => ("http", Some(":80")),
        "https" | "wss" => ("https", Some(":443")),
        other => (other, None),
    };
    let rest = default_port.and_then(|port| rest.strip_suffix(port)).unwrap_or(rest);
    format!("{scheme}://{rest}")
}

/// Whether the page came from the host that it connects to. The scheme is not compared, because TLS may end at a proxy.
fn is_same_host(origin: &str, host: Option<&str>) -> bool {
    let (Some((scheme @ ("http" | "https"), page)), Some(host)) = (origin.split_once("://"), host) else { return false };
    !page.is_empty() && origin == normal(&format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use super::Origins;

    fn listed(origins: &[&str]) -> Origins {
        Origins::new(&origins.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>(), false)
    }

    #[test]
    fn only_listed_own_and_missing_origins_pass() {
        let good = listed(&["https://good.example"]);
        let host = Some("rt.example:3000");
        for refused in [
            "https://evil.example",
            "http://good.example",
            "https://good.example.evil",
            "https://good.example:8443",
            "ws://good.example",
            "null",
            "file://",
            "",
            "http://",
            "http://rt.example",
            "rt.example:3000",
            "file://rt.example:3000",
        ] {
            assert!(!good.allow(Some(refused), host), "{refused}");
        }
        assert!(!listed(&[]).allow(Some("https://good.example"), host));
        assert!(!listed(&[]).allow(Some("https://good.example"), None));
        for passes in [
            "https://good.example",
            "https://GOOD.example",
            "https://good.example:443",
            "wss://good.example",
            "wss://good.example:443",
            "http://rt.example:3000",
            "https://rt.example:3000",
            "wss://rt.example:3000",
        ] {
            assert!(good.allow(Some(passes), host), "{passes}");
        }
        assert!(good.allow(None, host));
        assert!(listed(&["*"]).allow(Some("null"), host));
    }

    #[test]
    fn the_own_host_may_have_its_default_port_on_either_side() {
        for (origin, host) in [
            ("https://a.example", "a.example:443"),
            ("wss://a.example", "a.example:443"),
            ("wss://a.example:443", "a.example"),
            ("ws://a.example", "a.example:80"),
            ("http://a.example:80", "A.example"),
            ("http://[::1]", "[::1]:80"),
        ] {
            assert!(listed(&[]).allow(Some(origin), Some(host)), "{origin} {host}");
        }
        for (origin, host) in [("wss://a.example", "a.example:80"), ("http://a.example", "a.example:443"), ("https://", "")] {
            assert!(!listed(&[]).allow(Some(origin), Some(host)), "{origin} {host}");
        }
    }

    #[test]
    fn what_is_no_page_on_the_web_passes_if_it_is_listed() {
        let devices = listed(&["null", "file://", "capacitor://localhost"]);
        for passes in ["null", "file://", "file:///", "capacitor://localhost"] {
            assert!(devices.allow(Some(passes), None), "{passes}");
        }
        assert!(!devices.allow(Some("file://x"), None));
        assert!(!devices.allow(Some("capacitor://other"), None));
    }

    #[test]
    fn a_star_stands_for_subdomains_of_any_depth() {
        let stars = listed(&["https://*.good.example", "http://*.local:8080"]);
        for passes in ["https://a.good.example", "https://A.b-1.good.example:443", "wss://a.good.example", "http://x.local:8080"]
        {
            assert!(stars.allow(Some(passes), None), "{passes}");
        }
        for refused in [
            "https://good.example",
            "https://.good.example",
            "https://evilgood.example",
            "http://a.good.example",
            "https://a.good.example:8443",
            "https://a.good.example.evil",
            "https://evil/.good.example",
            "https://evil@a.good.example",
            "https://evil:80.good.example",
            "http://x.local",
        ] {
            assert!(!stars.allow(Some(refused), None), "{refused}");
        }
    }
}
