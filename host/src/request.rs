//! The HTTP request that opened a connection: the parts of it that the handshake shows to plugins.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;

use crate::fixed_limits::QUERY_NAMES_MAX;

/// The request of a handshake. An idle connection keeps it, so it is as long as the client wrote it, and no longer: what is in
/// it is taken apart when it is asked for.
#[derive(Debug)]
pub(crate) struct Request {
    /// Names in lower case, and values, in the order received: `name: value`, each with a line break behind it.
    headers: Box<str>,
    /// Path and query as they stood in the request line.
    pub(crate) url: Box<str>,
    /// The peer of the TCP connection.
    pub(crate) address: IpAddr,
    /// Whether the connection is encrypted. Always false, because TLS ends at a proxy.
    pub(crate) secure: bool,
}

impl Request {
    /// A request with these headers. A name has no colon, and neither has a line break, as HTTP has it.
    pub(crate) fn new<'a>(headers: impl Iterator<Item = (&'a str, Cow<'a, str>)>, url: &str, address: IpAddr) -> Self {
        let mut lines = String::new();
        for (name, value) in headers {
            lines.extend([name, ": ", &value, "\n"]);
        }
        Self { headers: lines.into(), url: url.into(), address, secure: false }
    }

    /// The names and values of the headers, in the order received.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.split_terminator('\n').filter_map(|line| line.split_once(": "))
    }

    /// The parameters of the query, decoded, in the order received.
    pub(crate) fn query(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        query_parameters(self.url.split_once('?').map_or("", |(_, query)| query))
    }
}

/// The parameters of a query, decoded: `a=1&b=x%20y`, with `+` for a space. What is not a valid escape stays as it is. What
/// stands behind the first thousand is ignored, as in Node's `querystring`.
pub(crate) fn query_parameters(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(QUERY_NAMES_MAX);
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('+') {
        return percent_decode_str(text).decode_utf8_lossy();
    }
    // No escape contains a `+`, so the order of the two does not matter.
    Cow::Owned(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{Request, query_parameters};
    use crate::fixed_limits::QUERY_NAMES_MAX;

    fn query(text: &str) -> Vec<(String, String)> {
        query_parameters(text).map(|(name, value)| (name.into(), value.into())).collect()
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_query_is_decoded_whatever_it_holds() {
        assert_eq!(query("a=%"), [pair("a", "%")]);
        assert_eq!(query("a=%4"), [pair("a", "%4")]);
        assert_eq!(query("a=%zz%+"), [pair("a", "%zz% ")]);
        assert_eq!(query("a=%ff"), [pair("a", "\u{fffd}")]);
        assert_eq!(query("&&=&a"), [pair("", ""), pair("a", "")]);
        assert_eq!(query(""), []);
        assert_eq!(query("EIO=4&x=a%20b+c%C3%a9&x=2=3"), [pair("EIO", "4"), pair("x", "a b cé"), pair("x", "2=3")]);
        assert_eq!(query(&"a&".repeat(QUERY_NAMES_MAX * 2)).len(), QUERY_NAMES_MAX);
    }

    #[test]
    fn a_request_has_the_headers_that_it_was_made_of() {
        let headers = [("host", "h:1"), ("x-empty", ""), ("x-colons", "a: b: c"), ("x-latin", "\u{85}é"), ("host", "again")];
        let named = headers.iter().map(|(name, value)| (*name, (*value).into()));
        let request = Request::new(named, "/socket.io/?a=1?2", IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(request.headers().collect::<Vec<_>>(), headers);
        assert_eq!(request.query().collect::<Vec<_>>(), [("a".into(), "1?2".into())]);
    }
}
