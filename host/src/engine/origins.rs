//! The check of a request's `Origin` header.
//!
//! CORS does not cover websockets, and it does not stop a request from being executed; so the origin is checked here, on
//! both transports. A request without `Origin` passes, because native clients send none and a browser always does.

/// The origins whose pages may connect, besides the server's own.
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

    /// Whether a request with these headers is allowed.
    pub(super) fn allow(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        self.allows_all() || is_same_host(origin, host) || self.list.iter().any(|allowed| is_same_origin(allowed, origin))
    }
}

fn is_same_origin(allowed: &str, origin: &str) -> bool {
    allowed.trim_end_matches('/').eq_ignore_ascii_case(origin)
}

/// Whether the page came from the host that it connects to. The scheme is not compared, because TLS may end at a proxy.
fn is_same_host(origin: &str, host: Option<&str>) -> bool {
    let Some((scheme, page)) = origin.split_once("://") else { return false };
    let Some(host) = host else { return false };
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let bare = |name: &'_ str| name.strip_suffix(port).unwrap_or(name).to_ascii_lowercase();
    !page.is_empty() && bare(page) == bare(host)
}

#[cfg(test)]
mod tests {
    use super::Origins;

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
}
