//! `store`: questions to the host's store. Each is handed over when it is asked; its ticket only receives.

use std::sync::Arc;
use std::time::Duration;

use super::InstanceState;
use super::ticket::{HostAnswer, Ticket};
use crate::plugin::bindings::v0_1::store::{Entry, Host};
use crate::plugin::bindings::v0_1::types::Failure;
use crate::plugin::capability;
use crate::plugin::validate::refusal;
use crate::store::{self, Store, StoreError};

/// The store as one plugin sees it.
#[derive(Clone)]
pub(crate) struct StoreAccess {
    pub(crate) store: Arc<dyn Store>,
    /// The buckets of a narrowed grant; None: all.
    pub(crate) buckets: Option<Vec<String>>,
}

impl Host for InstanceState {
    fn ask_get(&mut self, bucket: String, key: String) -> Result<u64, Failure> {
        self.ask_store(&bucket, HostAnswer::Value, |store| store.get(&bucket, &key))
    }

    fn ask_set(&mut self, bucket: String, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<u64, Failure> {
        let ttl = ttl_ms.map(Duration::from_millis);
        self.ask_store(&bucket, HostAnswer::Done, |store| store.set(&bucket, &key, value, ttl))
    }

    fn ask_delete(&mut self, bucket: String, key: String) -> Result<u64, Failure> {
        self.ask_store(&bucket, HostAnswer::Done, |store| store.delete(&bucket, &key))
    }

    fn ask_increment(&mut self, bucket: String, key: String, by: i64) -> Result<u64, Failure> {
        self.ask_store(&bucket, HostAnswer::Number, |store| store.increment(&bucket, &key, by))
    }

    fn ask_compare_and_swap(
        &mut self,
        bucket: String,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Result<u64, Failure> {
        self.ask_store(&bucket, HostAnswer::Done, |store| store.compare_and_swap(&bucket, &key, expected, value))
    }

    fn ask_scan(&mut self, bucket: String, prefix: String, after: Option<String>, limit: u32) -> Result<u64, Failure> {
        self.ask_store(&bucket, HostAnswer::Entries, |store| store.scan(&bucket, &prefix, after.as_deref(), limit))
    }

    fn value(&mut self, ticket: u64) -> Result<Option<Vec<u8>>, Failure> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Value(value) => Ok(value),
            other => Err(other),
        })
    }

    fn done(&mut self, ticket: u64) -> Result<bool, Failure> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Done(done) => Ok(done),
            other => Err(other),
        })
    }

    fn number(&mut self, ticket: u64) -> Result<i64, Failure> {
        self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Number(number) => Ok(number),
            other => Err(other),
        })
    }

    fn entries(&mut self, ticket: u64) -> Result<Vec<Entry>, Failure> {
        let entries = self.active()?.tickets.take_answer(ticket, |answer| match answer {
            HostAnswer::Entries(entries) => Ok(entries),
            other => Err(other),
        })?;
        Ok(entries.into_iter().map(|(key, value)| Entry { key, value }).collect())
    }
}

impl InstanceState {
    /// Sends what was recorded, hands the operation over, and gives the ticket for its answer.
    fn ask_store<T: 'static>(
        &mut self,
        bucket: &str,
        answer: fn(T) -> HostAnswer,
        ask: impl FnOnce(&dyn Store) -> store::StoreFuture<T>,
    ) -> Result<u64, Failure> {
        let store = self.store_for(bucket)?;
        let active = self.active()?;
        active.tickets.check_count()?;
        active.flush();
        let asked = ask(&*store);
        let coming = async move { asked.await.map(answer).map_err(|error| failure(&error)) };
        Ok(active.tickets.add(Ticket::future(coming, active.ends_at)))
    }

    /// The store, if this plugin may reach into this bucket.
    fn store_for(&self, bucket: &str) -> Result<Arc<dyn Store>, Failure> {
        let Some(access) = self.context.store.as_ref().filter(|_| self.has(capability::STORE)) else {
            let message = "the store needs the capability \"store\": the plugin asks for it when it registers, and the operator \
                           grants it with grants = [\"store\"]";
            return Err(refusal("denied", message));
        };
        match &access.buckets {
            Some(buckets) if !buckets.iter().any(|granted| granted == bucket) => {
                let message = format!("the bucket {bucket:?} is not granted; the operator adds \"store:{bucket}\" to its grants");
                Err(refusal("denied", message))
            }
            _ => Ok(access.store.clone()),
        }
    }
}

fn failure(error: &StoreError) -> Failure {
    refusal(error.code(), error.to_string())
}
