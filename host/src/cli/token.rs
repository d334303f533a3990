//! `innkeeper token gen | check`: makes a token for a user, and says why a token is refused. Secrets are used and never shown.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::slice;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};
use innkeeper_contract::limits::TOKEN_BYTES_MAX;
use serde_json::Value;
use time::OffsetDateTime;

use crate::auth::{self, Claims, Keys, SignError, TokenError};
use crate::config::{self, Config, Flags, KeyConfig};
use crate::text_file;

use super::config_file::{self, environment};
use super::error::CliError;

/// Claims that have their own place on the command line.
const PLACED: [(&str, &str); 3] = [("userId", "give it as <USER_ID>"), ("exp", "use --for"), ("iat", "it is the time of making")];
/// What is read of the standard input: more than the longest token, so that a longer one is refused as such.
const INPUT_BYTES: u64 = 2 * TOKEN_BYTES_MAX as u64;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Print a token for a user, signed with a secret of the configuration
    Gen {
        /// The user's id, which becomes the claim `userId`
        #[arg(value_name = "USER_ID", value_parser = NonEmptyStringValueParser::new())]
        user_id: String,
        /// How long the token is valid
        #[arg(long = "for", value_name = "TIME", default_value = "12h", value_parser = config::duration_of)]
        lifetime: Duration,
        /// One more claim; the value is JSON, or else a text. May be given several times
        #[arg(long = "claim", value_name = "KEY=VALUE", value_parser = claim)]
        claims: Vec<(String, Value)>,
        #[command(flatten)]
        args: KeyArgs,
    },
    /// Print the claims of a token, or why it is refused; exit code 0 or 1
    Check {
        /// The token; - reads it from the standard input, where no list of processes shows it
        token: String,
        #[command(flatten)]
        args: KeyArgs,
    },
}

/// Which key.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// The key: a [keys.<NAME>] of the configuration
    #[arg(long, value_name = "NAME", default_value = "default")]
    key: String,
    /// The configuration [default: innkeeper.toml in this folder; without one JWT_SECRET is the key `default`]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn token(command: TokenCommand) -> Result<(), CliError> {
    match command {
        TokenCommand::Gen { user_id, lifetime, claims, args } => {
            let made = make(&args.find()?, &user_id, SystemTime::now() + lifetime, claims.into_iter().collect())?;
            print(&made)
        }
        TokenCommand::Check { token, args } => {
            let key = args.find()?;
            let keys = Keys::load(slice::from_ref(&key))?;
            let token = if token == "-" { input().map_err(CliError::Input)? } else { token };
            match keys.verify(&key.name, token.trim(), SystemTime::now()) {
                Ok(claims) => print(&indented(claims)),
                Err(refused) => Err(CliError::Refused(why(&refused, seconds(SystemTime::now())))),
            }
        }
    }
}

/// JSON with a member on each line; as it is, where it has what Rust has no value for.
fn indented(json: String) -> String {
    serde_json::from_str::<Value>(&json).map_or(json, |value| format!("{value:#}"))
}

/// A token for this user until then.
pub(super) fn make(key: &KeyConfig, user_id: &str, until: SystemTime, mut claims: Claims) -> Result<String, SignError> {
    claims.insert("userId".to_owned(), user_id.into());
    claims.insert("iat".to_owned(), seconds(until.min(SystemTime::now())).into());
    claims.insert("exp".to_owned(), seconds(until).into());
    auth::sign(key, claims)
}

impl KeyArgs {
    /// The key, or what to do so that there is one.
    fn find(self) -> Result<KeyConfig, CliError> {
        let file = config_file::find(self.config);
        let keys = match &file {
            Some(file) => Config::load(file, &environment, Flags::default())?.keys,
            None => Config::built_in(Vec::new(), &environment, Flags::default())?.keys,
        };
        let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
        let there = if names.is_empty() { String::new() } else { format!("; the keys there are: {}", names.join(", ")) };
        let problem = match &file {
            Some(file) => {
                format!("{}: there is no [keys.{}]; add it, with secret = \"${{JWT_SECRET}}\"{there}", file.display(), self.key)
            }
            None => format!(
                "there is no key {:?}; set the variable JWT_SECRET, which is the key \"default\", or name a configuration with --config",
                self.key
            ),
        };
        keys.into_iter().find(|key| key.name == self.key).ok_or(CliError::NoKey(problem))
    }
}

