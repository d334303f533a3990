//! The host, as the plugin has it in one call.

use super::host_state::HostState;
use super::ids::SocketIndex;
use super::job::{Resumption, Wait, WaitFor};
use super::line::Line;
use super::loaded_plugin::LoadedPlugin;
use super::recording::Recording;
use super::scheduler::{JobHandle, Scheduler};
use super::write::Write;
use crate::bindings::innkeeper::plugin::types::Target;
use crate::error::{Error, Result};
use innkeeper_contract::{defaults, refusals};
use std::cell::RefCell;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The payload of the panic that ends a call where it stands, because it took too long.
pub(super) struct Aborted;

/// The host of one call.
pub(super) struct CallHost {
    scheduler: Arc<Scheduler>,
    plugin: Arc<LoadedPlugin>,
    /// None while the plugin registers: then there is no call in which anything could be done.
    call: Option<(Rc<JobHandle>, RefCell<Recording>)>,
}

impl CallHost {
    /// For a plugin that registers.
    pub(super) fn without_call(scheduler: Arc<Scheduler>, plugin: Arc<LoadedPlugin>) -> Self {
        Self { scheduler, plugin, call: None }
    }

    pub(super) fn new(job: Rc<JobHandle>, recording: Recording) -> Self {
        let (scheduler, plugin) = (job.scheduler.clone(), recording.plugin.clone());
        Self { scheduler, plugin, call: Some((job, RefCell::new(recording))) }
    }

    pub(super) fn plugin(&self) -> &LoadedPlugin {
        &self.plugin
    }

    /// The name of the event that the call is about.
    pub(super) fn event(&self) -> Option<String> {
        self.call.as_ref().and_then(|(_, recording)| recording.borrow().event.clone())
    }

    /// The writes that were not sent yet.
    pub(super) fn take_writes(&self) -> Vec<Write> {
        self.call.as_ref().map(|(_, recording)| std::mem::take(&mut recording.borrow_mut().writes)).unwrap_or_default()
    }

    /// Does something in the call, as an import of the contract would.
    pub(super) fn with<T>(&self, run: impl FnOnce(&mut Recording, &mut HostState) -> Result<T>) -> Result<T> {
        match &self.call {
            Some((_, recording)) => run(&mut recording.borrow_mut(), &mut self.scheduler.state()),
            None => Err(Error::refused(refusals::no_call())),
        }
    }

    /// The same for what can be done at any time.
    pub(super) fn with_state<T>(&self, run: impl FnOnce(&mut HostState) -> T) -> T {
        run(&mut self.scheduler.state())
    }

    /// Records a write about one socket, which does nothing if that is gone.
    pub(super) fn write_to(&self, socket: &str, write: impl FnOnce(SocketIndex) -> Write) -> Result<()> {
        self.with(|call, state| match call.find(state, socket)? {
            Some(socket) => call.record(write(socket)),
            None => Ok(()),
        })
    }

    /// Records a write about all sockets that a target names.
    pub(super) fn write_to_all(&self, target: &Target, write: impl FnOnce(Target) -> Write) -> Result<()> {
        self.with(|call, state| {
            call.check_target(state, target)?;
            call.record(write(target.clone()))
        })
    }

    /// Waits until it is time, or, for a question, until all have answered.
    pub(super) fn wait(&self, waits_for: WaitFor, until: Duration) -> Result<()> {
        let Some((job, recording)) = &self.call else { return Err(Error::refused(refusals::no_call())) };
        let ends_at = recording.borrow().ends_at;
        match job.wait(Wait { waits_for, until, ends_at }) {
            Resumption::Continue => Ok(()),
            // Not a failure that a handler could go on from: its instance is gone.
            Resumption::Abort => resume_unwind(Box::new(Aborted)),
        }
    }

    /// Writes a line of the log, unless the call has written as many as it may.
    pub(super) fn write_line(&self, line: Line) {
        let lines = self.call.as_ref().map_or(0, |(_, recording)| {
            let lines = &mut recording.borrow_mut().log_lines;
            *lines += 1;
            *lines
        });
        if lines <= defaults::LOG_LINES_PER_CALL_MAX {
            self.scheduler.state().log.push(line);
        }
    }
}
