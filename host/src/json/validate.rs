//! Validates whole JSON texts: an array with its placeholders, an object, any value.

use super::scan::{FirstElement, Invalid, Scanner, ValueKind};

/// Validates a JSON array whose placeholders stand for `attachments` attachments.
pub(crate) fn array(text: &str, attachments: usize) -> Result<(), Invalid> {
    match Scanner::new(text, attachments).whole()? {
        ValueKind::Array => Ok(()),
        _ => Err(Invalid::Syntax { what: "not a JSON array", at: 0 }),
    }
}

/// Validates a JSON object.
pub(crate) fn object(text: &str) -> Result<(), Invalid> {
    match Scanner::new(text, 0).whole()? {
        ValueKind::Object => Ok(()),
        _ => Err(Invalid::Syntax { what: "not a JSON object", at: 0 }),
    }
}

/// Validates any one JSON value.
pub(crate) fn value(text: &str) -> Result<(), Invalid> {
    Scanner::new(text, 0).whole().map(|_| ())
}

/// Validates a JSON array that begins with a string or a number, as the body of an EVENT packet does, and finds that element.
pub(crate) fn array_with_name(text: &str, attachments: usize) -> Result<FirstElement<'_>, Invalid> {
    let mut scanner = Scanner::new(text, attachments);
    let first = scanner.first_element()?;
    scanner.remaining_elements()?;
    Ok(first)
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::JSON_DEPTH_MAX;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
    use serde::de::IgnoredAny;

    use super::{Invalid, array, object, value};

    proptest! {
        /// What serde_json takes for JSON passes, and nothing else. The alphabet is that of text that is almost JSON.
        #[test]
        fn validation_agrees_with_serde_json(text in r#"[\[\]{}",:0-9eE.+\- \\ua-ftrlsn\n\x01é]{0,24}"#) {
            prop_assert_eq!(value(&text).is_ok(), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{:?}", text);
        }

        /// The same where the special bytes stand at any place of a long text, which is walked over in wide steps.
        #[test]
        fn validation_agrees_with_serde_json_in_long_texts(
            before in "[ \n\t]{0,70}", plain in "[a-zа-я \u{7f}-\u{9f}]{0,70}",
            special in r#"("|\\[n"\\u]|[\x00-\x1f\x7f]|é|\u{2028})?"#,
            after in "[!#]{0,70}", spaces in "[ \r\x0b]{0,70}", digits in "[0-9]{1,70}",
        ) {
            let text = format!("{before}[\"{plain}{special}{after}\"{spaces},{digits}{before}]{spaces}");
            prop_assert_eq!(value(&text).is_ok(), serde_json::from_str::<IgnoredAny>(&text).is_ok(), "{:?}", text);
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
    fn nesting_has_a_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(array(&nested(JSON_DEPTH_MAX), 0), Ok(()));
        assert_eq!(array(&nested(JSON_DEPTH_MAX + 1), 0), Err(Invalid::TooDeep));
        assert_eq!(array(&"[".repeat(1_000_000), 0), Err(Invalid::TooDeep));
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
}