/// `key=value` of the command line.
fn claim(written: &str) -> Result<(String, Value), String> {
    let (name, value) = written.split_once('=').ok_or("write it as KEY=VALUE")?;
    if let Some((_, instead)) = PLACED.iter().find(|(placed, _)| *placed == name) {
        return Err(format!("the claim {name:?} has its own place: {instead}"));
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

fn why(refused: &TokenError, now: u64) -> String {
    match refused {
        TokenError::Expired { at } => format!("it has expired, on {}", moment(*at, now)),
        TokenError::NotBefore { from } => format!("it is not valid yet, but from {}", moment(*from, now)),
        other => other.to_string(),
    }
}

/// A claim's time in words, and how far away that is.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float that is too large becomes the largest integer, and is shown as it is"
)]
fn moment(claimed: f64, now: u64) -> String {
    const YEAR_10000: i64 = 253_402_300_800;
    let time = claimed as i64;
    if !(0..YEAR_10000).contains(&time) {
        return format!("{claimed} (in seconds since 1970)");
    }
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(time) else {
        return format!("{claimed} (in seconds since 1970)");
    };
    let away = time - i64::try_from(now).unwrap_or(i64::MAX);
    let words = if away <= 0 { format!("{} ago", length(-away)) } else { format!("in {}", length(away)) };
    let ((year, month, day), (hour, minute, second)) = (moment.to_calendar_date(), moment.to_hms());
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC, {words}", u8::from(month))
}

/// A length of time in the largest unit of which it has at least two.
fn length(seconds: i64) -> String {
    let units = [("days", 86_400), ("hours", 3_600), ("minutes", 60)];
    let fitting = units.iter().find(|(_, unit)| seconds >= 2 * unit);
    fitting.map_or_else(|| format!("{seconds} s"), |(name, unit)| format!("{} {name}", seconds / unit))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn input() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().lock().take(INPUT_BYTES).read_to_string(&mut text)?;
    Ok(text_file::without_mark(&text).to_owned())
}

fn print(line: &str) -> Result<(), CliError> {
    writeln!(io::stdout().lock(), "{line}").map_err(CliError::Output)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{claim, moment};

    #[test]
    fn times_are_written_as_dates() {
        assert_eq!(moment(0.0, 30), "1970-01-01 00:00:00 UTC, 30 s ago");
        assert_eq!(moment(1_709_210_096.9, 1_709_210_096 - 7_300), "2024-02-29 12:34:56 UTC, in 2 hours");
        assert_eq!(moment(1_735_689_599.0, 1_735_689_599 + 86_400 * 9), "2024-12-31 23:59:59 UTC, 9 days ago");
        assert_eq!(moment(253_402_300_799.0, 253_402_300_799), "9999-12-31 23:59:59 UTC, 0 s ago");
        assert_eq!(moment(-1.0, 0), "-1 (in seconds since 1970)");
        assert_eq!(moment(1e300, 0).len(), "1".len() + 300 + " (in seconds since 1970)".len());
    }

    #[test]
    fn a_claim_is_json_or_a_text() {
        assert_eq!(claim("admin=true"), Ok(("admin".into(), json!(true))));
        assert_eq!(claim("name=Ann = B"), Ok(("name".into(), json!("Ann = B"))));
        assert_eq!(claim("aud=[\"a\"]"), Ok(("aud".into(), json!(["a"]))));
        assert!(claim("admin").is_err());
        assert_eq!(claim("exp=5"), Err("the claim \"exp\" has its own place: use --for".into()));
    }
}
