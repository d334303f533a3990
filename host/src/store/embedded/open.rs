//! Opening the file; where that fails, the error has a remedy.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Builder, Database, Error};

use super::holder;
use crate::store::error::StoreError;

/// Pages that redb keeps in memory. Its own default would be a gibibyte.
const CACHE_BYTES: usize = 64 << 20;

/// Opens the file. With `make`, a missing file is created, with its folder. All of the file is read, to see that it is sound.
pub(super) fn open(path: &Path, make: bool, prepare: &dyn Fn(&Database) -> Result<(), Error>) -> Result<Database, StoreError> {
    let opened = catch_unwind(AssertUnwindSafe(|| {
        if let Some(folder) = path.parent().filter(|_| make) {
            std::fs::create_dir_all(folder).map_err(Error::Io)?;
        }
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
        let database = if make { builder.create(path)? } else { builder.open(path)? };
        prepare(&database)?;
        Ok(database)
    }));
    // redb can panic over a file that something else wrote into.
    let opened = opened.unwrap_or_else(|_| Err(Error::Corrupted("it does not fit together".into())));
    opened.map_err(|error| match error {
        Error::DatabaseAlreadyOpen | Error::LockProtocolMismatch => {
            StoreError::InUse { path: path.to_owned(), by: holder::of(path).unwrap_or_else(|| "another program".to_owned()) }
        }
        error => {
            let (what, remedy) = explain(&error);
            StoreError::Open { path: path.to_owned(), what, remedy }
        }
    })
}

const DAMAGED: &str = "restore it from a copy, or move it away and start with an empty store; it was left as it is";

fn explain(error: &Error) -> (String, &'static str) {
    match error {
        Error::Io(error) => match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => (
                "it may not be written".into(),
                "let this user write it and its folder, or choose another file with path in [store]",
            ),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                ("the disk is full".into(), "free some space and start again; what was acknowledged is kept")
            }
            io::ErrorKind::IsADirectory => ("it is a folder".into(), "name a file with path in [store]"),
            io::ErrorKind::NotFound => ("there is no such file".into(), "restore it, or choose another with path in [store]"),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                (format!("it is damaged, or no store of innkeeper ({error})"), DAMAGED)
            }
            _ => (error.to_string(), "see to the disk, then start again; what was acknowledged is kept"),
        },
        Error::UpgradeRequired(version) => {
            (format!("it has the old format {version}"), "read it with the innkeeper that wrote it; it was left as it is")
        }
        Error::Corrupted(detail) => (format!("it is damaged ({detail})"), DAMAGED),
        other => (format!("it cannot be used ({other})"), DAMAGED),
    }
}
