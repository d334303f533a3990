//! The entries of a bucket, one after the other. The host returns them in pages; the iterator asks for the next page when it needs one.

use crate::error::{Error, Result};
use crate::host::host;
use crate::json;
use innkeeper_contract::codes;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

/// Entries of a page. So many small ones are little memory, and one question.
const PAGE: u32 = 100;

/// The entries of a bucket whose keys begin with a prefix: see [`Bucket::entries`](crate::store::Bucket::entries).
#[must_use = "nothing is read before the first `next`"]
pub struct Entries<T> {
    bucket: String,
    prefix: String,
    /// What was read and not yet returned.
    page: VecDeque<(String, Vec<u8>)>,
    /// The last key that was read.
    after: Option<String>,
    /// Entries of the next page.
    limit: u32,
    /// Whether there is no further page, or the host refused it.
    is_over: bool,
    value: PhantomData<fn() -> T>,
}

impl<T> Entries<T> {
    pub(crate) fn new(bucket: String, prefix: String) -> Self {
        Self { bucket, prefix, page: VecDeque::new(), after: None, limit: PAGE, is_over: false, value: PhantomData }
    }

    /// Reads the next page. One that has too many bytes is asked for again with fewer entries: a single entry is never too long.
    fn read_page(&mut self) -> Result<()> {
        loop {
            match host().store_scan(&self.bucket, &self.prefix, self.after.as_deref(), self.limit) {
                Err(error) if error.is_host() && error.code_str() == codes::LIMIT && self.limit > 1 => self.limit /= 2,
                Err(error) => return Err(error),
                Ok(page) => {
                    self.is_over = page.len() < self.limit as usize;
                    self.after = page.last().map(|(key, _)| key.clone());
                    self.page = page.into();
                    return Ok(());
                }
            }
        }
    }
}

impl<T: DeserializeOwned> Iterator for Entries<T> {
    type Item = Result<(String, T)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty()
            && !self.is_over
            && let Err(error) = self.read_page()
        {
            self.is_over = true;
            return Some(Err(error));
        }
        let (key, value) = self.page.pop_front()?;
        Some(read(&self.bucket, &key, &value).map(|value| (key, value)))
    }
}

impl<T> fmt::Debug for Entries<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Entries({}: {:?})", self.bucket, self.prefix)
    }
}

/// A value of a bucket, typed.
pub(crate) fn read<T: DeserializeOwned>(bucket: &str, key: &str, value: &[u8]) -> Result<T> {
    let value = str::from_utf8(value).map_err(|error| error.to_string()).and_then(json::read);
    value.map_err(|error| Error::internal(format!("{bucket}: {key}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_value_that_does_not_fit_is_named() {
        let error = read::<u8>("users", "1", b"\"old\"").unwrap_err();
        assert!(error.message().starts_with("users: 1: invalid type"), "{error}");
    }
}
