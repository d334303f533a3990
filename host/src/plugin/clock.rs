//! The clock that interrupts guests: one thread for the engines of all plugins. It ticks only while a guest runs, and only the engines
//! whose guests run; a host where nothing happens has no wake-ups of it.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How long a guest runs before it is interrupted, and how exact the end of its running time is.
pub(super) const TICK: Duration = Duration::from_millis(2);
/// Ticks without a guest after which the clock stops, so that a call that comes soon after another does not pay for waking it.
const TICKS_BEFORE_STOP: u32 = 8;

/// The clock. Its thread ends when the clock is dropped.
pub(super) struct Clock {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Default)]
struct Shared {
    /// Weak, because an engine ends with the loaded version that it was made for.
    engines: Mutex<Vec<Weak<EngineClock>>>,
    /// The thread is about to stop, or has stopped, until a guest runs.
    is_stopped: AtomicBool,
    has_ended: AtomicBool,
}

/// The clock of one engine.
pub(super) struct EngineClock {
    engine: Engine,
    /// Guests that run at this moment.
    running: AtomicUsize,
    shared: Arc<Shared>,
    thread: Thread,
}

/// A guest that runs, for as long as there is this value.
pub(super) struct GuestRuns<'a>(&'a EngineClock);

impl Clock {
    pub(super) fn start() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let ticked = shared.clone();
        let started = thread::Builder::new().name("wasm-clock".into()).spawn(move || ticked.run())?;
        Ok(Self { shared, thread: started.thread().clone() })
    }

    /// Interrupts the guests of this engine, too, for as long as there is the value that is returned.
    pub(super) fn of(&self, engine: Engine) -> Arc<EngineClock> {
        let (shared, thread) = (self.shared.clone(), self.thread.clone());
        let clock = Arc::new(EngineClock { engine, running: AtomicUsize::new(0), shared, thread });
        self.shared.lock().push(Arc::downgrade(&clock));
        clock
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

impl EngineClock {
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A guest begins to run.
    pub(super) fn enter(&self) -> GuestRuns<'_> {
        // This thread writes `running` and then reads `is_stopped`, the clock's writes `is_stopped` and then reads `running`: in one
        // order for both threads, one of them sees the other.
        self.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.is_stopped.load(Ordering::SeqCst) && self.shared.is_stopped.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        GuestRuns(self)
    }
}

impl Drop for GuestRuns<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Release);
    }
}

impl Shared {
    fn run(&self) {
        let mut ticks_without_guest = 0;
        while !self.has_ended.load(Ordering::Acquire) {
            if self.tick() {
                ticks_without_guest = 0;
            } else {
                ticks_without_guest += 1;
            }
            if ticks_without_guest >= TICKS_BEFORE_STOP {
                self.is_stopped.store(true, Ordering::SeqCst);
                if !self.any_runs() && !self.has_ended.load(Ordering::Acquire) {
                    // Ended by `enter`, by the end of the clock, or by nothing: then it only looks again.
                    thread::park();
                }
                self.is_stopped.store(false, Ordering::SeqCst);
                ticks_without_guest = 0;
            }
            thread::sleep(TICK);
        }
    }

    /// Interrupts the guests that run. Returns whether there is one.
    fn tick(&self) -> bool {
        let mut any_runs = false;
        self.lock().retain(|engine| {
            let Some(clock) = engine.upgrade() else { return false };
            if clock.running.load(Ordering::Relaxed) > 0 {
                clock.engine.increment_epoch();
                any_runs = true;
            }
            true
        });
        any_runs
    }

    fn any_runs(&self) -> bool {
        self.lock().iter().filter_map(Weak::upgrade).any(|clock| clock.running.load(Ordering::SeqCst) > 0)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<EngineClock>>> {
        self.engines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use wasmtime::{Config, Engine};

    use super::{Clock, TICK, TICKS_BEFORE_STOP};

    #[test]
    fn the_clock_stops_without_a_guest_and_runs_again_with_one() {
        let clock = Clock::start().unwrap();
        let engine = clock.of(Engine::new(Config::new().epoch_interruption(true)).unwrap());
        let becomes = |is_stopped: bool| {
            let begun = Instant::now();
            while clock.shared.is_stopped.load(Ordering::SeqCst) != is_stopped {
                assert!(begun.elapsed() < Duration::from_secs(10), "{is_stopped}");
                sleep(TICK);
            }
        };
        for _ in 0..3 {
            becomes(true);
            let runs = engine.enter();
            becomes(false);
            sleep(TICK * (TICKS_BEFORE_STOP + 2));
            assert!(!clock.shared.is_stopped.load(Ordering::SeqCst), "while a guest runs");
            drop(runs);
        }
    }
}
