//! The process that has a file open, as `/proc` shows it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// `the process 4711 (innkeeper)`. None if this user may not see it.
pub(super) fn of(file: &Path) -> Option<String> {
    let wanted = fs::metadata(file).ok()?;
    let is_it = |descriptor: &Path| {
        fs::metadata(descriptor).is_ok_and(|found| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino()))
    };
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let mut descriptors = fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        if descriptors.any(|descriptor| is_it(&descriptor.path())) {
            let command = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("the process {name} ({})", command.trim()));
        }
    }
    None
}
