//! The shared scenarios (`tests/scenarios`) against the host of unit tests: what it promises is what the real host does, which runs
//! the same list.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use innkeeper_plugin::testing::{self, Host};
use scenarios::{Client, Received, Status, TestServer};
use serde_json::Value;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

#[test]
fn every_scenario_holds() {
    let failed = scenarios::failures("", |_| MemoryServer::new());
    assert!(failed.is_empty(), "these do not hold: {failed:#?}");
}

#[test]
fn every_scenario_of_a_cluster_holds() {
    let failed = scenarios::failures_of_cluster("", |_| MemoryServer::new());
    assert!(failed.is_empty(), "these do not hold: {failed:#?}");
}

struct MemoryServer {
    host: Rc<Host>,
    /// None for the host itself.
    node: Option<testing::Node>,
    /// The first client of each connection.
    clients: RefCell<Vec<testing::Client>>,
}

impl MemoryServer {
    fn new() -> Self {
        let [(first, one), (second, two)] = Self::plugins();
        let host = Host::chain().plugin(first, scripted::plugin).config(one).plugin(second, scripted::plugin).config(two);
        Self { host: Rc::new(host), node: None, clients: RefCell::default() }
    }
}

impl TestServer for MemoryServer {
    fn connect(&self, namespace: &str, auth: Value, over: Option<&dyn Client>) -> Box<dyn Client> {
        let connecting = self.node.as_ref().map_or_else(|| self.host.socket(namespace), |node| node.socket(namespace)).auth(auth);
        let mut clients = self.clients.borrow_mut();
        let (client, connection) = match over {
            Some(other) => (connecting.over(&clients[other.connection()]).begin(), other.connection()),
            None => (connecting.begin(), clients.len()),
        };
        if over.is_none() {
            clients.push(client.clone());
        }
        Box::new(MemoryClient { client, connection, acks: RefCell::default(), questions: RefCell::default() })
    }

    fn advance(&self, duration: Duration) {
        self.host.advance(duration);
    }

    fn node(&self, name: &str) -> Box<dyn TestServer> {
        Box::new(Self { host: self.host.clone(), node: Some(self.host.node(name)), clients: RefCell::default() })
    }
}

struct MemoryClient {
    client: testing::Client,
    connection: usize,
    acks: RefCell<Vec<(u64, testing::Ack)>>,
    questions: RefCell<Vec<testing::Received>>,
}

impl Client for MemoryClient {
    fn status(&self) -> Status {
        match self.client.refused() {
            Some(error) => Status::Refused { message: error.message, data: error.data },
            None if self.client.is_pending() => Status::Pending,
            None if self.client.is_connected() => Status::Connected,
            None => Status::Gone,
        }
    }

    fn id(&self) -> String {
        self.client.id()
    }

    fn connection(&self) -> usize {
        self.connection
    }

    fn emit(&self, name: &str, argument: Value, ack: Option<u64>) {
        match ack {
            None => self.client.emit(name, argument),
            Some(id) => {
                let ack = self.client.emit_for_ack(name, argument);
                self.acks.borrow_mut().push((id, ack));
            }
        }
    }

    fn ack(&self, id: u64, _expected: bool) -> Option<Value> {
        let acks = self.acks.borrow();
        let (_, ack) = acks.iter().find(|(other, _)| *other == id)?;
        (!ack.is_pending()).then(|| ack.value())
    }

    fn received(&self) -> Vec<Received> {
        let mut questions = self.questions.borrow_mut();
        let mut read = |received: testing::Received| {
            let (name, argument) = (received.name().to_owned(), received.args()[0].clone());
            let question = received.asks().then(|| {
                questions.push(received);
                questions.len() as u64 - 1
            });
            Received { name, argument, question }
        };
        self.client.received().into_iter().map(&mut read).collect()
    }

    fn answer(&self, question: u64, argument: Value) {
        self.questions.borrow()[question as usize].ack(argument);
    }

    fn disconnect(&self) {
        self.client.disconnect();
    }

    fn close(&self) {
        self.client.close("transport close");
    }
}
