//! The watch of real files, with short times.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what it expects")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use wasm_encoder::{Component, CustomSection};

use super::{Pace, watch_at};
use crate::generations::change::{NewComponent, Refusal, What};
use crate::generations::handle::{Asked, Generations};
use crate::generations::view::{GenerationView, PluginView};
use crate::plugin;

const PACE: Pace = Pace {
    quiet: Duration::from_millis(40),
    gather: Duration::from_millis(5),
    poll: Duration::from_millis(50),
    patience: Duration::from_millis(150),
};
const PATIENCE: Duration = Duration::from_secs(20);
const MOST_BYTES: usize = 100_000;
/// What the log says of a file without a change.
const KNOWN: &str = "the content that is known";

/// Watches `plugin.wasm` of a folder of its own, which holds the component `first` when the watching begins.
struct Scene {
    folder: PathBuf,
    asked: mpsc::Receiver<Asked>,
    views: Arc<ArcSwap<Vec<PluginView>>>,
    log: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
    _logging: DefaultGuard,
}

impl Scene {
    async fn new(prepare: impl FnOnce(&Path)) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("innkeeper-watch-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        prepare(&folder);
        let log = Arc::new(Mutex::new(Vec::new()));
        let logging = tracing::subscriber::set_default(tracing_subscriber::registry().with(Lines(log.clone())));
        let (generations, asked) = Generations::new(Arc::default());
        let views = generations.views.clone();
        views.store(Arc::new(vec![serving(&component("first", 10))]));
        let task = tokio::spawn(watch_at(PACE, vec![("chat".into(), folder.join("plugin.wasm"))], MOST_BYTES, generations));
        Self { folder, asked, views, log, task, _logging: logging }
    }

    /// With the component in its file, which has been read already.
    async fn with_first() -> Self {
        let mut scene = Self::new(|folder| fs::write(folder.join("plugin.wasm"), component("first", 10)).unwrap()).await;
        scene.line(KNOWN).await;
        scene.put("plugin.wasm", &component("second", 10));
        assert_eq!(scene.next().await, component("second", 10));
        scene
    }

    fn path(&self) -> PathBuf {
        self.folder.join("plugin.wasm")
    }

    /// Replaces a file as tools do that care.
    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.join("beside"), bytes).unwrap();
        fs::rename(self.folder.join("beside"), self.folder.join(name)).unwrap();
    }

    /// The next component that is asked for; it is accepted.
    async fn next(&mut self) -> Vec<u8> {
        self.answer(Ok(())).await
    }

    async fn answer(&mut self, answer: Result<(), Refusal>) -> Vec<u8> {
        let asked = timeout(PATIENCE, self.asked.recv()).await.expect("a change is asked for").unwrap();
        let Asked::Change(change, reply) = asked else { panic!("a change is asked for") };
        assert_eq!((change.plugin.as_str(), change.by), ("chat", "file"));
        let What::Swap { component: NewComponent::Bytes(bytes), again: false } = change.what else {
            panic!("a file is swapped: {change:?}");
        };
        reply.send(answer.map(|()| serving(&bytes))).unwrap();
        bytes
    }

    /// Waits for a line of the log that has this.
    async fn line(&self, part: &str) {
        let is_there = || self.log.lock().unwrap().iter().any(|line| line.contains(part));
        let wait = async {
            while !is_there() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{part:?} is not in {:?}", self.log.lock().unwrap()));
    }

    /// Forgets the log so far.
    fn forget(&self) {
        self.log.lock().unwrap().clear();
    }

    /// The warnings and errors.
    fn lines(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        log.iter().filter(|line| !line.starts_with("DEBUG")).cloned().collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.task.abort();
        fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// The messages, each behind its level.
struct Lines(Arc<Mutex<Vec<String>>>);

impl<S: tracing::Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        struct Message(String);
        impl tracing::field::Visit for Message {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        // Of the watch alone: what it calls has lines of its own.
        if event.metadata().target().starts_with("innkeeper") {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(format!("{} {}", event.metadata().level(), message.0));
        }
    }
}

/// The plugin, when this component serves.
fn serving(component: &[u8]) -> PluginView {
    let generation = GenerationView {
        number: 1,
        digest: plugin::digest(component),
        mode: "pooled",
        sdk: String::new(),
        namespaces: Vec::new(),
        capabilities: Vec::new(),
        since_ms: 0,
    };
    PluginView {
        name: "chat".into(),
        status: "serving",
        generation: Some(generation),
        previous: Vec::new(),
        kept: Vec::new(),
        rollbacks: 0,
        last_problem: None,
    }
}

/// A component of this name and about this size.
fn component(name: &str, bytes: usize) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&CustomSection { name: name.into(), data: vec![1; bytes].into() });
    component.finish()
}

#[tokio::test]
async fn a_file_is_read_when_it_is_whole() {
    let mut scene = Scene::with_first().await;
    let whole = component("third", 1_000);
    fs::write(scene.path(), &whole[..600]).unwrap();
    scene.line("is no whole component: unexpected end").await;
    fs::write(scene.path(), &whole).unwrap();
    assert_eq!(scene.next().await, whole);

    fs::write(scene.path(), b"").unwrap();
    scene.line("is no whole component: unexpected end-of-file (at offset 0x0)").await;
    fs::write(scene.path(), b"no component at all").unwrap();
    scene.line("is no whole component: magic header not detected").await;
    assert_eq!(scene.lines().len(), 3, "each is one line: {:?}", scene.lines());
}

