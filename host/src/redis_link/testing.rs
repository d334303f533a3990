//! A real redis-server for tests: on a socket in a folder of its own, without files, ended with the test.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test")]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{Commands, RedisLink};
use crate::config::{RedisEndpoint, RedisUrl};

const PATIENCE: Duration = Duration::from_secs(10);

static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A running server.
pub(crate) struct TestRedis {
    folder: PathBuf,
    child: Child,
    arguments: Vec<String>,
}

impl TestRedis {
    /// Starts one, with more arguments of its command line. `None`, and a line that says so, where no redis-server is installed, unless
    /// this is CI.
    pub(crate) fn start(arguments: &[&str]) -> Option<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("innkeeper-redis-{}-{number}", std::process::id()));
        let _absent = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let arguments: Vec<_> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        match run(&folder, &arguments) {
            Ok(child) => Some(Self { folder, child, arguments }.reached()),
            Err(error) if std::env::var_os("CI").is_none() => {
                println!("SKIPPED: redis-server cannot be started ({error}); tests/run installs it");
                None
            }
            Err(error) => panic!("redis-server: {error}"),
        }
    }

    pub(crate) fn link(&self) -> RedisLink {
        RedisLink::new(self.url(), None, "innkeeper-test".to_owned())
    }

    pub(crate) fn url(&self) -> RedisUrl {
        RedisUrl { endpoint: RedisEndpoint::Unix(self.socket()), username: None, password: None, database: 3 }
    }

    /// Questions to it, which wait for a machine under load.
    pub(crate) async fn commands(&self) -> Arc<Commands> {
        Commands::start_with(self.link(), PATIENCE).await
    }

    /// Waits, in real time, until it answers.
    fn reached(self) -> Self {
        let began = Instant::now();
        while self.cli(&["PING"]) != "PONG" {
            assert!(began.elapsed() < PATIENCE, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        self
    }

    /// Its own command line.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli").arg("-s").arg(self.socket()).args(["-n", "3"]).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// `STOP` or `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        let signalled = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(signalled.success());
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = run(&self.folder, &self.arguments).unwrap();
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("redis.sock")
    }
}

fn run(folder: &std::path::Path, arguments: &[String]) -> std::io::Result<Child> {
    let mut command = Command::new("redis-server");
    command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]).arg(folder.join("redis.sock"));
    command.arg("--dir").arg(folder).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn()
}

impl Drop for TestRedis {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
        let _removed = std::fs::remove_dir_all(&self.folder);
    }
}
