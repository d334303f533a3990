//! The shared scenarios (`tests/scenarios`) against the real host: its listener, its engine, its plugins as components, and clients
//! over loopback. The SDK's host of unit tests runs the same list.
//!
//! The clock stands still and is moved by hand. What has to be done in between is done when every client has had its answer to
//! a ping, a few times over: then what it sent was read, and what was queued for it before was written.

mod handing_over;
mod joining;
mod wire;

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use innkeeper_contract::capabilities;
use innkeeper_contract::defaults::OPEN_CALLS_PER_SOCKET;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use crate::config::{CompilePlace, Config, PluginConfig};
use crate::event_loops::EventLoops;
use crate::node::NodeName;
use crate::redis_link::testing::TestRedis;
use crate::store::{LazyStore, RedisStore};
use crate::{app, cli};
use scenarios::{Client, Mode, Received, Status, TestServer};
use wire::{ClientSocket, Connection};

/// The step in which time passes.
const STEP: Duration = Duration::from_millis(50);
/// So long at least each of those steps takes in a cluster: its connections are tried in the time that the scenario moves, and Redis answers
/// in real time.
const STEP_OF_REDIS: Duration = Duration::from_millis(5);
/// How often all clients are pinged. What goes from one client through the host to another needs two.
const ROUNDS: usize = 3;
/// How often the network is polled in one step, so that every task can go on.
const LOOKS: usize = 16;
/// The longest wait for a thread of the store, in real time.
const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn every_scenario_holds() {
    all_hold(Mode::Pooled, "scripted", None);
}

#[test]
fn every_scenario_holds_with_the_store_on_redis() {
    let Some(redis) = TestRedis::start(&[]) else { return };
    all_hold(Mode::Pooled, "scripted", Some(&redis));
}

#[test]
fn every_scenario_holds_in_shared_mode() {
    all_hold(Mode::Shared, "scripted-shared", None);
}

#[test]
fn every_scenario_of_a_cluster_holds() {
    all_of_cluster_hold(Mode::Pooled, "scripted");
}

#[test]
fn every_scenario_of_a_cluster_holds_in_shared_mode() {
    all_of_cluster_hold(Mode::Shared, "scripted-shared");
}

fn all_hold(mode: Mode, guest: &str, redis: Option<&TestRedis>) {
    let component = built(guest);
    let open = |name: &str| {
        let place = if redis.is_some() { "redis" } else { "file" };
        OpenServer::first(RealServer::open(&format!("{mode:?}-{place}-{name}"), &component, redis), mode)
    };
    let failed = scenarios::failures(&only(), open);
    assert!(failed.is_empty(), "these do not hold: {failed:#?}");
}

fn all_of_cluster_hold(mode: Mode, guest: &str) {
    let Some(redis) = TestRedis::start(&[]) else { return };
    let component = built(guest);
    let open = |name: &str| OpenServer::first(RealServer::open_cluster(&format!("{mode:?}-{name}"), &component, &redis), mode);
    let failed = scenarios::failures_of_cluster(&only(), open);
    assert!(failed.is_empty(), "these do not hold: {failed:#?}");
}

fn built(guest: &str) -> PathBuf {
    cli::component_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests").join(guest))
}

fn only() -> String {
    std::env::var("SCENARIO").unwrap_or_default()
}

/// A host, or the nodes of a cluster, and the clients that connected.
struct RealServer {
    runtime: Option<Runtime>,
    nodes: RefCell<Vec<Rc<RealNode>>>,
    connections: RefCell<Vec<Rc<Connection>>>,
    /// The time of the store's clock.
    now_ms: Arc<AtomicU64>,
    folder: PathBuf,
    /// What a further node is made of, if this is a cluster.
    cluster: Option<Config>,
    /// Ends the thread that keeps the runtime from moving the clock itself.
    _stop: mpsc::Sender<()>,
}

/// One node.
struct RealNode {
    address: SocketAddr,
    /// The modules of the host.
    server: app::Server,
}

