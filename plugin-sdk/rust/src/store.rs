//! The host's store: keys and values in buckets, which outlive the plugin and the host.
//!
//! The store needs the capability `store`; the operator may grant some buckets only. Every operation is done at once and stays done, also if
//! the handler fails afterwards; when it returns, the value is on the disk. What was recorded before is sent first.
//!
//! ```no_run
//! use innkeeper_plugin::{Plugin, Reply, Result, Socket, export, store};
//!
//! fn plugin() -> Plugin {
//!     Plugin::new().capability("store").on("visit", visit)
//! }
//!
//! fn visit(_socket: &Socket, name: String) -> Result<Reply<i64>> {
//!     store::bucket("visits").increment(&name, 1).map(Reply)
//! }
//!
//! export!(plugin);
//! ```

use crate::entries;
pub use crate::entries::Entries;
use crate::error::{Error, Result};
use crate::host::host;
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// The bucket of this name, which has at most 64 bytes. It exists as long as it has a value.
pub fn bucket(name: impl Into<String>) -> Bucket {
    Bucket { name: name.into() }
}

/// Keys of at most 1,024 bytes, and values of at most 1 MiB: JSON, or bytes where a method says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    name: String,
}

impl Bucket {
    /// The value of a key, or `None` if there is none, or it has expired.
    ///
    /// ```no_run
    /// # fn f() -> innkeeper_plugin::Result<()> {
    /// # use innkeeper_plugin::store;
    /// let name = store::bucket("users").get::<String>("1")?.unwrap_or_else(|| "unknown".to_owned());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the capability is missing, a name or a value is too long, or the store is unavailable; or the value is of another
    /// type.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        self.get_bytes(key)?.map(|value| entries::read(&self.name, key, &value)).transpose()
    }

    /// Writes a value, for good.
    ///
    /// # Errors
    /// If the value cannot be written as JSON, or as for [`get`](Self::get).
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<()> {
        self.set_bytes(key, &self.text(key, value)?, None)
    }

    /// Writes a value that is gone after this time.
    ///
    /// ```no_run
    /// # fn f() -> innkeeper_plugin::Result<()> {
    /// # use innkeeper_plugin::store; use std::time::Duration;
    /// store::bucket("codes").set_for("ann", &4711, Duration::from_secs(300))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn set_for<T: Serialize + ?Sized>(&self, key: &str, value: &T, ttl: Duration) -> Result<()> {
        self.set_bytes(key, &self.text(key, value)?, Some(ttl))
    }

    /// Removes a value, and returns whether there was one.
    ///
    /// # Errors
    /// If the capability is missing, a name or a value is too long, or the store is unavailable.
    pub fn delete(&self, key: &str) -> Result<bool> {
        host().store_delete(&self.name, key)
    }

    /// Adds to a number, from 0 if there is none, and returns the sum. No addition of another instance is lost. A time to live goes on. If
    /// the value is no whole number, the error has the code `invalid`.
    ///
    /// # Errors
    /// If the capability is missing, a name or a value is too long, or the store is unavailable; or the value is no whole
    /// number, which has the code `invalid`.
    pub fn increment(&self, key: &str, by: i64) -> Result<i64> {
        host().store_increment(&self.name, key, by)
    }

    /// Writes `value` if the present value is `expected`, and returns whether it was. `None` stands for no value: as `expected`
    /// it writes only what is absent, as `value` it deletes. A time to live goes on.
    ///
    /// Values are compared as JSON text. A type that writes its members in changing order (a `HashMap`) does not equal itself.
    ///
    /// ```no_run
    /// # fn f() -> innkeeper_plugin::Result<()> {
    /// # use innkeeper_plugin::store;
    /// let names = store::bucket("names");
    /// let is_taken = !names.compare_and_swap("ann", None, Some("socket-1"))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn compare_and_swap<T: Serialize + ?Sized>(&self, key: &str, expected: Option<&T>, value: Option<&T>) -> Result<bool> {
        let text = |value: Option<&T>| value.map(|value| self.text(key, value)).transpose();
        host().store_compare_and_swap(&self.name, key, text(expected)?.as_deref(), text(value)?.as_deref())
    }

    /// The entries whose keys begin with `prefix`, in the order of their bytes, after the key `after`: at most `limit` of them,
    /// which is at most 1,000. All entries together have at most 4 MiB, else the error has the code `limit`.
    ///
    /// This is one page, for a client that asks for one; [`entries`](Self::entries) walks through all of them.
    ///
    /// ```no_run
    /// # fn f() -> innkeeper_plugin::Result<()> {
    /// # use innkeeper_plugin::store;
    /// let first_page = store::bucket("users").scan::<String>("eu/", None, 20)?;
    /// let last_seen = first_page.last().map(|(key, _)| key.as_str());
    /// let next_page = store::bucket("users").scan::<String>("eu/", last_seen, 20)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// If the capability is missing, a name or a value is too long, or the store is unavailable; if the entries have more than
    /// 4 MiB together; or a value is of another type.
    pub fn scan<T: DeserializeOwned>(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, T)>> {
        let entries = self.scan_bytes(prefix, after, limit)?.into_iter();
        entries.map(|(key, value)| entries::read(&self.name, &key, &value).map(|value| (key, value))).collect()
    }

    /// All entries whose keys begin with `prefix`, in the order of their bytes. They are read in pages while the iterator goes on, so the
    /// plugin never holds all of them. An entry that is written meanwhile may be met or not. Each page is a question: what was recorded
    /// before is sent first.
    ///
    /// An item is an error if its value is of another type, and the next one goes on behind it; or if the store refuses the page, and
    /// then it is the last one.
    ///
    /// ```no_run
    /// # fn f() -> innkeeper_plugin::Result<()> {
    /// # use innkeeper_plugin::store;
    /// for entry in store::bucket("users").entries::<String>("eu/") {
    ///     let (id, name) = entry?;
    /// }
    /// # Ok(()) }
    /// ```
    #[doc(alias = "scan")]
    pub fn entries<T: DeserializeOwned>(&self, prefix: &str) -> Entries<T> {
        Entries::new(self.name.clone(), prefix.to_owned())
    }

    /// The value of a key as it is stored.
    ///
    /// # Errors
    /// If the capability is missing, a name or a value is too long, or the store is unavailable.
    pub fn get_bytes(&self, key: &str) -> Result<Option<Vec<u8>>> {
        host().store_get(&self.name, key)
    }

    /// Writes bytes as they are, for good or for some time.
    ///
    /// # Errors
    /// If the capability is missing, a name or a value is too long, or the store is unavailable.
    pub fn set_bytes(&self, key: &str, value: &[u8], ttl: Option<Duration>) -> Result<()> {
        host().store_set(&self.name, key, value, ttl).map(|_| ())
    }

    /// [`scan`](Self::scan) with the values as they are stored.
    ///
    /// # Errors
    /// As for [`scan`](Self::scan).
    pub fn scan_bytes(&self, prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, Vec<u8>)>> {
        host().store_scan(&self.name, prefix, after, limit)
    }

    fn text<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<Vec<u8>> {
        serde_json::to_vec(value).map_err(|why| Error::internal(format!("{}: {key}: {why}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn a_value_is_stored_as_json() {
        assert_eq!(bucket("b").text("k", &None::<u8>).unwrap(), b"null");
        assert_eq!(bucket("b").text("k", "ann").unwrap(), b"\"ann\"");
    }
}
