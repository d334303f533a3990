//! What the host promises to plugins, as scenarios. They do not depend on how a host is made: the same list runs against the real
//! one and against the host of the SDK's unit tests, so that the two cannot drift apart.
//!
//! The plugins are `tests/guests/scripted` twice, under the names `first` and `second` with their names and their patterns as configuration: it takes
//! the steps that a scenario gives it, in `auth` when a client connects and in the event `do`. [`failures`] runs the list; each scenario
//! gets a new host. The plugins may be of either mode: where the modes differ, a scenario expects two things, and names the rule
//! (`differs`). What needs a queue of events that stands still waits in middleware in `shared` mode, where handlers overlap.

// A scenario says what it expects.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "this is all tests")]

mod atomicity;
mod chains;
mod cluster;
mod connecting;
mod differs;
mod disconnecting;
mod events;
mod limits;
mod overtaking;
mod patterns;
mod questions;
mod rooms;
mod state;
mod test_client;
mod timers;

use serde_json::Value;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

pub use test_client::{TestClient, first, plan};

/// The mode in which the plugins register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An instance serves one call at a time.
    Pooled,
    /// An instance serves many open calls.
    Shared,
}

/// A host whose clock the scenario moves. Every method returns when all is done that can be done without time passing.
pub trait TestServer {
    /// A client connects to a namespace, over a connection of its own or over that of another client.
    fn connect(&self, namespace: &str, auth: Value, over: Option<&dyn Client>) -> Box<dyn Client>;

    /// Lets time pass, in steps of at most 50 ms: what falls due in it happens at its time.
    fn advance(&self, duration: Duration);

    /// Another node of the same cluster, with a name of its own. The first is `test`.
    fn node(&self, name: &str) -> Box<dyn TestServer>;

    /// The mode of the plugins.
    fn mode(&self) -> Mode {
        Mode::Pooled
    }

    /// The names of the plugins, in order, each with its configuration.
    fn plugins() -> [(&'static str, Value); 2]
    where
        Self: Sized,
    {
        let config = |name, patterns: &[&str]| serde_json::json!({"name": name, "patterns": patterns});
        [("first", &patterns::OF_FIRST[..]), ("second", &patterns::OF_SECOND)]
            .map(|(name, patterns)| (name, config(name, patterns)))
    }
}

/// A client on one namespace.
pub trait Client {
    /// The status of the client.
    fn status(&self) -> Status;

    /// The id of its socket, once it is connected.
    fn id(&self) -> String;

    /// The number of its connection, for [`TestServer::connect`].
    fn connection(&self) -> usize;

    /// Emits an event with one argument. With an id it asks for an ack.
    fn emit(&self, name: &str, argument: Value, ack: Option<u64>);

    /// The first argument of the ack under this id, if it has come. Waits a little, in real time, if one is expected.
    fn ack(&self, id: u64, expected: bool) -> Option<Value>;

    /// The events that have come since the last time.
    fn received(&self) -> Vec<Received>;

    /// Answers a question, with one argument.
    fn answer(&self, question: u64, argument: Value);

    /// Waits a little, in real time, for what comes from another process. False where nothing does.
    fn wait(&self) -> bool {
        false
    }

    /// Disconnects from the namespace.
    fn disconnect(&self);

    /// Closes the connection without a packet: `transport close`.
    fn close(&self);
}

/// The status of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Status {
    /// The client has sent CONNECT and has no answer.
    Pending,
    /// The client is in its namespace.
    Connected,
    /// The client was refused.
    Refused {
        /// `error.message`.
        message: String,
        /// `error.data`.
        data: Option<Value>,
    },
    /// The client was in its namespace and has disconnected.
    Gone,
}

/// An event that a client received.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    /// The name of the event.
    pub name: String,
    /// The first argument, null if there is none.
    pub argument: Value,
    /// The id under which it is to be answered, if it is a question.
    pub question: Option<u64>,
}

/// A scenario, which is given a host.
pub type Scenario = fn(&dyn TestServer);

/// Runs all scenarios whose names contain `only`, each with a host of its own, and returns those that do not hold, each with the
/// rules by which it expects another thing of each mode.
pub fn failures<S: TestServer>(only: &str, open: impl Fn(&'static str) -> S) -> Vec<Failure> {
    failures_of(&scenarios(), only, open)
}

/// The same for the scenarios of a cluster, with a host that can be a node of one.
pub fn failures_of_cluster<S: TestServer>(only: &str, open: impl Fn(&'static str) -> S) -> Vec<Failure> {
    failures_of(cluster::SCENARIOS, only, open)
}

/// The name of a scenario that does not hold, and the rules.
pub type Failure = (&'static str, Vec<&'static str>);

fn failures_of<S: TestServer>(
    scenarios: &[(&'static str, Scenario)],
    only: &str,
    open: impl Fn(&'static str) -> S,
) -> Vec<Failure> {
    let chosen = scenarios.iter().filter(|(name, _)| name.contains(only));
    let failed = chosen.filter_map(|(name, scenario)| {
        let server = open(name);
        let holds = catch_unwind(AssertUnwindSafe(|| scenario(&server))).is_ok();
        let rules = differs::met();
        (!holds).then_some((*name, rules))
    });
    failed.collect()
}

/// All scenarios, by name.
fn scenarios() -> Vec<(&'static str, Scenario)> {
    let lists: [&[(&'static str, Scenario)]; 12] = [
        connecting::SCENARIOS,
        chains::SCENARIOS,
        patterns::SCENARIOS,
        events::SCENARIOS,
        overtaking::SCENARIOS,
        atomicity::SCENARIOS,
        rooms::SCENARIOS,
        questions::SCENARIOS,
        timers::SCENARIOS,
        disconnecting::SCENARIOS,
        state::SCENARIOS,
        limits::SCENARIOS,
    ];
    lists.concat()
}

/// A list of scenarios, each under the name of its function.
macro_rules! list {
    ($($name:ident),* $(,)?) => {
        pub(crate) const SCENARIOS: &[(&str, crate::Scenario)] = &[$((stringify!($name), $name)),*];
    };
}
pub(crate) use list;
