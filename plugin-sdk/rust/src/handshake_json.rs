//! A handshake as JSON: the object that `socket.handshake` is in Node, with the same names.

use crate::handshake::Handshake;
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

const DAY_MS: u64 = 86_400_000;
/// 1970-01-01 was a Thursday.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `headers`, `time`, `address`, `xdomain`, `secure`, `issued`, `url`, `query` and `auth`. A header that came several times is one
/// text, and of a parameter of the URL that came several times the last counts, both as in Node. Without the capability
/// `handshake:secrets`, `auth` is `{}`.
impl Serialize for Handshake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let auth: Map<String, Value> = self.auth_all().map_err(|error| S::Error::custom(error.message()))?;
        let mut object = serializer.serialize_map(Some(9))?;
        object.serialize_entry("headers", &headers(self.headers()))?;
        object.serialize_entry("time", &date(self.issued_ms()))?;
        object.serialize_entry("address", self.address())?;
        object.serialize_entry("xdomain", &self.xdomain())?;
        object.serialize_entry("secure", &self.secure())?;
        object.serialize_entry("issued", &self.issued_ms())?;
        object.serialize_entry("url", self.url())?;
        object.serialize_entry("query", &query(self.queries()))?;
        object.serialize_entry("auth", &auth)?;
        object.end()
    }
}

/// One text for each name. Cookies have a separator of their own.
fn headers(pairs: &[(String, String)]) -> Map<String, Value> {
    let mut headers = Map::new();
    for (name, value) in pairs {
        match headers.get_mut(name) {
            Some(Value::String(text)) => {
                text.push_str(if name == "cookie" { "; " } else { ", " });
                text.push_str(value);
            }
            _ => drop(headers.insert(name.clone(), value.as_str().into())),
        }
    }
    headers
}

/// The last text of each name.
fn query(pairs: &[(String, String)]) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect()
}

/// A time as JavaScript's `Date` writes it, in UTC.
fn date(ms: u64) -> String {
    let (days, second) = (ms / DAY_MS, ms % DAY_MS / 1_000);
    let (year, month, day) = civil(days);
    let weekday = DAYS[(days % 7) as usize];
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!(
        "{weekday} {} {day:02} {year:04} {hour:02}:{minute:02}:{second:02} GMT+0000 (Coordinated Universal Time)",
        MONTHS[month]
    )
}

/// Year, month from 0 and day of the month, so many days after 1970-01-01. Years begin in March here, so that a leap day is their last.
fn civil(days: u64) -> (u64, usize, u64) {
    // The days since March of the year 0.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let from_january = (month + 2) % 12;
    (era * 400 + year + u64::from(from_january < 2), from_january as usize, day - (153 * month + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::date;
    use crate::handshake::Handshake;
    use crate::host;
    use serde_json::json;

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    #[test]
    fn a_handshake_has_the_names_that_it_has_in_node() {
        let handshake = Handshake::from(host::Handshake {
            headers: pairs([("host", "h"), ("cookie", "a=1"), ("x-mark", "1"), ("cookie", "b=2"), ("x-mark", "2")]),
            query: pairs([("EIO", "4"), ("tag", "a"), ("tag", "b"), ("tag", "c")]),
            auth: Some(r#"{"token":"t"}"#.to_owned()),
            address: "10.0.0.1".to_owned(),
            url: "/socket.io/?EIO=4".to_owned(),
            issued_ms: 1_767_225_600_123,
            secure: false,
            xdomain: true,
        });
        let expected = json!({
            "headers": {"host": "h", "cookie": "a=1; b=2", "x-mark": "1, 2"},
            "time": "Thu Jan 01 2026 00:00:00 GMT+0000 (Coordinated Universal Time)",
            "address": "10.0.0.1",
            "xdomain": true,
            "secure": false,
            "issued": 1_767_225_600_123_u64,
            "url": "/socket.io/?EIO=4",
            "query": {"EIO": "4", "tag": "c"},
            "auth": {"token": "t"},
        });
        assert_eq!(serde_json::to_value(&handshake).unwrap(), expected);
        assert_eq!(serde_json::to_value(Handshake::default()).unwrap()["auth"], json!({}));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (ms, expected) in [
            (0, "Thu Jan 01 1970 00:00:00"),
            (951_782_399_000, "Mon Feb 28 2000 23:59:59"),
            (951_782_400_000, "Tue Feb 29 2000 00:00:00"),
            (951_868_800_000, "Wed Mar 01 2000 00:00:00"),
            (1_798_761_599_999, "Thu Dec 31 2026 23:59:59"),
            (4_107_542_400_000, "Mon Mar 01 2100 00:00:00"),
        ] {
            assert_eq!(date(ms), format!("{expected} GMT+0000 (Coordinated Universal Time)"));
        }
    }
}
