//! `store`: questions to the host's store. Each is handed over when it is asked; its ticket only receives.

use std::sync::Arc;

use innkeeper_contract::{Refusal, codes};

use super::state::{InstanceState, hold};
use super::ticket::{HostAnswer, Ticket};
use crate::plugin::capability::Capability;
use crate::store::{Entry, Store, StoreError, StoreFuture};

impl InstanceState {
    /// Sends what was recorded, hands an operation to the store, and returns the ticket for its answer, which has at most
    /// `answer_bytes_max`.
    pub(crate) fn ask_store<T: 'static>(
        &mut self,
        bucket: &str,
        answer: fn(T) -> HostAnswer,
        answer_bytes_max: usize,
        ask: impl FnOnce(&dyn Store) -> StoreFuture<T>,
    ) -> Result<u64, Refusal> {
        let store = self.store_for(bucket)?;
        // The store may answer long before the guest takes the answer.
        let held = hold(&self.context.plugin, answer_bytes_max)?;
        let active = self.begin_question()?;
        let asked = ask(&*store);
        let answered = async move { asked.await.map(answer).map_err(|error| refusal(&error)) };
        Ok(active.tickets.add(Ticket::future(answered, active.ends_at).holding(held)))
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

fn refusal(error: &StoreError) -> Refusal {
    match error {
        StoreError::Refused(refusal) => refusal.clone(),
        other => Refusal::new(other.code(), other.to_string()),
    }
}
