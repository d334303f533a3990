//! The one gate for JSON text, from clients and from guests alike.
//!
//! It walks the text once, without recursion and without building a tree, and lets exactly one value pass. What it has let
//! pass can be put into a packet as it stands: nobody can forge framing with it, and no client has to parse what it cannot.
//! With attachments it also checks the placeholders that stand for them.

mod scan;

use std::borrow::Cow;

use serde_json::Value;

pub(crate) use scan::Invalid;
use scan::{Scanner, ValueKind};

pub(crate) use innkeeper_contract::limits::JSON_DEPTH_MAX as DEPTH_MAX;

/// Arguments of an event or an ack: a JSON array that has passed the gate, and what its placeholders stand for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    /// The array, without the event's name.
    pub(crate) args: String,
    /// One for each placeholder number.
    pub(crate) attachments: Vec<Vec<u8>>,
}

impl Payload {
    /// What it counts for in every bound on bytes.
    pub(crate) fn len(&self) -> usize {
        self.args.len() + self.attachments.iter().map(Vec::len).sum::<usize>()
    }

    /// Checks what a guest made.
    pub(crate) fn validate(self) -> Result<Self, Invalid> {
        array(&self.args, self.attachments.len())?;
        Ok(self)
    }

    /// An array of one value that the host itself made.
    pub(crate) fn of(value: &Value) -> Self {
        Self { args: format!("[{value}]"), attachments: Vec::new() }
    }
}

/// Checks a JSON array whose placeholders stand for `attachments` attachments.
pub(crate) fn array(text: &str, attachments: usize) -> Result<(), Invalid> {
    match Scanner::new(text, attachments).whole()? {
        ValueKind::Array => Ok(()),
        _ => Err(Invalid::new("not a JSON array", 0)),
    }
}

/// Checks a JSON object.
pub(crate) fn object(text: &str) -> Result<(), Invalid> {
    match Scanner::new(text, 0).whole()? {
        ValueKind::Object => Ok(()),
        _ => Err(Invalid::new("not a JSON object", 0)),
    }
}

/// Checks any one JSON value.
pub(crate) fn value(text: &str) -> Result<(), Invalid> {
    Scanner::new(text, 0).whole().map(|_| ())
}

/// Splits `["name",args…]`, as it stands on the wire, into the decoded name and the array of the other elements.
pub(crate) fn event(text: &str, attachments: usize) -> Result<(Cow<'_, str>, String), Invalid> {
    let mut scanner = Scanner::new(text, attachments);
    let first = scanner.first_element()?;
    let name = match first.kind {
        ValueKind::String => string(first.text),
        ValueKind::Number => Cow::Owned(number_name(first.text)),
        _ => return Err(Invalid::new("the name of an event is a string or a number", 1)),
    };
    scanner.remaining_elements()?;
    let rest = text.get(first.rest_at..).unwrap_or("]");
    let mut args = String::with_capacity(rest.len() + 1);
    args.push('[');
    args.push_str(rest);
    Ok((name, args))
}

/// Appends `text` as a JSON string.
pub(crate) fn push_string(out: &mut String, text: &str) {
    // Escaping is for few names only; those that need none are copied as they are.
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_string());
    }
}

/// Decodes a checked JSON string. A lone half of a surrogate pair, which JavaScript lets pass, becomes U+FFFD.
fn string(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    match serde_json::from_str::<String>(quoted) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Owned(scan::decode_lossy(inner)),
    }
}

