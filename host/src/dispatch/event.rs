//! An event: all middleware of the namespace, then every handler of the event, then at most one answer for a failure.

use std::sync::Arc;

use super::{Hall, failure};
use crate::plugin::{Call, Chain, Ended, Entry, Event, Failure, Hook, Progress};
use crate::sockets::Record;

/// Runs the chain of an event.
pub(super) async fn event(hall: Arc<Hall>, socket: Arc<Record>, event: Event, progress: Arc<Progress>) {
    let Some(chain) = hall.registry.chain(socket.namespace().name()) else { return };
    let ack = event.ack;
    let run = Run { hall: &hall, socket: &socket, progress: &progress };
    let failed = match run.middleware(&chain, event).await {
        Ok(event) => run.handlers(&chain, event).await,
        Err(failure) => Some(failure),
    };
    let answer = failed.and_then(|failed| failure::answer(&socket, ack, &failed));
    if let Some(answer) = answer {
        hall.effects.leave(&mut vec![answer]);
    }
}

struct Run<'a> {
    hall: &'a Hall,
    socket: &'a Arc<Record>,
    progress: &'a Arc<Progress>,
}

impl Run<'_> {
    /// The event that the handlers see, or why they see none.
    async fn middleware(&self, chain: &Chain, event: Event) -> Result<Arc<Event>, Failure> {
        let mut event = Arc::new(event);
        for member in chain.members.iter().filter(|member| member.has(Hook::EventMiddleware)) {
            match member.plugin.clone().call(self.call(Entry::EventMiddleware(event.clone()))).await {
                Ended::Done => {}
                Ended::Rewritten { name, payload } => event = Arc::new(Event { name, payload, ack: event.ack }),
                Ended::Rejected(failure) | Ended::Failed { failure, .. } => return Err(failure),
            }
        }
        Ok(event)
    }

    /// Runs every handler, whatever becomes of the others. The first failure is the one that is told.
    async fn handlers(&self, chain: &Chain, event: Arc<Event>) -> Option<Failure> {
        let mut failed = None;
        for member in chain.members.iter().filter(|member| member.handles(&event.name)) {
            match member.plugin.clone().call(self.call(Entry::Event(event.clone()))).await {
                Ended::Rejected(failure) | Ended::Failed { failure, .. } => failed = failed.or(Some(failure)),
                Ended::Done | Ended::Rewritten { .. } => {}
            }
        }
        failed
    }

    fn call(&self, entry: Entry) -> Call {
        let (effects, progress) = (self.hall.effects.clone(), self.progress.clone());
        Call { entry, socket: Some(self.socket.clone()), effects, progress }
    }
}
