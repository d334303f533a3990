//! The interface `store`.

use std::time::Duration;

use innkeeper_contract::limits::{SCAN_BYTES_MAX, STORE_VALUE_BYTES_MAX};

use super::generated::innkeeper::plugin::store::{Entry, Host};
use super::generated::innkeeper::plugin::types::Failure;
use crate::plugin::host::{HostAnswer, InstanceState};
use crate::store::Store;

impl Host for InstanceState {
    fn ask_get(&mut self, bucket: String, key: String) -> Result<u64, Failure> {
        self.ask_store(bucket, HostAnswer::Value, STORE_VALUE_BYTES_MAX, move |store, bucket| store.get(bucket, &key))
            .map_err(|refusal| self.refused(refusal))
    }

    fn ask_set(&mut self, bucket: String, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<u64, Failure> {
        let ttl = ttl_ms.map(Duration::from_millis);
        self.ask_store_write(bucket, HostAnswer::Done, true, move |store, bucket| store.set(bucket, &key, value, ttl))
            .map_err(|refusal| self.refused(refusal))
    }

    fn ask_delete(&mut self, bucket: String, key: String) -> Result<u64, Failure> {
        self.ask_store_write(bucket, HostAnswer::Done, true, move |store, bucket| store.delete(bucket, &key))
            .map_err(|refusal| self.refused(refusal))
    }

    fn ask_increment(&mut self, bucket: String, key: String, by: i64) -> Result<u64, Failure> {
        Self::ask_increment(self, bucket, key, by).map_err(|refusal| self.refused(refusal))
    }

    fn ask_compare_and_swap(
        &mut self,
        bucket: String,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Result<u64, Failure> {
        let ask = move |store: &dyn Store, bucket: &str| store.compare_and_swap(bucket, &key, expected, value);
        self.ask_store_write(bucket, HostAnswer::Done, false, ask).map_err(|refusal| self.refused(refusal))
    }

    fn ask_scan(&mut self, bucket: String, prefix: String, after: Option<String>, limit: u32) -> Result<u64, Failure> {
        self.ask_store(bucket, HostAnswer::Entries, SCAN_BYTES_MAX, move |store, bucket| {
            store.scan(bucket, &prefix, after.as_deref(), limit)
        })
        .map_err(|refusal| self.refused(refusal))
    }

    fn value(&mut self, ticket: u64) -> Result<Option<Vec<u8>>, Failure> {
        self.take_value(ticket).map_err(|refusal| self.refused(refusal))
    }

    fn done(&mut self, ticket: u64) -> Result<bool, Failure> {
        self.take_done(ticket).map_err(|refusal| self.refused(refusal))
    }

    fn number(&mut self, ticket: u64) -> Result<i64, Failure> {
        self.take_number(ticket).map_err(|refusal| self.refused(refusal))
    }

    fn entries(&mut self, ticket: u64) -> Result<Vec<Entry>, Failure> {
        let entries = self.take_entries(ticket).map_err(|refusal| self.refused(refusal))?;
        Ok(entries.into_iter().map(|(key, value)| Entry { key, value }).collect())
    }
}