/// `String(number)` of JavaScript, for the numbers that somebody uses as a name.
fn number_name(text: &str) -> String {
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 1e15 => format!("{number:.0}"),
        Ok(number) => number.to_string(),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use serde::de::IgnoredAny;
    use serde_json::Value;

    use super::{array, event, object, string, value};

    proptest! {
        /// What serde_json takes for JSON passes, and nothing else. The alphabet is that of text that is almost JSON.
        #[test]
        fn validation_agrees_with_serde_json(text in r#"[\[\]{}",:0-9eE.+\- \\ua-ftrlsn\n\x01é]{0,24}"#) {
            prop_assert_eq!(value(&text).is_ok(), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{:?}", text);
        }

        /// The name and the arguments of an event are the elements of its array.
        #[test]
        fn splitting_loses_nothing(name in ".{0,12}", args in proptest::collection::vec(".{0,8}", 0..4)) {
            let elements: Vec<Value> = std::iter::once(&name).chain(&args).map(|text| Value::from(text.as_str())).collect();
            let text = Value::from(elements).to_string();
            let (split, rest) = event(&text, 0).unwrap();
            prop_assert_eq!(&*split, &*name);
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&rest).unwrap(), args);
        }

        /// Whatever a guest writes, it passes as one array or not at all: it cannot end a packet and begin another.
        #[test]
        fn what_passes_is_one_array(text in r#"\[?[\[\]{}",:0-9 \\a-f]{0,16}\]?"#) {
            if array(&text, 0).is_ok() {
                prop_assert!(serde_json::from_str::<Vec<IgnoredAny>>(&text).is_ok(), "{:?}", text);
            }
        }
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "[",
            "]",
            "[1,]",
            "[,1]",
            "[1 2]",
            "{\"a\"}",
            "{a:1}",
            "[01]",
            "[1.]",
            "[1e]",
            "[-]",
            "[+1]",
            "[tru]",
            "[nul]",
            "[\"\\x\"]",
            "[\"\\u12g4\"]",
            "[\"a\nb\"]",
            "[1]]",
            "[1] [2]",
            "[\"a]",
            "[.5]",
            "{\"a\":1,}",
            "[NaN]",
            "[']",
        ] {
            assert!(value(text).is_err(), "{text:?} passed");
        }
        for text in ["[]", "{}", " [ 1 , -0.5e+3 , \"\\ud800\" , true, false, null, {\"a\": [{}]} ] ", "\"x\"", "0", "null"] {
            assert!(value(text).is_ok(), "{text:?} was refused: {:?}", value(text));
        }
        assert!(array("{}", 0).is_err() && object("[]").is_err());
    }

    #[test]
    fn nesting_stops_at_512() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(array(&nested(512), 0).is_ok());
        assert!(array(&nested(513), 0).is_err());
        assert!(array(&"[".repeat(1_000_000), 0).is_err());
    }

    #[test]
    fn each_attachment_has_its_placeholder() {
        let one = r#"[{"_placeholder":true,"num":0}]"#;
        assert!(array(one, 1).is_ok());
        assert!(array(r#"[{"num":0,"_placeholder":true},{"a":{"_placeholder":true,"num":1}}]"#, 2).is_ok());
        assert!(array(one, 2).is_err(), "the second has none");
        for text in [
            r#"[{"_placeholder":true,"num":1}]"#,
            r#"[{"_placeholder":true,"num":"0"}]"#,
            r#"[{"_placeholder":true,"num":-1}]"#,
            r#"[{"_placeholder":true,"num":0.5}]"#,
            r#"[{"_placeholder":true}]"#,
            r#"[{"_placeholder":false,"num":0}]"#,
            r#"[{"\u005fplaceholder":true,"num":7},{"_placeholder":true,"num":0}]"#,
        ] {
            assert!(array(text, 1).is_err(), "{text} passed");
        }
        assert!(array(r#"[{"_placeholder":true,"num":"data"}]"#, 0).is_ok(), "without attachments it is plain data");
    }

    #[test]
    fn an_event_is_split_from_its_name() {
        let split = |text| event(text, 0).map(|(name, args)| (name.into_owned(), args));
        assert_eq!(split(r#"["hello",1,"a"]"#), Ok(("hello".into(), r#"[1,"a"]"#.into())));
        assert_eq!(split(r#"["hello"]"#), Ok(("hello".into(), "[]".into())));
        assert_eq!(split(r#"[ "say \"hi\"" , {} ]"#), Ok(("say \"hi\"".into(), "[ {} ]".into())));
        assert_eq!(split("[1e3,2]"), Ok(("1000".into(), "[2]".into())));
        for text in ["[]", "[null]", "[{}]", "[[\"a\"]]", "{}", "[\"a\",]", "[\"a\"", "[\"a\"]x", "\"a\""] {
            assert!(split(text).is_err(), "{text} passed");
        }
    }

    #[test]
    fn half_a_pair_is_replaced() {
        assert_eq!(string(r#""a\ud83d\ude00""#), "a😀");
        assert_eq!(string(r#""a\ud83d\n""#), "a\u{fffd}\n");
    }
}
