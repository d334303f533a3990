//! `hosts` of a listener: the host names under which it may be asked.

use serde_json::Value;

use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, text};

/// The type of the key in words.
pub(super) const KIND: &str = "list of host names";

/// Reads the key, if the section has it.
pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section<'_>, into: &mut Vec<String>) {
    if let Some(entry) = reader.entry(section, "hosts") {
        *into = reader.items(&entry, name);
    }
}

pub(super) fn shown(hosts: &[String]) -> Option<Value> {
    (!hosts.is_empty()).then(|| hosts.iter().map(String::as_str).collect())
}

fn name(raw: &RawValue) -> Result<String, Problem> {
    let written = text(raw)?;
    let name = written.to_ascii_lowercase();
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let labels = name.strip_prefix("*.").unwrap_or(&name);
    if labels.split('.').all(|label| !label.is_empty() && label.bytes().all(is_letter)) {
        return Ok(name);
    }
    let remedy = "write \"rt.example.com\" or, for every subdomain, \"*.example.com\", without a scheme and a port; names with other letters in their \
         ASCII form, which begins with xn--";
    Err(Problem::new(format!("{written:?} is no host name"), remedy))
}
