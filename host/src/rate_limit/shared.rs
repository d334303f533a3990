//! Limits of rate that all nodes count together, in Redis: one script and one round trip for each question.
//!
//! A window is a number with a time to live, as `rate-limiter-flexible` keeps it there. The prefix is ours, though: Node's limits have
//! names of their own, and a plugin's keys must not collide with them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::Value;

use super::decision::Decision;
use crate::config::OnFailure;
use crate::fixed_limits::RATE_LIMIT_QUESTIONS_MAX;
use crate::redis_link::{Commands, Question, Script, script};

/// Counts the points, and opens a window where none is open. Returns the points of the window, and how long it stays open.
static CONSUME: Script = script!(
    "local consumed = redis.call('INCRBY', KEYS[1], ARGV[1])
     local left = redis.call('PTTL', KEYS[1])
     if left < 0 then
         redis.call('PEXPIRE', KEYS[1], ARGV[2])
         left = tonumber(ARGV[2])
     end
     return {consumed, left}"
);
/// After this time a client may try again where limits cannot be counted and nothing is allowed: by then Redis has been tried.
const WAIT_FOR_REDIS: Duration = Duration::from_secs(1);

/// The limits of all plugins in Redis.
pub(crate) struct SharedLimits {
    commands: Arc<Commands>,
    /// What the keys in Redis begin with.
    key: String,
    on_failure: OnFailure,
    /// Questions that Redis did not answer.
    without_redis: AtomicU64,
}

/// What points are taken of.
pub(crate) struct Points<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) key: &'a str,
    pub(crate) points: u32,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
}

impl SharedLimits {
    pub(crate) fn new(commands: Arc<Commands>, key: &str, on_failure: OnFailure) -> Self {
        Self { commands, key: key.to_owned(), on_failure, without_redis: AtomicU64::new(0) }
    }

    /// Takes points at once; the future receives the answer, none where Redis gives none. No future, and nothing taken, if as many
    /// questions of the plugin wait already as may; each holds `waiting`, also if its call has ended.
    pub(crate) fn consume(
        &self,
        points: &Points<'_>,
        waiting: &Arc<()>,
    ) -> Option<impl Future<Output = Option<Decision>> + Send + 'static> {
        // At the bound, two at once may both be asked.
        if Arc::strong_count(waiting) > RATE_LIMIT_QUESTIONS_MAX {
            return None;
        }
        let key = format!("{}:limit:{}:{}", self.key, points.plugin, points.key);
        // A time to live of 0 would be none.
        let window = points.window.as_millis().max(1);
        let arguments = vec![points.points.to_string().into_bytes(), window.to_string().into_bytes()];
        let asked = self.commands.ask(Question::Script { script: &CONSUME, keys: vec![key], arguments }, waiting.clone());
        let limit = points.limit;
        Some(async move { decision(&asked.await.ok()?, limit) })
    }

    /// The answer where Redis gives none. `local` counts on this node.
    pub(crate) fn without_redis(&self, limit: u32, local: impl FnOnce() -> Decision) -> Decision {
        self.without_redis.fetch_add(1, Ordering::Relaxed);
        match self.on_failure {
            OnFailure::Local => local(),
            OnFailure::Allow => Decision::uncounted(limit),
            OnFailure::Deny => {
                Decision { allowed: false, remaining: 0, consumed: 0, before_next: WAIT_FOR_REDIS, displaced: false }
            }
        }
    }

    /// How many questions Redis did not answer.
    pub(crate) fn unanswered(&self) -> u64 {
        self.without_redis.load(Ordering::Relaxed)
    }
}

fn decision(answer: &Value, limit: u32) -> Option<Decision> {
    let Value::Array(parts) = answer else { return None };
    let [Value::Int(consumed), Value::Int(left)] = &**parts else { return None };
    // More than 32 bits of points count as all of them.
    let consumed = u32::try_from(*consumed).unwrap_or(u32::MAX);
    Some(Decision {
        allowed: consumed <= limit,
        remaining: limit.saturating_sub(consumed),
        consumed,
        before_next: Duration::from_millis(u64::try_from(*left).unwrap_or_default()),
        displaced: false,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Decision, OnFailure, Points, SharedLimits};
    use crate::fixed_limits::RATE_LIMIT_QUESTIONS_MAX;
    use crate::redis_link::testing::TestRedis;

    const SECOND: Duration = Duration::from_secs(1);

    fn points<'a>(plugin: &'a str, points: u32, window: Duration) -> Points<'a> {
        Points { plugin, key: "user:1", points, limit: 3, window }
    }

    async fn take(limits: &SharedLimits, points: &Points<'_>) -> Option<Decision> {
        limits.consume(points, &Arc::default()).unwrap().await
    }

    #[tokio::test]
    async fn all_nodes_count_together_and_what_goes_beyond_the_limit_does_not_extend_the_window() {
        let Some(redis) = TestRedis::start(&[]) else { return };
        let node = async || SharedLimits::new(redis.commands().await, "k", OnFailure::Local);
        let (one, other) = (node().await, node().await);
        let window = Duration::from_millis(300);
        let first = take(&one, &points("a", 2, window)).await.unwrap();
        assert_eq!((first.allowed, first.remaining, first.consumed), (true, 1, 2));
        assert!(first.before_next <= window && first.before_next > window / 2);
        let second = take(&other, &points("a", 2, 60 * SECOND)).await.unwrap();
        assert_eq!((second.allowed, second.remaining, second.consumed), (false, 0, 4));
        assert!(second.before_next <= first.before_next);
        assert_eq!(take(&one, &points("b", 1, window)).await.unwrap().consumed, 1, "plugins do not collide");
        assert_eq!(redis.cli(&["GET", "k:limit:a:user:1"]), "4");
        while redis.cli(&["EXISTS", "k:limit:a:user:1"]) == "1" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let full = take(&one, &points("a", u32::MAX, SECOND)).await.unwrap();
        assert_eq!((full.consumed, take(&one, &points("a", u32::MAX, SECOND)).await.unwrap().consumed), (u32::MAX, u32::MAX));
    }

    #[tokio::test]
    async fn without_redis_the_configuration_says_what_is_answered() {
        let Some(mut redis) = TestRedis::start(&[]) else { return };
        let commands = redis.commands().await;
        redis.kill();
        let local = Decision::uncounted(7);
        for (on_failure, expected) in
            [(OnFailure::Local, (true, 7)), (OnFailure::Allow, (true, 3)), (OnFailure::Deny, (false, 0))]
        {
            let limits = SharedLimits::new(commands.clone(), "k", on_failure);
            assert_eq!(take(&limits, &points("a", 1, SECOND)).await, None);
            let decision = limits.without_redis(3, || local);
            assert_eq!(((decision.allowed, decision.remaining), limits.unanswered()), (expected, 1), "{on_failure:?}");
        }
    }

    #[tokio::test]
    async fn no_more_questions_wait_for_redis_than_may_also_those_whose_calls_have_ended() {
        let Some(redis) = TestRedis::start(&[]) else { return };
        let (limits, waiting) = (SharedLimits::new(redis.commands().await, "k", OnFailure::Local), Arc::new(()));
        redis.signal("STOP");
        for _ in 0..RATE_LIMIT_QUESTIONS_MAX {
            drop(limits.consume(&points("a", 1, 60 * SECOND), &waiting).unwrap());
        }
        assert!(limits.consume(&points("a", 1, 60 * SECOND), &waiting).is_none());
        redis.signal("CONT");
        while Arc::strong_count(&waiting) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(limits.consume(&points("a", 1, 60 * SECOND), &waiting).is_some());
    }
}
