//! The threads of the loops, and others with a runtime of their own.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use tokio::runtime::Builder;

use super::event_loop::EventLoops;

/// A task that another thread has woken comes after so many tasks of the loop's own, at the latest. tokio's 31 is meant for a queue
/// that is served by other threads as well; here a socket whose answer comes from the store would fall behind all others.
const FOREIGN_INTERVAL: u32 = 2;

/// Threads of one loop in which something may wait for a disk: files, the store. They end when they have had nothing to do for a while.
const BLOCKING_THREADS: usize = 8;

/// Threads that each run one future on a runtime of its own.
pub(crate) struct Threads {
    loops: EventLoops,
    /// Never receives anything: it is disconnected when the last thread has dropped its sender.
    ended: Receiver<()>,
    alive: Sender<()>,
}

impl Threads {
    /// Starts so many loops, each on a thread.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let (alive, ended) = channel();
        let threads = Self { loops: EventLoops::new(count), ended, alive };
        for (number, event_loop) in threads.loops.iter().enumerate() {
            let event_loop = Arc::clone(event_loop);
            threads.run(&format!("loop-{number}"), || Ok(async move { event_loop.run().await }))?;
        }
        Ok(threads)
    }

    pub(crate) fn loops(&self) -> &EventLoops {
        &self.loops
    }

    /// Runs what accepts connections: on a thread of its own, or on the loop if there is one only.
    pub(crate) fn accept<F: Future<Output = ()> + Send + 'static>(&self, accept: F) -> io::Result<()> {
        match self.loops.only() {
            Some(event_loop) => {
                event_loop.spawn(|| accept);
                Ok(())
            }
            None => self.run("accept", || Ok(accept)),
        }
    }

    /// Runs a future on a new thread, which ends with it. `begin` makes the future, on the runtime of that thread.
    pub(crate) fn run<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &str,
        begin: impl FnOnce() -> io::Result<F>,
    ) -> io::Result<()> {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().global_queue_interval(FOREIGN_INTERVAL).max_blocking_threads(BLOCKING_THREADS);
        let runtime = builder.build()?;
        let future = {
            let _entered = runtime.enter();
            begin()?
        };
        let alive = self.alive.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(future);
            // What a blocking thread of a library still does is not waited for.
            runtime.shutdown_background();
            drop(alive);
        })?;
        Ok(())
    }

    /// Ends the loops, and waits until all threads have ended, but not for longer than `patience`: a guest may still compute. Returns
    /// whether they have.
    pub(crate) fn end(self, patience: Duration) -> bool {
        self.loops.iter().for_each(|event_loop| event_loop.end());
        drop(self.alive);
        self.ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected)
    }
}
