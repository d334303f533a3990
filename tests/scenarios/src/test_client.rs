//! A client of a scenario, with methods for what it makes the plugins do.

use crate::differs::HANDLERS_OVERLAP;
use crate::{Client, Status, TestServer};
use serde_json::{Value, json};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// The longest wait for what comes from another process.
const PATIENCE: Duration = Duration::from_secs(10);
/// Waits until what does not come would have come.
const WAITS: usize = 50;

/// A client of a scenario.
pub struct TestClient {
    client: Box<dyn Client>,
    acks: Cell<u64>,
}

/// What the plugin `first` shall do at one point: the steps of `tests/guests/scripted`.
pub fn first(place: &str, steps: Value) -> Value {
    plan("first", place, steps)
}

/// What a plugin shall do at one point: `middleware`, `connection`, `handler`, `disconnecting` or `disconnect`.
pub fn plan(plugin: &str, place: &str, steps: Value) -> Value {
    json!({ plugin: { place: steps } })
}

/// Where a wait holds up the events of a socket on `/chain`: in a handler of `first`, or, where handlers overlap, in its
/// middleware.
pub(crate) fn holding(server: &dyn TestServer) -> &'static str {
    HANDLERS_OVERLAP.either(server, "handler", "middleware")
}

impl TestClient {
    /// A client without a plan.
    pub fn plain(server: &dyn TestServer, namespace: &str) -> Self {
        Self::planned(server, namespace, json!({}))
    }

    /// A client with a plan for what the plugins do when it connects and disconnects.
    pub fn planned(server: &dyn TestServer, namespace: &str, auth: Value) -> Self {
        Self { client: server.connect(namespace, auth, None), acks: Cell::new(0) }
    }

    /// The same client on another namespace.
    pub fn also(&self, server: &dyn TestServer, namespace: &str, auth: Value) -> Self {
        Self { client: server.connect(namespace, auth, Some(&*self.client)), acks: Cell::new(0) }
    }

    /// A client that is in a room.
    pub fn in_room(server: &dyn TestServer, room: &str) -> Self {
        Self::planned(server, "/", first("connection", json!([{"join": room}])))
    }

    /// The id of the client's socket.
    pub fn id(&self) -> String {
        self.client.id()
    }

    /// The status of the client.
    pub fn status(&self) -> Status {
        self.client.status()
    }

    /// Whether the client is in its namespace.
    pub fn is_in(&self) -> bool {
        self.status() == Status::Connected
    }

    /// Makes `first` take these steps.
    pub fn does(&self, steps: Value) {
        self.emits(first("handler", steps));
    }

    /// Makes the plugins do what is planned.
    pub fn emits(&self, plans: Value) {
        self.client.emit("do", plans, None);
    }

    /// The same in the event that the next one may overtake.
    pub fn emits_overtakable(&self, plans: Value) {
        self.client.emit("do anytime", plans, None);
    }

    /// The same with an ack, which may come later.
    pub fn starts(&self, steps: Value) -> u64 {
        self.starts_plans(first("handler", steps))
    }

    /// Makes the plugins do what is planned, and asks for an ack.
    pub fn starts_plans(&self, plans: Value) -> u64 {
        self.starts_event("do", plans)
    }

    /// Emits another event than `do`, and reads its ack.
    pub fn asks_event(&self, name: &str) -> Value {
        let ack = self.starts_event(name, json!({}));
        self.acked(ack)
    }

    /// Emits another event than `do`, and asks for an ack.
    pub fn starts_event(&self, name: &str, argument: Value) -> u64 {
        self.acks.set(self.acks.get() + 1);
        self.client.emit(name, argument, Some(self.acks.get()));
        self.acks.get()
    }

    /// The ack, if it has come.
    pub fn ack(&self, id: u64) -> Option<Value> {
        self.client.ack(id, false)
    }

    /// The ack that has to be there.
    pub fn acked(&self, id: u64) -> Value {
        self.client.ack(id, true).expect("the ack is there")
    }

    /// Makes `first` take these steps and reads its ack, now.
    pub fn asks(&self, steps: Value) -> Value {
        let mut steps = steps.as_array().cloned().unwrap_or_default();
        steps.push(json!("answer"));
        let id = self.starts(Value::from(steps));
        self.acked(id)
    }

    /// The one result of one step.
    pub fn asks_for(&self, step: Value) -> Value {
        self.asks(json!([step]))[0].clone()
    }

    /// The events that it received since the last call, each with its argument.
    pub fn received(&self) -> Vec<(String, Value)> {
        self.client.received().into_iter().map(|received| (received.name, received.argument)).collect()
    }

    /// So many events, which may come from another node.
    pub fn receives(&self, count: usize) -> Vec<(String, Value)> {
        let (begun, mut received) = (Instant::now(), self.received());
        while received.len() < count && begun.elapsed() < PATIENCE && self.client.wait() {
            received.extend(self.received());
        }
        received
    }

    /// Whether the socket is disconnected, perhaps by another node.
    pub fn becomes_gone(&self) -> bool {
        let begun = Instant::now();
        while self.status() != Status::Gone && begun.elapsed() < PATIENCE && self.client.wait() {}
        self.status() == Status::Gone
    }

    /// Waits so long that whatever is on its way from another node has arrived.
    pub fn waits(&self) {
        for _ in 0..WAITS {
            self.client.wait();
        }
    }

    /// The names of those events alone.
    pub fn names(&self) -> Vec<String> {
        self.received().into_iter().map(|(name, _)| name).collect()
    }

    /// The question that it received, if that is the only one.
    pub fn asked(&self) -> u64 {
        let (begun, mut received) = (Instant::now(), self.client.received());
        while received.is_empty() && begun.elapsed() < PATIENCE && self.client.wait() {
            received = self.client.received();
        }
        let questions: Vec<u64> = received.iter().filter_map(|received| received.question).collect();
        assert_eq!(questions.len(), 1, "one question came: {received:?}");
        questions[0]
    }

    /// Answers a question.
    pub fn answers(&self, question: u64, answer: Value) {
        self.client.answer(question, answer);
    }

    /// Disconnects from the namespace.
    pub fn leaves(&self) {
        self.client.disconnect();
    }

    /// Closes the connection without a packet.
    pub fn loses_connection(&self) {
        self.client.close();
    }
}

/// Events as they are compared: names with their argument.
pub(crate) fn events<const N: usize>(events: [(&str, Value); N]) -> Vec<(String, Value)> {
    events.map(|(name, argument)| (name.to_owned(), argument)).to_vec()
}
