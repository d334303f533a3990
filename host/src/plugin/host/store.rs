//! `store`: questions to the host's store. Each is handed over when it is asked; its ticket only receives.

use std::sync::Arc;

use innkeeper_contract::{Refusal, codes};

use super::state::InstanceState;
use super::ticket::{HostAnswer, PendingAnswer, Ticket};
use crate::budget::Held;
use crate::plugin::capability::Capability;
use crate::store::{Entry, Store, StoreError, StoreFuture, number};

impl InstanceState {
    /// Sends what was recorded, hands an operation to the store, and returns the ticket for its answer, which has at most
    /// `answer_bytes_max`.
    pub(crate) fn ask_store<T: 'static>(
        &mut self,
        bucket: String,
        answer: fn(T) -> HostAnswer,
        answer_bytes_max: usize,
        ask: impl FnOnce(&dyn Store, &str) -> StoreFuture<T> + Send + 'static,
    ) -> Result<u64, Refusal> {
        let store = self.store_for(&bucket)?;
        let budget = self.context.plugin.held.clone();
        let active = self.begin_question()?;
        // The store may answer long before the guest takes the answer.
        let answered: PendingAnswer = match budget.hold(answer_bytes_max) {
            Some(held) => {
                let asked = ask(&*store, &bucket);
                Box::pin(async move { arrived(asked.await.map(answer), held) })
            }
            // Other calls of the plugin hold as much as they may: the store is asked when they have taken their answers.
            None => Box::pin(async move {
                let held = budget.wait_for(answer_bytes_max).await;
                arrived(ask(&*store, &bucket).await.map(answer), held)
            }),
        };
        Ok(active.tickets.add(Ticket::future(answered, active.ends_at)))
    }

    /// The same for an operation that changes something. In a `resumed` run it is not done, and answered with `as_if`.
    pub(crate) fn ask_store_write<T: 'static>(
        &mut self,
        bucket: String,
        answer: fn(T) -> HostAnswer,
        as_if: T,
        ask: impl FnOnce(&dyn Store, &str) -> StoreFuture<T> + Send + 'static,
    ) -> Result<u64, Refusal> {
        self.store_for(&bucket)?;
        if self.active()?.is_muted() {
            let active = self.begin_question()?;
            return Ok(active.tickets.add(Ticket::ready(answer(as_if))));
        }
        self.ask_store(bucket, answer, 0, ask)
    }

    /// Adds to a number. In a `resumed` run the answer is the present one.
    pub(crate) fn ask_increment(&mut self, bucket: String, key: String, by: i64) -> Result<u64, Refusal> {
        let is_muted = self.active()?.is_muted();
        self.ask_store(bucket, HostAnswer::Number, 0, move |store, bucket| {
            if !is_muted {
                return store.increment(bucket, &key, by);
            }
            let present = store.get(bucket, &key);
            Box::pin(async move { number(present.await?.as_deref()) })
        })
    }

    /// Takes a value that was read.
    pub(crate) fn take_value(&mut self, ticket: u64) -> Result<Option<Vec<u8>>, Refusal> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Value(value) => Ok(value),
            other => Err(other),
        })
    }

    /// Takes whether a write was done.
    pub(crate) fn take_done(&mut self, ticket: u64) -> Result<bool, Refusal> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Done(done) => Ok(done),
            other => Err(other),
        })
    }

    /// Takes the sum of an increment.
    pub(crate) fn take_number(&mut self, ticket: u64) -> Result<i64, Refusal> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Number(number) => Ok(number),
            other => Err(other),
        })
    }

    /// Takes the entries of a scan.
    pub(crate) fn take_entries(&mut self, ticket: u64) -> Result<Vec<Entry>, Refusal> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Entries(entries) => Ok(entries),
            other => Err(other),
        })
    }

    /// The store, if this plugin may use this bucket.
    fn store_for(&self, bucket: &str) -> Result<Arc<dyn Store>, Refusal> {
        let Some(store) = &self.context.store else {
            let message = "the store needs the capability \"store\": the plugin requests it when it registers, and the operator \
                           grants it with grants = [\"store\"]";
            return Err(Refusal::new(codes::DENIED, message));
        };
        if !self.context.capabilities.covers(Capability::Store, bucket) {
            let message = format!("the bucket {bucket:?} is not granted; the operator adds \"store:{bucket}\" to its grants");
            return Err(Refusal::new(codes::DENIED, message));
        }
        Ok(store.clone())
    }
}

/// The answer of the store, and what it takes, which is rarely as much as was held for it.
fn arrived(answer: Result<HostAnswer, StoreError>, mut held: Held) -> (Result<HostAnswer, Refusal>, Option<Held>) {
    held.keep(answer.as_ref().map_or(0, HostAnswer::len));
    (answer.map_err(|error| refusal(&error)), Some(held))
}

fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Refused(refusal) => refusal.clone(),
        other => Refusal::new(other.code(), other.to_string()),
    }
}
