//! The thread that writes: it groups what is queued, commits it and answers; it sweeps expired entries, and opens the file again after a
//! failure.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::file::{StoreFile, Write};

use super::usage::PluginQuota;
use crate::store::error::StoreError;
use crate::store::in_flight::InFlightPermit;
use crate::store::operation::{Operation, WriteResult};

/// Writes in one commit. More would let the first wait for long.
const GROUP_WRITES: usize = 1_000;
const GROUP_BYTES: usize = 16 << 20;
/// Expired entries are invisible at once; this is how long they take up room.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// Between two attempts to open a file that failed.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// One write, and where its answer goes. The permit is given back when the job is done.
pub(super) struct WriteJob {
    pub(super) bucket: Box<str>,
    pub(super) key: Box<str>,
    pub(super) operation: Operation,
    pub(super) quota: Option<Arc<PluginQuota>>,
    pub(super) answer: oneshot::Sender<Result<WriteResult, StoreError>>,
    pub(super) permit: InFlightPermit,
}

impl WriteJob {
    fn write(&self) -> Write<'_> {
        Write { bucket: &self.bucket, key: &self.key, operation: &self.operation, quota: self.quota.as_ref() }
    }
}

/// Runs until the queue is closed and empty.
pub(super) fn run(file: &StoreFile, jobs: &Receiver<WriteJob>) {
    let mut next_sweep = Instant::now() + SWEEP_EVERY;
    let mut next_try = Instant::now();
    loop {
        let first = match jobs.recv_timeout(next_sweep.saturating_duration_since(Instant::now())) {
            Ok(job) => Some(job),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let group = group(first, jobs);
        let sweeps = next_sweep <= Instant::now();
        if !file.is_open() && next_try <= Instant::now() {
            next_try = Instant::now() + RETRY_EVERY;
            file.reopen();
        }
        let more = commit(file, group, sweeps);
        if sweeps {
            next_sweep = Instant::now() + if more { Duration::ZERO } else { SWEEP_EVERY };
        }
    }
}

/// The first job and those that wait behind it.
fn group(first: Option<WriteJob>, jobs: &Receiver<WriteJob>) -> Vec<WriteJob> {
    let mut bytes = 0;
    let mut group = Vec::from_iter(first);
    while !group.is_empty() && group.len() < GROUP_WRITES && bytes < GROUP_BYTES {
        let Ok(job) = jobs.try_recv() else { break };
        bytes += job.operation.bytes();
        group.push(job);
    }
    group
}

/// Writes the group, all of it or nothing, and answers. Returns whether more has expired than one sweep takes.
fn commit(file: &StoreFile, group: Vec<WriteJob>, sweeps: bool) -> bool {
    let writes: Vec<_> = group.iter().map(WriteJob::write).collect();
    let committed = file.commit(&writes, sweeps);
    match committed {
        Ok((answers, more)) => {
            for (job, answer) in group.into_iter().zip(answers) {
                respond(job, answer);
            }
            more
        }
        Err(error) => {
            for job in group {
                respond(job, Err(error.clone()));
            }
            false
        }
    }
}

/// Answers a write. Its call may have ended by now.
fn respond(job: WriteJob, answer: Result<WriteResult, StoreError>) {
    let WriteJob { answer: sender, permit, .. } = job;
    drop(permit);
    let _gone = sender.send(answer);
}
