//! `[server.cookie]`: a cookie with the session's id, for load balancers that keep a client on one node by it.

use std::fmt::Write;
use std::time::Duration;

use super::field::Field::{Boolean, Custom, Text};
use super::field::time;
use super::key_spec::KeySpec;
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, duration, text, word};

const SAME_SITE: [&str; 3] = ["strict", "lax", "none"];

/// The cookie that the response to every handshake sets, if the cookie has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Socket.IO's `cookie.name`. Default none: there is no cookie.
    pub name: Option<String>,
    /// Socket.IO's `cookie.path`.
    pub path: String,
    /// Socket.IO's `cookie.httpOnly`.
    pub http_only: bool,
    /// Socket.IO's `cookie.sameSite`.
    pub same_site: String,
    /// Socket.IO's `cookie.secure`.
    pub secure: bool,
    /// Socket.IO's `cookie.maxAge`. Default none: until the browser is closed.
    pub max_age: Option<Duration>,
}

impl Default for Cookie {
    fn default() -> Self {
        Self { name: None, path: "/".to_owned(), http_only: true, same_site: "lax".to_owned(), secure: false, max_age: None }
    }
}

impl Cookie {
    /// The attributes behind name and value: `; Path=/; HttpOnly; SameSite=Lax`.
    pub(crate) fn attributes(&self) -> String {
        let mut text = String::new();
        if let Some(age) = self.max_age {
            let _infallible = write!(text, "; Max-Age={}", age.as_secs());
        }
        let _infallible = write!(text, "; Path={}", self.path);
        text.push_str(if self.http_only { "; HttpOnly" } else { "" });
        text.push_str(if self.secure { "; Secure" } else { "" });
        text.push_str(match self.same_site.as_str() {
            "strict" => "; SameSite=Strict",
            "none" => "; SameSite=None",
            _ => "; SameSite=Lax",
        });
        text
    }
}

/// The keys of the section.
pub(super) const KEYS: &[KeySpec<Cookie>] = &[
    KeySpec::new(
        "name",
        |cookie: &mut Cookie| Custom { kind: "cookie name", value: cookie.name.clone().map(Into::into) },
        "the name of the cookie; its value is the session's id. Without a name there is no cookie",
    )
    .socket_io("cookie.name")
    .example("\"io\""),
    KeySpec::new(
        "path",
        |cookie: &mut Cookie| Text("path, begins with a slash", &mut cookie.path, path),
        "the paths to which the browser sends the cookie",
    )
    .socket_io("cookie.path"),
    KeySpec::new(
        "http_only",
        |cookie: &mut Cookie| Boolean(&mut cookie.http_only),
        "whether the cookie is hidden from the scripts of pages",
    )
    .socket_io("cookie.httpOnly"),
    KeySpec::new(
        "same_site",
        |cookie: &mut Cookie| Text("\"strict\", \"lax\" or \"none\"", &mut cookie.same_site, same_site),
        "whether requests from pages of other sites carry the cookie; \"none\" only together with `secure`",
    )
    .socket_io("cookie.sameSite"),
    KeySpec::new(
        "secure",
        |cookie: &mut Cookie| Boolean(&mut cookie.secure),
        "whether the browser sends the cookie over https only",
    )
    .socket_io("cookie.secure"),
    KeySpec::new(
        "max_age",
        |cookie: &mut Cookie| Custom { kind: "duration, whole seconds", value: cookie.max_age.map(|age| time(age).into()) },
        "how long the browser keeps the cookie; without this key, until the browser is closed",
    )
    .socket_io("cookie.maxAge")
    .example("\"24h\""),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, server: &mut Section<'_>, into: &mut Cookie) {
    let mut section = reader.section(server, "cookie");
    reader.read(&mut section, KEYS, into);
    reader.set(&mut section, "name", &mut into.name, |raw| name(raw).map(Some));
    reader.set(&mut section, "max_age", &mut into.max_age, |raw| {
        let age = duration(Duration::from_secs(1)..=Duration::from_secs(400 * 86_400))(raw)?;
        if age.subsec_nanos() != 0 {
            return Err(Problem::new("a cookie's age is in whole seconds", "write it like \"24h\" or \"90s\""));
        }
        Ok(Some(age))
    });
    if into.same_site == "none" && !into.secure {
        let remedy = "add secure = true; browsers drop the cookie without it";
        reader.problem("server.cookie.same_site", Problem::new("\"none\" goes with `secure` only", remedy));
    }
    reader.close(section);
}

/// The name of a cookie: a token, as HTTP calls it.
fn name(raw: &RawValue) -> Result<String, Problem> {
    let name = text(raw)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(token) {
        return Ok(name);
    }
    Err(Problem::new(format!("{name:?} cannot name a cookie"), "use letters, digits, `-` and `_`, or leave the key out"))
}

fn path(raw: &RawValue) -> Result<String, Problem> {
    let path = text(raw)?;
    if path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') {
        return Ok(path);
    }
    Err(Problem::new(format!("{path:?} is not a path"), "write it like \"/\", in ASCII and without `;`"))
}

fn same_site(raw: &RawValue) -> Result<String, Problem> {
    word(raw, &SAME_SITE, "value of same_site").map(str::to_owned)
}
