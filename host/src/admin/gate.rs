//! Who may use the admin interface: programs of somebody who has the token, and no page of a browser.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue, ORIGIN};
use tokio::time::Instant;

use super::problem::{Problem, ProblemKind};
use super::token::Token;
use crate::fixed_limits::{REFUSAL_LINES_MAX, TOKEN_FAILURES_MAX};
use crate::limit_hits::{LimitHit, LimitHits};
use crate::log_limiter::LogLimiter;

const WINDOW: Duration = Duration::from_secs(60);

/// Decides about each request, from its headers alone.
pub(super) struct Gate {
    /// `None`: there is no file to keep one in, so nobody may.
    token: Option<Token>,
    failures: Failures,
    lines: LogLimiter,
    limit_hits: Arc<LimitHits>,
}

impl Gate {
    pub(super) fn new(token: Option<Token>, limit_hits: Arc<LimitHits>) -> Self {
        Self { token, failures: Failures::default(), lines: LogLimiter::new(REFUSAL_LINES_MAX), limit_hits }
    }

    /// Lets a request pass, or says why not.
    pub(super) fn check(&self, headers: &HeaderMap, peer: SocketAddr) -> Result<(), Problem> {
        if let Some(header) = browser_header(headers) {
            self.log(peer, "a page of a browser");
            let detail = format!("a request with {header} comes from a page of a browser, which may not use this interface");
            return Err(Problem::new(ProblemKind::Forbidden, detail));
        }
        let Some(token) = &self.token else {
            let detail = "there is no token, since its file could not be written; see the log, and token_file in [internal]";
            return Err(Problem::new(ProblemKind::Unavailable, detail));
        };
        if bearer(headers).is_some_and(|given| token.is(given)) {
            return Ok(());
        }
        if !self.failures.admit(Instant::now()) {
            self.limit_hits.hit(LimitHit::TokenFailures);
            let detail = "too many requests with a wrong token, or with none; the right one is answered at once";
            return Err(Problem::new(ProblemKind::TooManyFailures, detail));
        }
        self.log(peer, "a wrong token, or none");
        let detail =
            "send the token of the file token_file in [internal] (.innkeeper/admin-token), as `Authorization: Bearer <token>`";
        Err(Problem::new(ProblemKind::Unauthorized, detail))
    }

    fn log(&self, peer: SocketAddr, what: &'static str) {
        if let Some(left_out) = self.lines.admit() {
            tracing::warn!(target: "innkeeper::audit", %peer, left_out, "refused at the admin interface: {what}");
        }
    }
}

/// The token that a request brings.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The header by which a request shows that a page made it. Programs send none of them; a page of this very address cannot be, for
/// nothing here is a page.
fn browser_header(headers: &HeaderMap) -> Option<&'static str> {
    if headers.contains_key(ORIGIN) {
        return Some("the header Origin");
    }
    let is_foreign = |site: &HeaderValue| matches!(site.as_bytes(), b"cross-site" | b"same-site");
    headers.get_all("sec-fetch-site").iter().any(is_foreign).then_some("the header Sec-Fetch-Site")
}

/// Attempts with a wrong token, of everybody together: so many in each minute. Who has the right token is not among them, so that nobody
/// can lock the operator out.
#[derive(Default)]
struct Failures {
    /// When the window was opened, and the attempts in it.
    window: Mutex<Option<(Instant, u32)>>,
}

impl Failures {
    fn admit(&self, now: Instant) -> bool {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *window {
            Some((opened, attempts)) if now.duration_since(*opened) < WINDOW => {
                *attempts = attempts.saturating_add(1);
                *attempts <= TOKEN_FAILURES_MAX
            }
            closed => {
                *closed = Some((now, 1));
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use tokio::time::Instant;

    use super::{Failures, WINDOW, bearer, browser_header};
    use crate::fixed_limits::TOKEN_FAILURES_MAX;

    fn headers(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn pages_of_browsers_are_recognized() {
        for page in [
            &[("origin", "http://127.0.0.1:3002")][..],
            &[("origin", "null")],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
        ] {
            assert!(browser_header(&headers(page)).is_some(), "{page:?}");
        }
        // Typed into the address bar: without a token it gets no further.
        assert!(browser_header(&headers(&[("sec-fetch-site", "none"), ("host", "127.0.0.1")])).is_none());
    }

    #[test]
    fn a_token_is_brought_once_as_bearer() {
        let one = |value| headers(&[("authorization", value)]);
        assert_eq!(bearer(&one("Bearer abc")), Some(&b"abc"[..]));
        assert_eq!(bearer(&one("bearer  abc ")), Some(&b"abc"[..]));
        for other in ["abc", "Basic abc", "Bearer", "Bearerabc", ""] {
            assert_eq!(bearer(&one(other)), None, "{other}");
        }
        let mut twice = one("Bearer abc");
        twice.append("authorization", "Bearer def".parse().unwrap());
        assert_eq!(bearer(&twice), None);
    }

    #[test]
    fn wrong_tokens_have_so_many_attempts_in_a_minute() {
        let (failures, start) = (Failures::default(), Instant::now());
        let admitted = |at: Instant| (0..100).filter(|_| failures.admit(at)).count();
        assert_eq!(admitted(start), TOKEN_FAILURES_MAX as usize);
        assert_eq!(admitted(start + WINDOW / 2), 0);
        assert_eq!(admitted(start + WINDOW), TOKEN_FAILURES_MAX as usize);
    }
}
