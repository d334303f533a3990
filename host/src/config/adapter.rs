//! `[adapter.redis]`: the Redis through which several servers are one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use innkeeper_contract::defaults::REQUESTS_TIMEOUT;

use super::field::DURATIONS;
use super::field::Field::{Boolean, Custom, Duration as Time, Text};
use super::key_spec::KeySpec;
use super::on_failure::{OnFailure, on_failure};
use super::paths::{existing_file, shown};
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::redis_url::{RedisUrl, redis_url};
use super::value::{RawValue, text};

/// The adapter for several servers, if it has a URL. The names of the options are those of `@socket.io/redis-adapter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisAdapter {
    /// Where Redis is. Default none: the server runs alone.
    pub url: Option<RedisUrl>,
    /// A file with the certificates of authorities, beside those of the system. Default none.
    pub ca_file: Option<PathBuf>,
    /// The prefix of the channels, Node's `key`.
    pub key: String,
    /// How long other servers are waited for, Node's `requestsTimeout`.
    pub requests_timeout: Duration,
    /// Node's `publishOnSpecificResponseChannel`.
    pub publish_on_specific_response_channel: bool,
    /// Whether answers about sockets have their `auth` and cookies.
    pub answer_auth: bool,
    /// The channel of python-socketio. Default none.
    pub python_channel: Option<String>,
    /// What limits of rate do while Redis, which counts them for all nodes, does not answer.
    pub rate_limit_on_failure: OnFailure,
    /// Whether a server without Redis counts as one that is not ready.
    pub required_for_ready: bool,
}

impl Default for RedisAdapter {
    fn default() -> Self {
        Self {
            url: None,
            ca_file: None,
            key: "socket.io".to_owned(),
            requests_timeout: REQUESTS_TIMEOUT,
            publish_on_specific_response_channel: false,
            answer_auth: true,
            python_channel: None,
            rate_limit_on_failure: OnFailure::Local,
            required_for_ready: false,
        }
    }
}

/// The keys of the section.
pub(super) const KEYS: &[KeySpec<RedisAdapter>] = &[
    KeySpec::new(
        "url",
        |redis: &mut RedisAdapter| Custom { kind: "URL", value: redis.url.as_ref().map(|url| url.to_string().into()) },
        "the Redis through which several servers are one: redis://, rediss:// (with TLS) or unix://, with user, password and number of the database as Node's client takes them. Without this key the server runs alone. Without a file the variable REDIS_URL is this key",
    )
    .example("\"${REDIS_URL}\""),
    KeySpec::new(
        "ca_file",
        |redis: &mut RedisAdapter| Custom { kind: "PEM file", value: redis.ca_file.as_deref().and_then(shown) },
        "certificates of authorities, beside those of the system, for a Redis with one of your own",
    )
    .example("\"ca.pem\""),
    KeySpec::new(
        "key",
        |redis: &mut RedisAdapter| Text("text", &mut redis.key, prefix),
        "the prefix of the channels: servers with the same one belong together",
    ),
    KeySpec::new(
        "requests_timeout",
        |redis: &mut RedisAdapter| Time(&mut redis.requests_timeout, DURATIONS),
        "how long the answers of other servers are awaited where a plugin does not say so; what has come by then is the answer",
    ),
    KeySpec::new(
        "publish_on_specific_response_channel",
        |redis: &mut RedisAdapter| Boolean(&mut redis.publish_on_specific_response_channel),
        "whether the server that asked gets answers alone, and not all servers; those of the adapter's versions before 8.1 do not listen there",
    ),
    KeySpec::new(
        "answer_auth",
        |redis: &mut RedisAdapter| Boolean(&mut redis.answer_auth),
        "whether answers to `fetchSockets` of other servers have `auth`, cookies and the authorization header, as Node's have: everybody who can subscribe in Redis reads them",
    ),
    KeySpec::new(
        "python_channel",
        |redis: &mut RedisAdapter| Custom { kind: "channel", value: redis.python_channel.clone().map(Into::into) },
        "the channel on which managers of python-socketio publish; what they emit then reaches the clients here",
    )
    .example("\"socketio\""),
    KeySpec::new(
        "rate_limit_on_failure",
        |redis: &mut RedisAdapter| Custom {
            kind: "\"local\", \"allow\" or \"deny\"",
            value: Some(redis.rate_limit_on_failure.word().into()),
        },
        "what limits of rate do while Redis, where all servers count them together, does not answer: \"local\" counts on this server alone, \"allow\" and \"deny\" count nothing and let all pass, or none",
    ),
    KeySpec::new(
        "required_for_ready",
        |redis: &mut RedisAdapter| Boolean(&mut redis.required_for_ready),
        "whether /readyz answers 503 while Redis is away, and not 200 with `degraded`: local clients are served in both cases",
    ),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path, into: &mut RedisAdapter) {
    let mut adapter = reader.section(root, "adapter");
    let mut section = reader.section(&mut adapter, "redis");
    reader.set(&mut section, "url", &mut into.url, |raw| redis_url(raw).map(Some));
    reader.set(&mut section, "ca_file", &mut into.ca_file, |raw| ca_file(raw, file).map(Some));
    reader.set(&mut section, "rate_limit_on_failure", &mut into.rate_limit_on_failure, on_failure);
    reader.set(&mut section, "python_channel", &mut into.python_channel, |raw| prefix(raw).map(Some));
    reader.read(&mut section, KEYS, into);
    reader.close(section);
    reader.close(adapter);
}

/// Without a file, `REDIS_URL` is the URL.
pub(super) fn from_variable(reader: &mut Reader<'_>) -> Option<RedisUrl> {
    let url = reader.variable(VARIABLE)?;
    match redis_url(&RawValue::variable(url)) {
        Ok(url) => Some(url),
        Err(problem) => {
            reader.variable_problem(VARIABLE, problem);
            None
        }
    }
}

/// The variable of the URL, where there is no file.
pub(super) const VARIABLE: &str = "REDIS_URL";

pub(super) fn prefix(raw: &RawValue) -> Result<String, Problem> {
    let written = text(raw)?;
    if written.is_empty() || written.len() > 200 || written.contains(char::is_control) {
        return Err(Problem::new(format!("{written:?} cannot stand in the name of a channel"), "write a short text"));
    }
    Ok(written)
}

fn ca_file(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    existing_file(file, &text(raw)?, "correct the path, which is relative to the configuration, or leave the key out")
}