impl RealServer {
    fn open(name: &str, component: &Path, redis: Option<&TestRedis>) -> Self {
        let opened = Self::without_nodes(name);
        let (config, clock) = (config(component, &opened.folder), opened.now_ms.clone());
        let clock = move || clock.load(Ordering::Relaxed);
        let store = opened.run(async {
            match redis {
                Some(redis) => {
                    let commands = redis.commands().await;
                    app::store_of(&config).on_redis(RedisStore::with_clock(commands, name, usize::MAX, clock))
                }
                None => app::store_of(&config).with_clock(clock),
            }
        });
        opened.add_node(&config, store);
        opened
    }

    /// A node of a cluster.
    fn open_cluster(name: &str, component: &Path, redis: &TestRedis) -> Self {
        let mut opened = Self::without_nodes(name);
        let mut config = config(component, &opened.folder);
        config.redis.url = Some(redis.url());
        config.redis.key = name.to_owned();
        config.store.key = name.to_owned();
        config.store.path = None;
        opened.cluster = Some(config);
        opened.add_node_of_cluster("test");
        opened
    }

    fn without_nodes(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("innkeeper-scenario-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (stop, stopped) = mpsc::channel::<()>();
        // While a blocking task runs, tokio does not move a paused clock by itself.
        runtime.spawn_blocking(move || {
            let _ended = stopped.recv();
        });
        let (nodes, connections, now_ms) = (RefCell::default(), RefCell::default(), Arc::default());
        Self { runtime: Some(runtime), nodes, connections, now_ms, folder, cluster: None, _stop: stop }
    }

    fn add_node(&self, config: &Config, store: LazyStore) {
        let node = self.run(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let server = app::build(config, store, EventLoops::here(), Arc::default()).await.unwrap();
            tokio::spawn(server.engine.clone().serve(listener));
            RealNode { address, server }
        });
        self.nodes.borrow_mut().push(Rc::new(node));
    }

    /// Returns when the node hears the others, and they hear it.
    fn add_node_of_cluster(&self, name: &str) {
        let mut config = self.cluster.clone().unwrap();
        config.server.node = NodeName::parse(name);
        self.add_node(&config, app::store_of(&config));
        let begun = Instant::now();
        let is_down = |node: &Rc<RealNode>| !node.server.sources.cluster.as_ref().unwrap().down().is_empty();
        while self.nodes.borrow().iter().any(is_down) {
            assert!(begun.elapsed() < PATIENCE, "a node does not reach Redis");
            self.wait();
        }
    }

    fn node(&self, index: usize) -> Rc<RealNode> {
        self.nodes.borrow()[index].clone()
    }

    /// Waits a little, in real time.
    fn wait(&self) {
        std::thread::sleep(Duration::from_millis(1));
        self.settle();
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.runtime {
            Some(runtime) => runtime.block_on(future),
            None => panic!("the host has ended"),
        }
    }

    /// Lets everything happen that can without time passing.
    fn settle(&self) {
        self.run(self.settled());
    }

    async fn settled(&self) {
        let connections = self.connections.borrow().clone();
        for _ in 0..ROUNDS {
            look(&connections).await;
            let before: Vec<usize> = connections.iter().map(|connection| connection.pongs()).collect();
            connections.iter().for_each(|connection| connection.ping());
            let answered =
                |(connection, before): (&Rc<Connection>, &usize)| !connection.is_open() || connection.pongs() > *before;
            while !connections.iter().zip(&before).all(answered) {
                look(&connections).await;
            }
        }
    }
}

/// Yields to the other tasks: each yield polls the network once.
async fn look(connections: &[Rc<Connection>]) {
    for _ in 0..LOOKS {
        tokio::task::yield_now().await;
        connections.iter().for_each(|connection| connection.read());
    }
}

fn config(component: &Path, folder: &Path) -> Config {
    let plugin = |(name, config): (&str, Value)| {
        let mut plugin = PluginConfig::new(name, component.to_owned());
        plugin.grants = capabilities::ALL.map(str::to_owned).into();
        // Both plugins serve `/chain`, and patterns may match the same names.
        let patterns = config["patterns"].as_array().into_iter().flatten().filter_map(Value::as_str);
        plugin.namespaces = Some(["/", "/chain", "/other"].into_iter().chain(patterns).map(str::to_owned).collect());
        plugin.config = config.to_string();
        // More than the open calls of one socket, so that those are what a scenario meets first.
        plugin.limits.instances_max = 2 * OPEN_CALLS_PER_SOCKET;
        // A machine under load is no reason to fail.
        plugin.limits.run_deadline = plugin.limits.call_deadline;
        plugin
    };
    let mut config = Config { plugins: OpenServer::plugins().map(plugin).into(), ..Config::default() };
    // What computes for long on a machine under load stays where `settle` sees its end.
    config.wasm.guest_threads = Some(0);
    // A child would be this test, and the clock by which it is ended stands still.
    config.wasm.compile = CompilePlace::Inside;
    config.store.path = Some(folder.join("store.redb"));
    config
}

