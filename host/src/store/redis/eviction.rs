//! Whether Redis may throw away what the store keeps, and one line of the log where it may.

use std::sync::Arc;
use std::time::Duration;

use redis::{Value, cmd};
use tokio::time::Instant;

use crate::redis_link::{CommandError, Commands, Question};

/// Operators change the policy while Redis runs.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Looks at the policy of Redis now and then.
#[derive(Default)]
pub(super) struct EvictionWatch {
    looked_at: Option<Instant>,
    is_reported: bool,
    /// This user of Redis may not look.
    is_refused: bool,
}

impl EvictionWatch {
    /// Looks, if it is time.
    pub(super) async fn look(&mut self, commands: &Arc<Commands>) {
        if self.is_refused || self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        let mut info = cmd("INFO");
        info.arg("memory");
        match commands.ask(Question::Command(info), ()).await {
            Ok(Value::BulkString(info)) => {
                self.looked_at = Some(Instant::now());
                self.report(evicting_policy(&String::from_utf8_lossy(&info)), commands.address());
            }
            Err(CommandError::Refused(what)) if !is_not_ready(&what) => self.is_refused = true,
            // Redis is away, or starts, and is asked again.
            _ => {}
        }
    }

    fn report(&mut self, policy: Option<&str>, address: &str) {
        if let Some(policy) = policy.filter(|_| !self.is_reported) {
            tracing::warn!(
                address,
                "Redis may evict entries of the store when its memory is full: its maxmemory-policy is {policy}; set volatile-ttl or noeviction"
            );
        }
        self.is_reported = policy.is_some();
    }
}

/// Whether a refusal is one of a Redis that serves nobody yet.
fn is_not_ready(refusal: &str) -> bool {
    ["LOADING", "MASTERDOWN", "NOAUTH"].iter().any(|code| refusal.starts_with(code))
}

/// The policy, if it evicts keys without a time to live, and there is a bound that makes Redis evict.
fn evicting_policy(info: &str) -> Option<&str> {
    let value = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim_end);
    let is_bounded = value("maxmemory").is_some_and(|bytes| bytes != "0");
    value("maxmemory_policy").filter(|policy| is_bounded && policy.starts_with("allkeys-"))
}

#[cfg(test)]
mod tests {
    use super::{evicting_policy, is_not_ready};

    #[test]
    fn only_a_refusal_that_stays_ends_the_looking() {
        assert!(is_not_ready("LOADING Redis is loading the dataset in memory"));
        assert!(!is_not_ready("NOPERM this user has no permissions to run the 'info' command"));
    }

    #[test]
    fn only_what_evicts_any_key_is_reported() {
        let info = |bytes: u32, policy: &str| {
            format!("# Memory\r\nmaxmemory:{bytes}\r\nmaxmemory_human:0B\r\nmaxmemory_policy:{policy}\r\n")
        };
        assert_eq!(evicting_policy(&info(1, "allkeys-lru")), Some("allkeys-lru"));
        for (bytes, policy) in [(0, "allkeys-lru"), (1, "volatile-ttl"), (1, "noeviction")] {
            assert_eq!(evicting_policy(&info(bytes, policy)), None, "{bytes} {policy}");
        }
        assert_eq!(evicting_policy(""), None);
    }
}
