//! The breaker, with a real Redis.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Duration;

use redis::{Value, cmd};
use tokio::time::{Instant, sleep};

use super::{ANSWER_TIMEOUT, CommandError, Commands, Question};
use crate::redis_link::testing::TestRedis;
use crate::redis_link::{Script, script};

async fn ask(commands: &Arc<Commands>, words: &[&str]) -> Result<Value, CommandError> {
    let mut command = cmd(words[0]);
    command.arg(&words[1..]);
    commands.ask(Question::Command(command), ()).await
}

async fn until_up(commands: &Commands) -> Duration {
    let began = Instant::now();
    while !commands.figures().is_up {
        assert!(began.elapsed() < Duration::from_secs(10), "Redis is not reached again");
        sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}

#[tokio::test]
async fn questions_begin_when_they_are_asked_in_that_order_and_also_if_nobody_waits() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let commands = Commands::start(redis.link()).await;
    let append = |text: &str| commands.ask(Question::Command(cmd("APPEND").arg("k").arg(text).clone()), ());
    drop((0..10).map(|number| append(&number.to_string())).collect::<Vec<_>>());
    assert_eq!(ask(&commands, &["GET", "k"]).await.unwrap(), Value::BulkString(b"0123456789".to_vec()));
}

#[tokio::test]
async fn a_redis_that_hangs_opens_the_breaker_and_one_that_goes_on_closes_it() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let commands = Commands::start(redis.link()).await;
    assert!(commands.figures().is_up);
    redis.signal("STOP");
    let began = Instant::now();
    let asked: Vec<_> = (0..20).map(|_| commands.ask(Question::Command(cmd("PING")), ())).collect();
    for answer in asked {
        assert_eq!(answer.await, Err(CommandError::Away));
    }
    assert!(began.elapsed() < 3 * ANSWER_TIMEOUT, "they wait at the same time");
    let figures = commands.figures();
    assert_eq!((figures.is_up, figures.opened), (false, 1));
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(ask(&commands, &["PING"]).await, Err(CommandError::Away));
    }
    assert!(began.elapsed() < ANSWER_TIMEOUT, "while it is open nobody waits");
    // Longer than the old connection is tried, so that a new one has to be made.
    sleep(2 * ANSWER_TIMEOUT).await;
    redis.signal("CONT");
    assert!(until_up(&commands).await < Duration::from_secs(2));
    assert!(ask(&commands, &["PING"]).await.is_ok());
    assert!(commands.figures().open_time >= 2 * ANSWER_TIMEOUT);
}

#[tokio::test]
async fn a_connection_that_is_killed_and_a_redis_that_is_started_again_are_reached_again() {
    let Some(mut redis) = TestRedis::start(&[]) else { return };
    let commands = Commands::start(redis.link()).await;
    for round in 1..=3 {
        redis.cli(&["CLIENT", "KILL", "TYPE", "normal"]);
        // What was lost is noticed by nobody's question.
        while commands.figures().opened < round {
            sleep(Duration::from_millis(5)).await;
        }
        assert!(until_up(&commands).await < Duration::from_secs(1));
        assert!(ask(&commands, &["PING"]).await.is_ok());
    }
    redis.kill();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(ask(&commands, &["PING"]).await, Err(CommandError::Away));
    redis.start_again();
    assert!(until_up(&commands).await < Duration::from_secs(2));
}

#[tokio::test]
async fn a_script_is_sent_once_and_again_where_redis_has_forgotten_it() {
    static SCRIPT: Script = script!("return redis.call('INCR', KEYS[1])");
    let Some(redis) = TestRedis::start(&[]) else { return };
    let commands = Commands::start(redis.link()).await;
    let ask = || commands.ask(Question::Script { script: &SCRIPT, keys: vec!["n".to_owned()], arguments: Vec::new() }, ());
    let asked: Vec<_> = (0..3).map(|_| ask()).collect();
    for (number, answer) in (1..).zip(asked) {
        assert_eq!(answer.await, Ok(Value::Int(number)));
    }
    assert!(redis.cli(&["INFO", "commandstats"]).contains("cmdstat_eval:calls=1,"));
    redis.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!((ask().await, ask().await), (Ok(Value::Int(4)), Ok(Value::Int(5))));
}

#[tokio::test]
async fn a_redis_without_memory_refuses_writes_and_opens_nothing() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let commands = Commands::start(redis.link()).await;
    ask(&commands, &["SET", "k", "1"]).await.unwrap();
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    for _ in 0..10 {
        let refused = ask(&commands, &["SET", "k", "2"]).await.unwrap_err();
        assert!(matches!(&refused, CommandError::Refused(what) if what.contains("OOM")), "{refused}");
    }
    assert!(ask(&commands, &["GET", "k"]).await.is_ok() && commands.figures().is_up);
    assert_eq!(commands.figures().refused, 10);
}

#[tokio::test]
async fn a_connection_to_what_has_become_a_replica_is_replaced_once_a_second() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let commands = Commands::start(redis.link()).await;
    redis.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    let number = || commands.lock().number;
    let began = Instant::now();
    while number() < 3 {
        let refused = ask(&commands, &["SET", "k", "1"]).await;
        // While a connection follows another one, what was asked on the old one may have no answer.
        assert!(
            matches!(&refused, Err(CommandError::Refused(what)) if what.starts_with("READONLY"))
                || refused == Err(CommandError::Away)
        );
        sleep(Duration::from_millis(20)).await;
    }
    assert!(began.elapsed() > Duration::from_secs(2));
    assert!(ask(&commands, &["GET", "k"]).await.is_ok());
    redis.cli(&["REPLICAOF", "NO", "ONE"]);
    assert!(ask(&commands, &["SET", "k", "1"]).await.is_ok());
    assert_eq!(commands.figures().opened, 0);
}
