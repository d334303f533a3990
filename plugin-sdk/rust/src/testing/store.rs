//! The store of a test: in memory, with the host's rules.

use crate::error::{Error, Result};
use innkeeper_contract::limits::{
    BUCKET_NAME_BYTES_MAX, SCAN_BYTES_MAX, SCAN_ENTRIES_MAX, STORE_KEY_BYTES_MAX, STORE_VALUE_BYTES_MAX,
};
use innkeeper_contract::refusals;
use std::collections::BTreeMap;
use std::time::Duration;

/// All buckets.
#[derive(Default)]
pub(super) struct Buckets {
    buckets: BTreeMap<String, BTreeMap<String, StoredValue>>,
}

struct StoredValue {
    value: Vec<u8>,
    ends_at: Option<Duration>,
}

impl Buckets {
    pub(super) fn get(&self, bucket: &str, key: &str, now: Duration) -> Result<Option<Vec<u8>>> {
        check_names(bucket, key)?;
        Ok(self.entry(bucket, key, now).map(|entry| entry.value.clone()))
    }

    pub(super) fn set(&mut self, bucket: &str, key: &str, value: &[u8], ends_at: Option<Duration>) -> Result<bool> {
        check_names(bucket, key)?;
        check_value(value)?;
        self.bucket(bucket).insert(key.to_owned(), StoredValue { value: value.to_vec(), ends_at });
        Ok(true)
    }

    pub(super) fn delete(&mut self, bucket: &str, key: &str, now: Duration) -> Result<bool> {
        check_names(bucket, key)?;
        let was_there = self.entry(bucket, key, now).is_some();
        self.bucket(bucket).remove(key);
        Ok(was_there)
    }

    pub(super) fn increment(&mut self, bucket: &str, key: &str, by: i64, now: Duration) -> Result<i64> {
        check_names(bucket, key)?;
        let present = self.entry(bucket, key, now);
        let sum = match present {
            None => by,
            Some(entry) => sum(&entry.value, by)?,
        };
        let ends_at = present.and_then(|entry| entry.ends_at);
        self.bucket(bucket).insert(key.to_owned(), StoredValue { value: sum.to_string().into_bytes(), ends_at });
        Ok(sum)
    }

    pub(super) fn compare_and_swap(
        &mut self,
        bucket: &str,
        key: &str,
        expected: Option<&[u8]>,
        value: Option<&[u8]>,
        now: Duration,
    ) -> Result<bool> {
        check_names(bucket, key)?;
        expected.into_iter().chain(value).try_for_each(check_value)?;
        let present = self.entry(bucket, key, now);
        if present.map(|entry| &*entry.value) != expected {
            return Ok(false);
        }
        let ends_at = present.and_then(|entry| entry.ends_at);
        match value {
            Some(value) => drop(self.bucket(bucket).insert(key.to_owned(), StoredValue { value: value.to_vec(), ends_at })),
            None => drop(self.bucket(bucket).remove(key)),
        }
        Ok(true)
    }

    pub(super) fn scan(
        &self,
        bucket: &str,
        prefix: &str,
        after: Option<&str>,
        limit: u32,
        now: Duration,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        check_names(bucket, prefix)?;
        check_names(bucket, after.unwrap_or_default())?;
        if limit > SCAN_ENTRIES_MAX {
            return Err(Error::refused(refusals::scan_entries(limit)));
        }
        let entries = self.buckets.get(bucket).into_iter().flatten();
        let found = entries.filter(|(key, entry)| {
            key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) && entry.is_there(now)
        });
        let found: Vec<_> = found.take(limit as usize).map(|(key, entry)| (key.clone(), entry.value.clone())).collect();
        if found.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > SCAN_BYTES_MAX {
            return Err(Error::refused(refusals::scan_bytes()));
        }
        Ok(found)
    }

    fn entry(&self, bucket: &str, key: &str, now: Duration) -> Option<&StoredValue> {
        self.buckets.get(bucket)?.get(key).filter(|entry| entry.is_there(now))
    }

    fn bucket(&mut self, name: &str) -> &mut BTreeMap<String, StoredValue> {
        self.buckets.entry(name.to_owned()).or_default()
    }
}

impl StoredValue {
    fn is_there(&self, now: Duration) -> bool {
        self.ends_at.is_none_or(|ends_at| now < ends_at)
    }
}

fn sum(present: &[u8], by: i64) -> Result<i64> {
    let number = std::str::from_utf8(present).ok().and_then(|text| text.parse::<i64>().ok());
    let number = number.ok_or_else(|| Error::refused(refusals::not_a_number()))?;
    number.checked_add(by).ok_or_else(|| Error::refused(refusals::sum_too_large()))
}

fn check_names(bucket: &str, key: &str) -> Result<()> {
    if bucket.is_empty() || bucket.len() > BUCKET_NAME_BYTES_MAX {
        return Err(Error::refused(refusals::bucket_name(bucket.len())));
    }
    if key.len() > STORE_KEY_BYTES_MAX {
        return Err(Error::refused(refusals::store_key(key.len())));
    }
    Ok(())
}

fn check_value(value: &[u8]) -> Result<()> {
    if value.len() > STORE_VALUE_BYTES_MAX {
        return Err(Error::refused(refusals::store_value(value.len())));
    }
    Ok(())
}
