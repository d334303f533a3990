//! `[server.cookie]`: a cookie with the session's id, for load balancers that keep a client on one node by it.

use std::fmt::Write;
use std::time::Duration;

use super::Config;
use super::field::Field::{Boolean, Custom, Text};
use super::field::time;
use super::reader::{Reader, Section};
use super::schema::KeySpec;
use super::value::{Problem, RawValue, duration, text, word};

const SAME_SITE: [&str; 3] = ["strict", "lax", "none"];

/// Set by the answer to every handshake, if it has a name.
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
    /// Socket.IO's `cookie.maxAge`. Default none: as long as the browser lives.
    pub max_age: Option<Duration>,
}

impl Default for Cookie {
    fn default() -> Self {
        Self { name: None, path: "/".to_owned(), http_only: true, same_site: "lax".to_owned(), secure: false, max_age: None }
    }
}

impl Cookie {
    /// What stands behind name and value: `; Path=/; HttpOnly; SameSite=Lax`.
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
pub(super) const KEYS: &[KeySpec<Config>] = &[
    KeySpec::new(
        "name",
        |config: &mut Config| Custom { kind: "cookie name", value: config.server.cookie.name.clone().map(Into::into) },
        "what the cookie is called; its value is the session's id. Without a name there is no cookie",
    )
    .socket_io("cookie.name")
    .example("\"io\""),
    KeySpec::new(
        "path",
        |config: &mut Config| Text("path, begins with a slash", &mut config.server.cookie.path, path),
        "where the browser sends it",
    )
    .socket_io("cookie.path"),
    KeySpec::new(
        "http_only",
        |config: &mut Config| Boolean(&mut config.server.cookie.http_only),
        "whether it is hidden from the page's scripts",
    )
    .socket_io("cookie.httpOnly"),
    KeySpec::new(
        "same_site",
        |config: &mut Config| Text("\"strict\", \"lax\" or \"none\"", &mut config.server.cookie.same_site, same_site),
        "whether pages of other sites send it; \"none\" only together with `secure`",
    )
    .socket_io("cookie.sameSite"),
    KeySpec::new("secure", |config: &mut Config| Boolean(&mut config.server.cookie.secure), "whether it travels by https only")
        .socket_io("cookie.secure"),
    KeySpec::new(
        "max_age",
        |config: &mut Config| Custom {
            kind: "duration, whole seconds",
            value: config.server.cookie.max_age.map(|age| time(age).into()),
        },
        "how long the browser keeps it; without it, until the browser ends",
    )
    .socket_io("cookie.maxAge")
    .example("\"24h\""),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, server: &mut Section<'_>, config: &mut Config) {
    let mut section = reader.section(server, "cookie");
    reader.read(&mut section, KEYS, config);
    let cookie = &mut config.server.cookie;
    reader.set(&mut section, "name", &mut cookie.name, |raw| name(raw).map(Some));
    reader.set(&mut section, "max_age", &mut cookie.max_age, |raw| {
        duration(Duration::from_secs(1)..=Duration::from_secs(400 * 86_400))(raw).map(Some)
    });
    if cookie.same_site == "none" && !cookie.secure {
        let remedy = "add secure = true; browsers drop the cookie without it";
        reader.problem("server.cookie.same_site", Problem::new("\"none\" goes with `secure` only", remedy));
    }
    reader.close(section);
}

/// A token of HTTP.
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
