//! The rules of every kind of store: the bounds of names, values and scans, and what counts as a number.

use innkeeper_contract::limits::{
    BUCKET_NAME_BYTES_MAX, SCAN_BYTES_MAX, SCAN_ENTRIES_MAX, STORE_KEY_BYTES_MAX, STORE_VALUE_BYTES_MAX,
};
use innkeeper_contract::{Refusal, refusals};

use super::api::Entry;
use super::error::StoreError;

pub(super) fn check_names(bucket: &str, key: &str) -> Result<(), StoreError> {
    if bucket.is_empty() || bucket.len() > BUCKET_NAME_BYTES_MAX {
        return Err(StoreError::Refused(refusals::bucket_name(bucket.len())));
    }
    if key.len() > STORE_KEY_BYTES_MAX {
        return Err(StoreError::Refused(refusals::store_key(key.len())));
    }
    Ok(())
}

pub(super) fn check_value(value: &[u8]) -> Result<(), StoreError> {
    if value.len() > STORE_VALUE_BYTES_MAX {
        return Err(StoreError::Refused(refusals::store_value(value.len())));
    }
    Ok(())
}

pub(super) fn check_scan(bucket: &str, prefix: &str, after: Option<&str>, wanted: u32) -> Result<(), StoreError> {
    check_names(bucket, prefix)?;
    check_names(bucket, after.unwrap_or_default())?;
    if wanted > SCAN_ENTRIES_MAX {
        return Err(StoreError::Refused(refusals::scan_entries(wanted)));
    }
    Ok(())
}

/// The answer of a scan while it grows.
#[derive(Default)]
pub(super) struct ScanAnswer {
    pub(super) entries: Vec<Entry>,
    bytes: usize,
}

impl ScanAnswer {
    /// Adds an entry. All entries of an answer are bounded together, because the host holds them until the answer is taken.
    pub(super) fn push(&mut self, key: &str, value: &[u8]) -> Result<(), StoreError> {
        self.bytes += key.len() + value.len();
        if self.bytes > SCAN_BYTES_MAX {
            return Err(StoreError::Refused(refusals::scan_bytes()));
        }
        self.entries.push((key.to_owned(), value.to_vec()));
        Ok(())
    }
}

/// The sum, if `present` is a number and the sum still is one.
pub(super) fn sum(present: Option<&[u8]>, by: i64) -> Result<i64, StoreError> {
    let Some(present) = present else { return Ok(by) };
    let number = std::str::from_utf8(present).ok().and_then(|text| text.parse::<i64>().ok());
    let number = number.ok_or_else(|| StoreError::Refused(refusals::not_a_number()))?;
    number.checked_add(by).ok_or_else(|| StoreError::Refused(refusals::sum_too_large()))
}

/// The number that a value is; 0 if there is none.
pub(crate) fn number(present: Option<&[u8]>) -> Result<i64, StoreError> {
    sum(present, 0)
}

/// The refusal of what the store has no capacity for.
pub(super) fn limit(name: &'static str, message: String) -> StoreError {
    StoreError::Refused(Refusal::limit(name, message))
}

#[cfg(test)]
mod tests {
    use innkeeper_contract::limits::{
        BUCKET_NAME_BYTES_MAX, SCAN_BYTES_MAX, SCAN_ENTRIES_MAX, STORE_KEY_BYTES_MAX, STORE_VALUE_BYTES_MAX,
    };

    use super::{ScanAnswer, check_names, check_scan, check_value, sum};

    #[test]
    fn names_values_and_scans_have_bounds() {
        let code = |checked: Result<(), crate::store::StoreError>| checked.err().map(|error| error.code());
        let text = |bytes: usize| "x".repeat(bytes);
        let (bucket, key) = (text(BUCKET_NAME_BYTES_MAX), text(STORE_KEY_BYTES_MAX));
        let (long_bucket, long_key) = (text(BUCKET_NAME_BYTES_MAX + 1), text(STORE_KEY_BYTES_MAX + 1));
        assert_eq!(code(check_names("", "k")), Some("limit"));
        assert_eq!(code(check_names(&long_bucket, "k")), Some("limit"));
        assert_eq!(code(check_names("b", &long_key)), Some("limit"));
        assert_eq!(code(check_value(&vec![0; STORE_VALUE_BYTES_MAX + 1])), Some("limit"));
        assert_eq!(code(check_scan("b", &long_key, None, 1)), Some("limit"));
        assert_eq!(code(check_scan("b", "", Some(&long_key), 1)), Some("limit"));
        assert_eq!(code(check_scan("b", "", None, SCAN_ENTRIES_MAX + 1)), Some("limit"));

        assert_eq!(code(check_names(&bucket, &key)), None);
        assert_eq!(code(check_value(&vec![0; STORE_VALUE_BYTES_MAX])), None);
        assert_eq!(code(check_scan(&bucket, &key, Some(&key), SCAN_ENTRIES_MAX)), None);
    }

    #[test]
    fn the_bytes_of_a_scan_are_bounded_together() {
        let mut scanned = ScanAnswer::default();
        assert_eq!(scanned.push("k", &vec![0; SCAN_BYTES_MAX - "k".len()]), Ok(()));
        assert_eq!(scanned.push("", &[]), Ok(()));
        assert_eq!(scanned.push("k", &[]).unwrap_err().code(), "limit");
    }

    #[test]
    fn only_whole_numbers_can_be_added_to() {
        for text in ["", "1.5", "\"1\"", " 1", "9223372036854775808"] {
            assert_eq!(sum(Some(text.as_bytes()), 1).unwrap_err().code(), "invalid", "{text:?}");
        }
        assert_eq!(sum(Some(i64::MAX.to_string().as_bytes()), 1).unwrap_err().code(), "invalid");
        assert_eq!((sum(None, -3), sum(Some(b"-3"), 5)), (Ok(-3), Ok(2)));
    }
}
