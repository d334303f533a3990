//! The lines that wait to be written, and the thread that writes them.
//!
//! Whoever logs never waits for the reader of the log, and never fails with it: a line that finds the queue full is dropped, and
//! so is one that cannot be written. Dropped lines are counted, and a line says how many there were as soon as lines are written
//! again.

use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::fixed_limits::LOG_QUEUE_BYTES_MAX;

/// Where the reader has made the pipe non-blocking: how long until the next try.
const RETRY_PAUSE: Duration = Duration::from_millis(10);
/// A buffer that has grown beyond this is not kept.
const KEPT_BYTES: usize = 64 << 10;

/// Lines that are not yet written, up to [`LOG_QUEUE_BYTES_MAX`].
#[derive(Debug, Default)]
pub(crate) struct LogQueue {
    state: Mutex<QueueState>,
    /// A line has come. Waited for by the writing thread.
    filled: Condvar,
    /// All lines are written. Waited for by `flush`.
    emptied: Condvar,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: Vec<u8>,
    is_writing: bool,
    dropped: u64,
    /// Of the dropped lines, those that a line in the log has reported.
    reported: u64,
}

impl LogQueue {
    /// Adds a line, which ends with a line break, or drops it.
    pub(super) fn push(&self, line: &str) {
        let mut state = self.lock();
        if state.waiting.len() + line.len() > LOG_QUEUE_BYTES_MAX {
            state.dropped += 1;
            return;
        }
        let was_empty = state.waiting.is_empty();
        state.waiting.extend_from_slice(line.as_bytes());
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Waits until all lines are written, or cannot be, or until the time is up.
    pub(super) fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        while state.is_writing || !state.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.emptied.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many lines were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines and takes all of them; `spare` becomes the buffer of those to come.
    fn take(&self, spare: Vec<u8>) -> Vec<u8> {
        let mut state = self.lock();
        while state.waiting.is_empty() {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.is_writing = true;
        mem::replace(&mut state.waiting, spare)
    }

    /// The lines that were taken are written, except for so many. Returns how many dropped lines the log has to report.
    fn written(&self, lost: u64) -> u64 {
        let mut state = self.lock();
        state.is_writing = false;
        state.dropped += lost;
        if state.waiting.is_empty() {
            self.emptied.notify_all();
        }
        if lost > 0 {
            return 0;
        }
        let unreported = state.dropped - state.reported;
        state.reported = state.dropped;
        unreported
    }
}

/// Writes what comes into the queue, until the program ends. Where the system gives no thread, nothing is written.
pub(super) fn spawn(queue: &Arc<LogQueue>, mut to: impl Write + Send + 'static) {
    let queue = Arc::clone(queue);
    let run = move || {
        let mut spare = Vec::new();
        let mut is_torn = false;
        loop {
            let lines = queue.take(spare);
            let rest = write(&mut to, &lines, &mut is_torn);
            let lost = rest.iter().filter(|byte| **byte == b'\n').count();
            let dropped = queue.written(lost as u64);
            if dropped > 0 {
                tracing::warn!(dropped, "lines of the log were dropped: it could not be written, or was not read");
            }
            spare = lines;
            spare.clear();
            if spare.capacity() > KEPT_BYTES {
                spare = Vec::new();
            }
        }
    };
    // Ends with the program: what is to be written before that, `flush` waits for.
    let _no_thread = thread::Builder::new().name("log".into()).spawn(run);
}

/// Writes as much as can be written, and returns the rest. `is_torn`: whether the last line that was written has no end.
fn write<'a>(to: &mut impl Write, mut bytes: &'a [u8], is_torn: &mut bool) -> &'a [u8] {
    if *is_torn {
        *is_torn = to.write(b"\n").is_err();
    }
    while !bytes.is_empty() {
        match to.write(bytes) {
            Ok(0) => break,
            Ok(written) => {
                let (done, rest) = bytes.split_at(written.min(bytes.len()));
                *is_torn = done.last() != Some(&b'\n');
                bytes = rest;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY_PAUSE),
            Err(_) => break,
        }
    }
    bytes
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::io::{self, Write};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::Duration;

    use super::{LogQueue, spawn, write};
    use crate::fixed_limits::LOG_QUEUE_BYTES_MAX;

    /// Takes a part each time that it is allowed to, and tells which.
    struct Slow {
        allowed: Receiver<()>,
        taken: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.allowed.recv().map_err(io::Error::other)?;
            self.taken.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_log_that_is_not_read_keeps_so_many_bytes_and_counts_what_it_drops() {
        let (allow, allowed) = channel();
        let (taken, takes) = channel();
        let queue = Arc::new(LogQueue::default());
        spawn(&queue, Slow { allowed, taken });
        let line = format!("{}\n", "x".repeat(1_023));
        let fits = LOG_QUEUE_BYTES_MAX / line.len();
        queue.push(&line);
        while !queue.lock().is_writing {
            thread::yield_now();
        }
        for _ in 0..fits + 100 {
            queue.push(&line);
        }
        queue.flush(Duration::from_millis(10));
        let dropped = usize::try_from(queue.dropped()).unwrap();
        assert_eq!(dropped, 100);
        allow.send(()).unwrap();
        allow.send(()).unwrap();
        queue.flush(Duration::from_secs(10));
        drop(allow);
        let bytes: usize = takes.try_iter().map(|bytes| bytes.len()).sum();
        assert_eq!(bytes / line.len() + dropped, fits + 101);
    }

    #[test]
    fn lines_that_cannot_be_written_are_counted_and_nobody_waits_for_them() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let queue = Arc::new(LogQueue::default());
        spawn(&queue, Full);
        for _ in 0..7 {
            queue.push("line\n");
        }
        queue.flush(Duration::from_secs(10));
        assert_eq!(queue.dropped(), 7);
    }

    #[test]
    fn after_a_line_that_was_cut_off_the_next_one_begins_anew() {
        #[derive(Clone, Default)]
        struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);
        impl Write for Disk {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let (written, free) = &mut *self.0.lock().unwrap();
                let takes = bytes.len().min(*free);
                written.extend_from_slice(&bytes[..takes]);
                *free -= takes;
                if takes == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(takes) }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut disk = Disk::default();
        disk.0.lock().unwrap().1 = 8;
        let mut is_torn = false;
        assert_eq!(write(&mut disk, b"first\nsecond\n", &mut is_torn), b"cond\n");
        assert_eq!(write(&mut disk, b"third\n", &mut is_torn), b"third\n");
        disk.0.lock().unwrap().1 = 100;
        assert!(write(&mut disk, b"fourth\n", &mut is_torn).is_empty());
        assert_eq!(disk.0.lock().unwrap().0, b"first\nse\nfourth\n");
    }
}
