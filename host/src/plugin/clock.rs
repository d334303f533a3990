//! The clock that interrupts guests: one thread for the engines of all plugins.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use wasmtime::{Engine, EngineWeak};

/// How long a guest runs before it first yields to other tasks, and the step in which its running time is counted.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// The clock. Its thread ends when the clock is dropped.
pub(super) struct Clock {
    engines: Arc<Engines>,
}

#[derive(Default)]
struct Engines {
    /// Weak, because an engine ends with the generation that it was made for.
    list: Mutex<Vec<EngineWeak>>,
}

impl Clock {
    pub(super) fn start() -> std::io::Result<Self> {
        let engines = Arc::new(Engines::default());
        let ticked = Arc::downgrade(&engines);
        let tick = move || {
            while let Some(engines) = ticked.upgrade() {
                engines.tick();
                drop(engines);
                thread::sleep(TICK);
            }
        };
        thread::Builder::new().name("wasm-clock".into()).spawn(tick)?;
        Ok(Self { engines })
    }

    /// Interrupts the guests of this engine, too, for as long as there is the engine.
    pub(super) fn add(&self, engine: &Engine) {
        self.engines.lock().push(engine.weak());
    }
}

impl Engines {
    fn tick(&self) {
        self.lock().retain(|engine| engine.upgrade().map(|engine| engine.increment_epoch()).is_some());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<EngineWeak>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