#[tokio::test]
async fn a_file_that_shrinks_is_not_used_until_it_has_grown_again() {
    let mut scene = Scene::with_first().await;
    let whole = component("third", 50_000);
    fs::write(scene.path(), &whole).unwrap();
    // While it may be read, or just before.
    for length in (1..9).rev() {
        fs::File::options().write(true).open(scene.path()).unwrap().set_len(length * 5_000).unwrap();
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    scene.line("is no whole component").await;
    scene.put("plugin.wasm", &whole);
    assert_eq!(scene.next().await, whole);
}

#[tokio::test]
async fn a_replaced_file_and_a_link_to_another_target_are_changes() {
    let mut scene = Scene::new(|folder| {
        for version in ["one", "two"] {
            fs::create_dir_all(folder.join(version)).unwrap();
            let name = if version == "one" { "first" } else { version };
            fs::write(folder.join(version).join("plugin.wasm"), component(name, 10)).unwrap();
        }
        symlink("one", folder.join("current")).unwrap();
        symlink("current/plugin.wasm", folder.join("plugin.wasm")).unwrap();
    })
    .await;
    scene.line(KNOWN).await;
    // As volumes of a cluster are: a link in the middle is replaced.
    symlink("two", scene.folder.join("next")).unwrap();
    fs::rename(scene.folder.join("next"), scene.folder.join("current")).unwrap();
    assert_eq!(scene.next().await, component("two", 10));
    // The target itself, behind the link.
    scene.put("two/plugin.wasm", &component("three", 10));
    assert_eq!(scene.next().await, component("three", 10));
    // The link becomes a file.
    scene.put("plugin.wasm", &component("four", 10));
    assert_eq!(scene.next().await, component("four", 10));
    assert_eq!(scene.lines(), [""; 0]);
}

#[tokio::test]
async fn a_folder_a_pipe_or_nothing_at_its_path_is_one_line_and_changes_nothing() {
    let mut scene = Scene::with_first().await;
    let path = scene.path();
    type Step = fn(&Path);
    let kinds: [(&str, Step, Step); 4] = [
        ("is a folder", |path| fs::create_dir(path).unwrap(), |path| fs::remove_dir(path).unwrap()),
        ("is no file, but a device", make_pipe, |path| fs::remove_file(path).unwrap()),
        ("cannot be read: No such file", |path| symlink("nowhere", path).unwrap(), |path| fs::remove_file(path).unwrap()),
        ("cannot be read: Too many levels", |path| symlink("plugin.wasm", path).unwrap(), |path| fs::remove_file(path).unwrap()),
    ];
    for (number, (line, make, remove)) in kinds.into_iter().enumerate() {
        fs::remove_file(&path).unwrap();
        make(&path);
        scene.line(line).await;
        remove(&path);
        scene.put("plugin.wasm", &component(line, 10));
        assert_eq!(scene.next().await, component(line, 10));
        assert_eq!(scene.lines().len(), number + 1, "{:?}", scene.lines());
    }
}

#[tokio::test]
async fn the_folder_itself_may_go_and_come_back() {
    let mut scene = Scene::with_first().await;
    fs::remove_dir_all(&scene.folder).unwrap();
    scene.line("cannot be read: No such file").await;
    fs::create_dir(&scene.folder).unwrap();
    for version in ["third", "fourth"] {
        scene.put("plugin.wasm", &component(version, 10));
        assert_eq!(scene.next().await, component(version, 10));
    }
}

#[tokio::test]
async fn the_same_content_is_sent_once_whether_it_was_accepted_or_refused() {
    let mut scene = Scene::with_first().await;
    scene.forget();
    scene.put("plugin.wasm", &component("second", 10));
    scene.line(KNOWN).await;
    scene.put("plugin.wasm", &component("third", 10));
    assert_eq!(scene.answer(Err(Refusal::Refused("it has no exports".into()))).await, component("third", 10));
    scene.line("it has no exports").await;
    assert_eq!(scene.lines().len(), 1, "{:?}", scene.lines());
    scene.forget();
    scene.put("plugin.wasm", &component("third", 10));
    scene.line(KNOWN).await;
    scene.put("plugin.wasm", &component("fourth", 10));
    assert_eq!(scene.next().await, component("fourth", 10));
    assert_eq!(scene.lines(), [""; 0]);
}

#[tokio::test]
async fn what_a_busy_host_did_not_take_is_sent_again() {
    let mut scene = Scene::with_first().await;
    scene.put("plugin.wasm", &component("third", 10));
    assert_eq!(scene.answer(Err(Refusal::Busy)).await, component("third", 10));
    assert_eq!(scene.next().await, component("third", 10));
    assert_eq!(scene.lines(), [""; 0]);
}

#[tokio::test]
async fn a_file_that_changed_before_the_watching_began_is_a_change() {
    let mut scene = Scene::new(|folder| fs::write(folder.join("plugin.wasm"), component("newer", 10)).unwrap()).await;
    assert_eq!(scene.next().await, component("newer", 10));
}

#[tokio::test]
async fn a_paused_plugin_has_its_file_when_it_goes_on() {
    let mut scene = Scene::with_first().await;
    let second = serving(&component("second", 10));
    scene.views.store(Arc::new(vec![PluginView { status: "paused", ..second.clone() }]));
    scene.put("plugin.wasm", &component("third", 10));
    tokio::time::sleep(PACE.poll * 4).await;
    assert!(scene.asked.try_recv().is_err(), "it is paused");
    scene.views.store(Arc::new(vec![second]));
    assert_eq!(scene.next().await, component("third", 10));
}

#[tokio::test]
async fn a_file_beyond_component_bytes_max_is_not_read() {
    let mut scene = Scene::with_first().await;
    fs::File::create(scene.path()).unwrap().set_len(1 << 40).unwrap();
    scene.line("has 1099511627776 bytes, and component_bytes_max in [limits] allows 100000").await;
    scene.put("plugin.wasm", &component("third", 10));
    assert_eq!(scene.next().await, component("third", 10));
}

fn make_pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}
