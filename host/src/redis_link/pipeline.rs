//! A connection of which many questions are under way: they are sent in the order asked, and Redis answers in that order.
//!
//! A question begins when it is asked, and is done whether or not somebody still waits for its answer.

use std::collections::HashSet;
use std::sync::LazyLock;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use redis::{Cmd, Value, cmd};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::stream::Subscription;

/// How long a connection stays for its last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// A script of ours. A connection sends its text once, and its digest from then on.
pub(crate) struct Script(LazyLock<redis::Script>, &'static str);

impl Script {
    pub(crate) const fn new(script: fn() -> redis::Script, text: &'static str) -> Self {
        Self(LazyLock::new(script), text)
    }
}

/// Makes a [`Script`] out of a text.
macro_rules! script {
    ($text:expr) => {
        $crate::redis_link::Script::new(|| redis::Script::new($text), $text)
    };
}
pub(crate) use script;

/// What Redis is asked.
pub(crate) enum Question {
    /// A command as it is.
    Command(Cmd),
    /// A script with its keys and arguments.
    Script { script: &'static Script, keys: Vec<String>, arguments: Vec<Vec<u8>> },
}

/// A question, and where its answer goes. `held` is given back when it is answered, or can no longer be.
pub(super) struct Job {
    pub(super) question: Question,
    pub(super) answer: oneshot::Sender<Value>,
    #[expect(dead_code, reason = "it is given back when the question is dropped")]
    pub(super) held: Box<dyn Send>,
}

/// The end of a connection at which questions are asked. It ends when this is dropped.
#[derive(Clone)]
pub(super) struct Pipeline {
    jobs: mpsc::UnboundedSender<Job>,
}

impl Pipeline {
    /// Starts on a connection of which nothing is awaited.
    pub(super) fn start(connection: Subscription) -> Self {
        let (jobs, queue) = mpsc::unbounded_channel();
        // Ends with the connection, and with the last of those who ask.
        tokio::spawn(run(connection, queue, jobs.downgrade()));
        Self { jobs }
    }

    /// Asks. Where the connection has ended, the answer's sender is dropped.
    pub(super) fn ask(&self, job: Job) {
        let _ended = self.jobs.send(job);
    }

    /// Waits until the connection has ended.
    pub(super) async fn closed(&self) {
        self.jobs.closed().await;
    }
}

/// Writes and reads until the connection fails. Both at once, since Redis may stop reading until its answers are read.
async fn run(connection: Subscription, mut queue: mpsc::UnboundedReceiver<Job>, again: mpsc::WeakUnboundedSender<Job>) {
    let (mut sink, mut stream) = connection.split();
    // What was sent and is not answered, in that order. As many as were asked, which those who ask bound.
    let (sent, mut waiting) = mpsc::unbounded_channel::<Job>();
    let writing = async {
        let mut known = HashSet::new();
        while let Some(first) = queue.recv().await {
            let mut next = Some(first);
            while let Some(job) = next {
                let packed = job.question.packed(&mut known);
                if sent.send(job).is_err() || sink.feed(packed).await.is_err() {
                    return;
                }
                next = queue.try_recv().ok();
            }
            if sink.flush().await.is_err() {
                return;
            }
        }
        // Nobody asks any more: another connection has taken over. What was asked here is still answered.
        sleep(LAST_ANSWERS).await;
    };
    let reading = async {
        while let Some(Ok(value)) = stream.next().await {
            // An answer to nothing: this is no Redis.
            let Ok(mut job) = waiting.try_recv() else { return };
            // Somebody has made Redis forget its scripts. Only then are questions asked in a new order: this one comes behind those
            // that were sent meanwhile.
            if is_unknown(&value)
                && let Question::Script { script, keys, arguments } = &mut job.question
            {
                job.question = Question::Command(evaluation(script, keys, arguments));
                if let Some(again) = again.upgrade() {
                    let _ended = again.send(job);
                }
                continue;
            }
            let _gone = job.answer.send(value);
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}

impl Question {
    /// As it is sent on a connection that knows some scripts.
    fn packed(&self, known: &mut HashSet<&'static str>) -> Vec<u8> {
        match self {
            Self::Command(command) => command.get_packed_command(),
            Self::Script { script, keys, arguments } if known.insert(script.1) => {
                evaluation(script, keys, arguments).get_packed_command()
            }
            Self::Script { script, keys, arguments } => {
                cmd("EVALSHA").arg(script.0.get_hash()).arg(keys.len()).arg(keys).arg(arguments).get_packed_command()
            }
        }
    }
}

fn evaluation(script: &Script, keys: &[String], arguments: &[Vec<u8>]) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(script.1).arg(keys.len()).arg(keys).arg(arguments);
    command
}

fn is_unknown(value: &Value) -> bool {
    matches!(value, Value::ServerError(error) if error.code() == "NOSCRIPT")
}