impl Drop for RealServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let _nothing_depends_on_it = std::fs::remove_dir_all(&self.folder);
    }
}

/// The host as a scenario has it; its clients have it too.
struct OpenServer {
    server: Rc<RealServer>,
    mode: Mode,
    /// The node that clients connect to.
    node: usize,
}

impl OpenServer {
    fn first(server: RealServer, mode: Mode) -> Self {
        Self { server: Rc::new(server), mode, node: 0 }
    }
}

impl TestServer for OpenServer {
    fn mode(&self) -> Mode {
        self.mode
    }

    fn node(&self, name: &str) -> Box<dyn TestServer> {
        self.server.add_node_of_cluster(name);
        let node = self.server.nodes.borrow().len() - 1;
        Box::new(Self { server: self.server.clone(), mode: self.mode, node })
    }

    fn connect(&self, namespace: &str, auth: Value, over: Option<&dyn Client>) -> Box<dyn Client> {
        let index = over.map_or_else(
            || {
                let address = self.server.node(self.node).address;
                let connection = self.server.run(Connection::open(address)).unwrap();
                let mut connections = self.server.connections.borrow_mut();
                connections.push(Rc::new(connection));
                connections.len() - 1
            },
            |other| other.connection(),
        );
        let connection = self.server.connections.borrow()[index].clone();
        let socket = connection.connect(namespace, &auth);
        self.server.settle();
        let server = self.server.clone();
        Box::new(RealClient { server, connection, index, namespace: namespace.to_owned(), socket })
    }

    fn advance(&self, duration: Duration) {
        let mut left = duration;
        while !left.is_zero() {
            let step = left.min(STEP);
            self.server.now_ms.fetch_add(u64::try_from(step.as_millis()).unwrap(), Ordering::Relaxed);
            self.server.run(tokio::time::advance(step));
            if self.server.cluster.is_some() {
                std::thread::sleep(STEP_OF_REDIS);
            }
            self.server.settle();
            left -= step;
        }
    }
}

/// A client on one namespace.
struct RealClient {
    server: Rc<RealServer>,
    connection: Rc<Connection>,
    index: usize,
    namespace: String,
    socket: Rc<RefCell<ClientSocket>>,
}

impl Client for RealClient {
    fn status(&self) -> Status {
        self.socket.borrow().status.clone()
    }

    fn id(&self) -> String {
        self.socket.borrow().id.clone()
    }

    fn connection(&self) -> usize {
        self.index
    }

    fn emit(&self, name: &str, argument: Value, ack: Option<u64>) {
        self.connection.packet('2', &self.namespace, ack, &json!([name, argument]).to_string());
        self.server.settle();
    }

    fn ack(&self, id: u64, expected: bool) -> Option<Value> {
        let begun = Instant::now();
        loop {
            let ack = self.socket.borrow().acks.get(&id).cloned();
            if ack.is_some() || !expected || begun.elapsed() > PATIENCE {
                return ack;
            }
            // The store works on a thread of its own, or in another process.
            self.server.wait();
        }
    }

    fn wait(&self) -> bool {
        self.server.wait();
        true
    }

    fn received(&self) -> Vec<Received> {
        std::mem::take(&mut self.socket.borrow_mut().received)
    }

    fn answer(&self, question: u64, argument: Value) {
        self.connection.packet('3', &self.namespace, Some(question), &json!([argument]).to_string());
        self.server.settle();
    }

    fn disconnect(&self) {
        self.connection.packet('1', &self.namespace, None, "");
        self.socket.borrow_mut().status = Status::Gone;
        self.server.settle();
    }

    fn close(&self) {
        self.connection.drop_stream();
        self.server.settle();
    }
}
