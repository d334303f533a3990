//! The interface `store`.

use std::time::Duration;

use super::generated::innkeeper::plugin::store::{Entry, Host};
use super::generated::innkeeper::plugin::types::Failure;
use crate::plugin::host::{HostAnswer, InstanceState};

impl Host for InstanceState {
    fn ask_get(&mut self, bucket: String, key: String) -> Result<u64, Failure> {
        Ok(self.ask_store(&bucket, HostAnswer::Value, |store| store.get(&bucket, &key))?)
    }

    fn ask_set(&mut self, bucket: String, key: String, value: Vec<u8>, ttl_ms: Option<u64>) -> Result<u64, Failure> {
        let ttl = ttl_ms.map(Duration::from_millis);
        Ok(self.ask_store(&bucket, HostAnswer::Done, |store| store.set(&bucket, &key, value, ttl))?)
    }

    fn ask_delete(&mut self, bucket: String, key: String) -> Result<u64, Failure> {
        Ok(self.ask_store(&bucket, HostAnswer::Done, |store| store.delete(&bucket, &key))?)
    }

    fn ask_increment(&mut self, bucket: String, key: String, by: i64) -> Result<u64, Failure> {
        Ok(self.ask_store(&bucket, HostAnswer::Number, |store| store.increment(&bucket, &key, by))?)
    }

    fn ask_compare_and_swap(
        &mut self,
        bucket: String,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> Result<u64, Failure> {
        Ok(self.ask_store(&bucket, HostAnswer::Done, |store| store.compare_and_swap(&bucket, &key, expected, value))?)
    }

    fn ask_scan(&mut self, bucket: String, prefix: String, after: Option<String>, limit: u32) -> Result<u64, Failure> {
        Ok(self.ask_store(&bucket, HostAnswer::Entries, |store| store.scan(&bucket, &prefix, after.as_deref(), limit))?)
    }

    fn value(&mut self, ticket: u64) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.take_value(ticket)?)
    }

    fn done(&mut self, ticket: u64) -> Result<bool, Failure> {
        Ok(self.take_done(ticket)?)
    }

    fn number(&mut self, ticket: u64) -> Result<i64, Failure> {
        Ok(self.take_number(ticket)?)
    }

    fn entries(&mut self, ticket: u64) -> Result<Vec<Entry>, Failure> {
        let entries = self.take_entries(ticket)?;
        Ok(entries.into_iter().map(|(key, value)| Entry { key, value }).collect())
    }
}
