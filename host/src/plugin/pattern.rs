//! Namespaces by pattern: a registration that serves every namespace whose whole name its regular expression matches.

use std::fmt;

use innkeeper_contract::limits::NAMESPACE_NAME_BYTES_MAX;
use regex::bytes::{Regex, RegexBuilder};

use crate::fixed_limits::{PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX};

/// A regular expression that matches whole names.
#[derive(Clone)]
pub(crate) struct Pattern {
    text: Box<str>,
    expression: Regex,
}

impl Pattern {
    /// Compiles an expression. The error completes "its registration says …".
    pub(super) fn new(text: &str) -> Result<Self, String> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(format!("a pattern of {} bytes, and at most {PATTERN_BYTES_MAX} are allowed", text.len()));
        }
        let build = |text: &str| {
            // As in JavaScript, `\w`, `\d` and `\b` are those of ASCII; `(?u:…)` has the others. It keeps expressions small, too.
            let mut builder = RegexBuilder::new(text);
            builder.unicode(false).size_limit(PATTERN_COMPILED_BYTES_MAX).dfa_size_limit(PATTERN_COMPILED_BYTES_MAX).build()
        };
        // By itself first: in brackets, `a)|(b` would be an expression.
        let whole = build(text).and_then(|_| build(&format!(r"\A(?:{text})\z")));
        match whole {
            Ok(expression) => Ok(Self { text: text.into(), expression }),
            Err(regex::Error::CompiledTooBig(most)) => {
                Err(format!("the pattern {text:?}, which is too large: compiled it has more than {most} bytes"))
            }
            Err(error) => {
                // The last line says what it is; those before show the place.
                let error = error.to_string();
                let what = error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                Err(format!("the pattern {text:?}, which is no regular expression: {what}"))
            }
        }
    }

    /// The expression as the plugin wrote it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a namespace of this name belongs to it. One with a longer name than a namespace may have belongs to none.
    pub(crate) fn matches(&self, name: &str) -> bool {
        name.len() <= NAMESPACE_NAME_BYTES_MAX && self.expression.is_match(name.as_bytes())
    }
}

/// The text is all of it.
impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(out)
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::NAMESPACE_NAME_BYTES_MAX;

    use super::Pattern;
    use crate::fixed_limits::{PATTERN_BYTES_MAX, PATTERN_COMPILED_BYTES_MAX};

    #[test]
    fn a_pattern_matches_whole_names() {
        for (text, matches, others) in [
            (r"/room-\d+", ["/room-1", "/room-007"], ["/room-", "/room-1x"]),
            // The source of an expression of JavaScript.
            (r"^\/room-\d+$", ["/room-1", "/room-22"], ["/room-1\n", "x/room-1"]),
            (r"/a|/b", ["/a", "/b"], ["/a/b", "/ab"]),
            (r"/\w{1,8}", ["/abc_1", "/A"], ["/é", "/a-b"]),
            (r"/(?u:\w)+", ["/é", "/a"], ["/", "/-"]),
            (r"/[^/]+", ["/x y", "/é"], ["/a/b", "/"]),
            (r"(?i)/TEAM", ["/team", "/Team"], ["/teams", "/tea"]),
        ] {
            let pattern = Pattern::new(text).unwrap();
            assert!(matches.iter().all(|name| pattern.matches(name)), "{text} matches {matches:?}");
            assert!(!others.iter().any(|name| pattern.matches(name)), "{text} does not match {others:?}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused_with_the_reason() {
        for (text, reason) in [
            ("/(", "unclosed group"),
            ("/a)|(b", "unopened group"),
            ("/(?=x)", "look-around"),
            (r"/(a)\1", "backreferences"),
            ("/[é]", "Unicode not allowed here"),
        ] {
            let refused = Pattern::new(text).unwrap_err();
            assert!(refused.contains(&format!("{text:?}")) && refused.contains(reason), "{refused}");
        }
        let long = "/".repeat(PATTERN_BYTES_MAX + 1);
        assert!(Pattern::new(&long).unwrap_err().contains("at most 1024 are allowed"));
        let large = Pattern::new("/(?:[a-z]{1,999}){1,99}").unwrap_err();
        assert!(large.contains(&format!("more than {PATTERN_COMPILED_BYTES_MAX} bytes")), "{large}");
    }

    #[test]
    fn a_name_that_is_too_long_matches_nothing() {
        let pattern = Pattern::new("/a*").unwrap();
        let name = |length: usize| format!("/{}", "a".repeat(length - 1));
        assert!(pattern.matches(&name(NAMESPACE_NAME_BYTES_MAX)));
        assert!(!pattern.matches(&name(NAMESPACE_NAME_BYTES_MAX + 1)), "NAMESPACE_NAME_BYTES_MAX");
    }
}
