//! An event: all event middleware of the namespace, then every handler of the event, then at most one answer for a failure.

use std::sync::Arc;

use smallvec::SmallVec;

use super::dispatcher::Dispatcher;
use super::failure;
use super::met::{self, Newcomers};
use crate::adapter::Socket;
use crate::plugin::{Call, CallOutcome, Chain, Event, Export, Failure, Hook, Member, Progress};

/// Runs the chain of an event.
pub(super) async fn event(
    dispatcher: Arc<Dispatcher>,
    socket: Arc<Socket>,
    chain: Option<Arc<Chain>>,
    newcomers: Newcomers,
    event: Event,
    progress: Arc<Progress>,
) {
    let Some(chain) = chain else { return };
    if !newcomers.is_empty() {
        Box::pin(met::resume(&dispatcher, &socket, &chain, newcomers, &progress)).await;
    }
    let ack = event.ack;
    let run = EventRun { dispatcher: &dispatcher, socket: &socket, progress: &progress };
    let failed = match run.middleware(&chain, event).await {
        Ok(event) => run.handlers(&chain, event).await,
        Err(failure) => Some(failure),
    };
    let answer = failed.and_then(|failed| failure::answer(&socket, ack, &failed));
    if let Some(answer) = answer {
        dispatcher.effects.apply(&mut vec![answer]);
    }
}

/// The chain of one event.
struct EventRun<'a> {
    dispatcher: &'a Dispatcher,
    socket: &'a Arc<Socket>,
    progress: &'a Arc<Progress>,
}

impl EventRun<'_> {
    /// Runs the middleware. Returns the event for the handlers, or why it reaches none.
    async fn middleware(&self, chain: &Chain, event: Event) -> Result<Arc<Event>, Failure> {
        let mut event = Arc::new(event);
        for member in chain.members.iter().filter(|member| member.has(Hook::EventMiddleware)) {
            match member.plugin.clone().call(self.call(member, Export::EventMiddleware(event.clone()))).await {
                CallOutcome::Done => {}
                CallOutcome::Rewritten { name, payload } => event = Arc::new(Event { name, payload, ack: event.ack }),
                CallOutcome::Rejected(failure) | CallOutcome::Failed { failure, .. } => return Err(failure),
            }
        }
        Ok(event)
    }

    /// Runs every handler, whether or not another one fails. Returns the first failure that is to be answered.
    async fn handlers(&self, chain: &Chain, event: Arc<Event>) -> Option<Failure> {
        let mut failed = None;
        let subscribed = chain.members.iter().filter_map(|member| Some((member, member.subscription(&event.name)?)));
        let mut subscribed = subscribed.collect::<SmallVec<[_; 2]>>().into_iter();
        while let Some((member, subscription)) = subscribed.next() {
            // Only the last call, so that every plugin sees the events of one socket start in the order received.
            if subscribed.len() == 0 {
                self.progress.set_last(subscription.overtakable);
            }
            match member.plugin.clone().call(self.call(member, Export::Event(event.clone()))).await {
                CallOutcome::Rejected(failure) | CallOutcome::Failed { failure, .. } => {
                    failed = failed.or_else(|| (!failure.is_silent()).then_some(failure));
                }
                CallOutcome::Done | CallOutcome::Rewritten { .. } => {}
            }
        }
        failed
    }

    fn call(&self, member: &Member, export: Export) -> Call {
        let (effects, progress) = (self.dispatcher.effects.clone(), self.progress.clone());
        Call { export, registration: Some(member.index), socket: Some(self.socket.clone()), effects, progress }
    }
}
