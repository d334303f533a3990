//! What the headers of a request say about the copy of a file that its client has, or the part that it wants: `If-Match`,
//! `If-None-Match`, `If-Modified-Since`, `If-Unmodified-Since`, `Range`, `If-Range`. The order is that of RFC 9110, section 13.2.2,
//! and a request for several parts is answered with the whole file, as by Express.

use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};

/// The last second that a date of HTTP can name: the end of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// By which a client finds out whether a file is still the one that it knows.
#[derive(Clone, Debug)]
pub(super) struct Version {
    /// Changes with the file's modification time, to the nanosecond, and length. Strong, so that parts of the file can be put
    /// together.
    pub(super) etag: String,
    /// Whole seconds, as dates of HTTP are.
    pub(super) modified: SystemTime,
}

/// What a client gets of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// 200.
    Whole,
    /// 206: these bytes, the last one included.
    Part(RangeInclusive<u64>),
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    NotSatisfiable,
}

impl Version {
    pub(super) fn new(bytes: u64, modified: SystemTime) -> Self {
        let since_epoch = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = Duration::from_secs(since_epoch.as_secs().min(LAST_SECOND));
        Self { etag: format!("\"{bytes:x}-{:x}\"", since_epoch.as_nanos()), modified: UNIX_EPOCH + seconds }
    }

    /// The value of `Last-Modified`.
    pub(super) fn date(&self) -> String {
        httpdate::fmt_http_date(self.modified)
    }

    /// What a GET or HEAD with these headers gets of a file of so many bytes.
    pub(super) fn answer(&self, headers: &HeaderMap, bytes: u64) -> Answer {
        let fails = match text(headers, &IF_MATCH) {
            Some(tags) => !self.is_in(tags),
            None => date(headers, &IF_UNMODIFIED_SINCE).is_some_and(|known| self.modified > known),
        };
        if fails {
            return Answer::PreconditionFailed;
        }
        let is_known = match text(headers, &IF_NONE_MATCH) {
            Some(tags) => self.is_in(tags),
            None => date(headers, &IF_MODIFIED_SINCE).is_some_and(|known| self.modified <= known),
        };
        if is_known {
            return Answer::NotModified;
        }
        match text(headers, &RANGE) {
            Some(range) if self.is_range_of_this(headers) => part(range, bytes),
            _ => Answer::Whole,
        }
    }

    /// Whether one of the tags in a list is this file's. A tag that a proxy has made weak counts.
    fn is_in(&self, tags: &str) -> bool {
        tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == self.etag)
    }

    /// Whether the client wants a part of this version, or of any (`If-Range`).
    fn is_range_of_this(&self, headers: &HeaderMap) -> bool {
        let Some(known) = headers.get(IF_RANGE).map(HeaderValue::as_bytes) else { return true };
        known == self.etag.as_bytes() || date(headers, &IF_RANGE) == Some(self.modified)
    }
}

/// What a value of `Range` wants of a file of so many bytes. One that is malformed is ignored.
fn part(range: &str, bytes: u64) -> Answer {
    let Ok(ranges) = http_range_header::parse_range_header(range) else { return Answer::Whole };
    match ranges.validate(bytes).as_deref() {
        Ok([range]) => Answer::Part(range.clone()),
        Ok(_) => Answer::Whole,
        Err(_) => Answer::NotSatisfiable,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(text(headers, name)?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use super::{Answer, Version};
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue};
    use std::time::{Duration, UNIX_EPOCH};

    /// A file of 100 bytes: its tag is `"64-…"`, its date 1 January 2024.
    fn answer(headers: &[(&str, &str)]) -> Answer {
        let version = Version::new(100, UNIX_EPOCH + Duration::from_millis(1_704_067_200_500));
        let pairs = headers.iter().map(|(name, value)| {
            let value = value.replace("TAG", &version.etag).replace("DATE", &version.date());
            (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(value).unwrap())
        });
        version.answer(&pairs.collect::<HeaderMap>(), 100)
    }

    const BEFORE: &str = "Sun, 31 Dec 2023 23:59:59 GMT";
    const AFTER: &str = "Mon, 01 Jan 2024 00:00:01 GMT";

    #[test]
    fn a_copy_is_current_by_its_tag_or_else_by_its_date() {
        for tags in ["TAG", "W/TAG", "\"x\", TAG", "*"] {
            assert_eq!(answer(&[("if-none-match", tags)]), Answer::NotModified, "{tags}");
        }
        assert_eq!(answer(&[("if-none-match", "\"x\""), ("if-modified-since", "DATE")]), Answer::Whole);
        for (date, expected) in
            [("DATE", Answer::NotModified), (AFTER, Answer::NotModified), (BEFORE, Answer::Whole), ("soon", Answer::Whole)]
        {
            assert_eq!(answer(&[("if-modified-since", date)]), expected, "{date}");
        }
    }

    #[test]
    fn a_precondition_is_checked_first() {
        assert_eq!(answer(&[("if-match", "\"x\""), ("if-none-match", "TAG")]), Answer::PreconditionFailed);
        assert_eq!(answer(&[("if-match", "TAG")]), Answer::Whole);
        assert_eq!(answer(&[("if-unmodified-since", BEFORE)]), Answer::PreconditionFailed);
        assert_eq!(answer(&[("if-unmodified-since", "DATE")]), Answer::Whole);
    }

    #[test]
    fn a_range_is_a_part_of_what_is_there() {
        for (range, expected) in [
            ("bytes=0-9", Answer::Part(0..=9)),
            ("bytes=90-", Answer::Part(90..=99)),
            ("bytes=90-1000", Answer::Part(90..=99)),
            ("bytes=-10", Answer::Part(90..=99)),
            ("bytes=-1000", Answer::Part(0..=99)),
            ("bytes=0-99999999999999999999999", Answer::Part(0..=99)),
            ("bytes=100-", Answer::NotSatisfiable),
            ("bytes=-0", Answer::NotSatisfiable),
            ("bytes=0-1,5-6", Answer::Whole),
            ("bytes=9-1", Answer::Whole),
            ("bytes=x", Answer::Whole),
            ("lines=0-1", Answer::Whole),
        ] {
            assert_eq!(answer(&[("range", range)]), expected, "{range}");
        }
    }

    #[test]
    fn a_range_of_another_version_gets_the_whole_file() {
        for (known, expected) in [
            ("TAG", Answer::Part(0..=9)),
            ("DATE", Answer::Part(0..=9)),
            ("W/TAG", Answer::Whole),
            ("\"x\"", Answer::Whole),
            (BEFORE, Answer::Whole),
            (AFTER, Answer::Whole),
        ] {
            assert_eq!(answer(&[("range", "bytes=0-9"), ("if-range", known)]), expected, "{known}");
        }
    }

    #[test]
    fn any_time_of_a_file_has_a_date() {
        let (ancient, far) = (UNIX_EPOCH - Duration::from_secs(9), UNIX_EPOCH + Duration::from_secs(1 << 40));
        assert_eq!(Version::new(1, ancient).date(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(Version::new(1, far).date(), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
