//! The bodies of requests: JSON without anything unknown in it, and components.

use hyper::HeaderMap;
use hyper::body::{Body as _, Incoming};
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{Problem, ProblemKind};
use super::sources::Admin;
use crate::body::{self, BodyError};
use crate::fixed_limits::ADMIN_JSON_BYTES_MAX;
use crate::limit_hits::LimitHit;

/// The body of `swap`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SwapRequest {
    /// Also with the content that serves already.
    pub(super) again: bool,
    /// Nothing changes; the answer says what would.
    pub(super) dry_run: bool,
}

/// The body of `rollback`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RollBackRequest {
    /// The begin of a digest.
    pub(super) to: Option<String>,
}

/// The body of the requests that disconnect.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DisconnectRequest {
    /// The whole connection.
    pub(super) close: bool,
}

/// The body of a request that says all in its path.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NothingMore {}

impl Admin {
    /// Reads JSON. Without a body all fields have their defaults.
    pub(super) async fn json<T: DeserializeOwned + Default>(&self, headers: &HeaderMap, body: Incoming) -> Result<T, Problem> {
        if body.is_end_stream() {
            return Ok(T::default());
        }
        parse(&self.json_text(headers, body).await?)
    }

    /// Reads the text of a JSON body.
    pub(super) async fn json_text(&self, headers: &HeaderMap, body: Incoming) -> Result<String, Problem> {
        expect_media_type(headers, "application/json")?;
        let read = body::read(body, ADMIN_JSON_BYTES_MAX, self.least_pace).await;
        let bytes = read.map_err(|error| {
            self.note(error, LimitHit::AdminJsonBytes);
            Problem::body(error, &format!("{ADMIN_JSON_BYTES_MAX} bytes"))
        })?;
        String::from_utf8(bytes).map_err(|_| Problem::new(ProblemKind::Invalid, "the body is not UTF-8"))
    }

    /// Reads a component.
    pub(super) async fn component(&self, body: Incoming) -> Result<Vec<u8>, Problem> {
        let most = self.limits().component_bytes;
        body::read(body, most, self.least_pace).await.map_err(|error| {
            self.note(error, LimitHit::ComponentBytes);
            Problem::body(error, &format!("{most} bytes (component_bytes_max in [limits])"))
        })
    }

    /// Refuses a component by its headers, before a byte of it is read.
    pub(super) fn check_component(&self, headers: &HeaderMap, body: &Incoming) -> Result<(), Problem> {
        expect_media_type(headers, "application/wasm")?;
        let Some(length) = body.size_hint().exact() else {
            let detail = "an upload says how long it is (Content-Length); curl --data-binary @FILE does";
            return Err(Problem::new(ProblemKind::LengthRequired, detail));
        };
        let most = self.limits().component_bytes;
        if length > u64::try_from(most).unwrap_or(u64::MAX) {
            self.limit_hits.hit(LimitHit::ComponentBytes);
            let limit = format!("{most} bytes (component_bytes_max in [limits])");
            return Err(Problem::body(BodyError::TooLarge, &limit));
        }
        Ok(())
    }

    fn note(&self, error: BodyError, bytes: LimitHit) {
        match error {
            BodyError::TooLarge => self.limit_hits.hit(bytes),
            BodyError::Stalled => self.limit_hits.hit(LimitHit::BodyTimeout),
            BodyError::Malformed => {}
        }
    }
}

/// The value of a JSON text. An error names the field.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::new(ProblemKind::Invalid, error.to_string()))
}

/// Of parameters (`charset=utf-8`) nothing depends.
fn expect_media_type(headers: &HeaderMap, expected: &'static str) -> Result<(), Problem> {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if named.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(Problem::new(ProblemKind::MediaType, format!("send it as {expected} (Content-Type)")))
}

#[cfg(test)]
mod tests {
    use super::{DisconnectRequest, NothingMore, RollBackRequest, SwapRequest, expect_media_type, parse};

    #[test]
    fn an_unknown_field_is_named() {
        let detail = |text: &str| parse::<DisconnectRequest>(text).unwrap_err().detail().to_owned();
        assert!(detail(r#"{"close":true,"force":true}"#).contains("unknown field `force`, expected `close`"));
        assert!(detail(r#"{"close":1}"#).contains("expected a boolean"));
        assert!(parse::<DisconnectRequest>(r#"{"close":true}"#).unwrap().close);
        assert!(!parse::<SwapRequest>("{}").unwrap().again);
        assert_eq!(parse::<RollBackRequest>(r#"{"to":"ab"}"#).unwrap().to.as_deref(), Some("ab"));
        assert!(parse::<NothingMore>(r#"{"x":1}"#).is_err() && parse::<NothingMore>("[1]").is_err());
    }

    #[test]
    fn a_media_type_may_have_parameters() {
        let named = |name: &str| [("content-type".parse().unwrap(), name.parse().unwrap())].into_iter().collect();
        assert!(expect_media_type(&named("Application/JSON; charset=utf-8"), "application/json").is_ok());
        for other in ["text/plain", "application/json5", ""] {
            assert!(expect_media_type(&named(other), "application/json").is_err(), "{other}");
        }
    }
}
