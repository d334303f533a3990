//! Machine code that was compiled before: one file for each component, in a folder that only this user can reach.
//!
//! What is in there is executed without another look. So the folder and each file belong to this user, and nobody else may write to
//! either; a file's name is the digest of the component and of all that decides what is compiled of it; and a file is written whole and
//! then given its name.

use std::fs::{self, DirBuilder, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::process::geteuid;
use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::fixed_limits::{ARTEFACT_BYTES_MAX, ARTEFACTS_BYTES_MAX};
use crate::whole_file;

/// Inside of the folder that the operator names, which others may be able to read.
const FOLDER: &str = "artefacts";

/// The folder of compiled components.
pub(crate) enum CacheFolder {
    At(PathBuf),
    /// There should be one, and this system has no place for it.
    Unknown,
    Off,
}

/// The folder of artefacts.
pub(super) struct ArtefactCache {
    folder: PathBuf,
}

/// The name of an artefact: component, compiler and settings decide it.
pub(super) struct ArtefactKey(String);

impl ArtefactKey {
    pub(super) fn of(engine: &Engine, component: &[u8]) -> Self {
        let mut digest = KeyDigest(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut digest);
        digest.0.update(component);
        Self(digest.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A digest of what is hashed.
struct KeyDigest(Sha256);

impl Hasher for KeyDigest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl ArtefactCache {
    /// The cache, if there is to be one and its folder can be used.
    pub(super) fn open(folder: &CacheFolder) -> Option<Self> {
        let opened = match folder {
            CacheFolder::Off => return None,
            CacheFolder::Unknown => Err("no cache folder is known: neither XDG_CACHE_HOME nor HOME is set".to_owned()),
            CacheFolder::At(folder) => {
                open(&folder.join(FOLDER)).map_err(|error| format!("the folder {} cannot be written: {error}", folder.display()))
            }
        };
        match opened {
            Ok(folder) => Some(Self { folder }),
            Err(reason) => {
                tracing::warn!(
                    "compiled components are not kept, and every start compiles them anew, since {reason}; name another folder with cache in [wasm], or switch the cache off with cache = false"
                );
                None
            }
        }
    }

    /// The artefact, ready for the engine. One that cannot be read or loaded counts as absent: it is made again.
    pub(super) fn get(&self, key: &ArtefactKey, engine: &Engine) -> Option<Component> {
        let artefact = self.read(key).ok()?;
        load(engine, &artefact).inspect_err(|error| tracing::debug!("a kept artefact does not load: {error:#}")).ok()
    }

    fn read(&self, key: &ArtefactKey) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.folder.join(&key.0))?;
        let metadata = file.metadata()?;
        check_private(&metadata)?;
        if metadata.len() > u64::try_from(ARTEFACT_BYTES_MAX).unwrap_or(u64::MAX) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut artefact = Vec::new();
        file.read_to_end(&mut artefact)?;
        // The least recently used are removed first.
        let _same = file.set_modified(SystemTime::now());
        Ok(artefact)
    }

    /// Keeps an artefact. A failure is logged: the next start compiles again.
    pub(super) fn keep(&self, key: &ArtefactKey, artefact: &[u8]) {
        if let Err(error) = self.write(key, artefact).and_then(|()| self.trim()) {
            tracing::warn!(folder = %self.folder.display(), %error, "a compiled component cannot be kept");
        }
    }

    fn write(&self, key: &ArtefactKey, artefact: &[u8]) -> io::Result<()> {
        // On the disk before it has its name: a file that a loss of power has cut would be loaded as code.
        whole_file::write(&self.folder.join(&key.0), whole_file::PRIVATE, artefact)
    }

    /// Removes the least recently used artefacts until the rest is within the bound.
    fn trim(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another process may have removed it.
            let Ok(metadata) = entry.metadata() else { continue };
            files.push((metadata.modified()?, metadata.len(), entry.path()));
        }
        files.sort_by(|(one, ..), (other, ..)| other.cmp(one));
        let mut bytes = 0;
        for (_, length, path) in files {
            bytes += length;
            if bytes > ARTEFACTS_BYTES_MAX {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// The code of an artefact that this compiler made.
#[expect(unsafe_code, reason = "machine code is loaded as it is")]
pub(super) fn load(engine: &Engine, artefact: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: it comes from `precompile_component` of this program: from its child over a pipe that nothing else has, or out of the
    // folder where only this user can write, under the digest of the component, the compiler and its settings, and whole.
    unsafe { Component::deserialize(engine, artefact) }
}

/// Makes the folder, or checks the one that is there, and that a file can be written into it.
fn open(folder: &Path) -> io::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    let metadata = fs::symlink_metadata(&folder)?;
    if !metadata.is_dir() {
        return Err(io::Error::other(format!("{FOLDER} in it is no folder")));
    }
    check_private(&metadata)?;
    tempfile::tempfile_in(&folder)?;
    Ok(folder)
}

/// Refuses what others may have written.
fn check_private(metadata: &Metadata) -> io::Result<()> {
    if metadata.uid() != geteuid().as_raw() {
        return Err(io::Error::other(format!("it belongs to the user {}, and not to this one", metadata.uid())));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it: what is kept there is executed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::io;
    use std::os::unix::fs::PermissionsExt;
    use std::time::{Duration, SystemTime};

    use super::{ArtefactCache, ArtefactKey, CacheFolder, FOLDER};
    use crate::fixed_limits::{ARTEFACT_BYTES_MAX, ARTEFACTS_BYTES_MAX};

    #[test]
    fn only_what_nobody_else_can_write_is_loaded_and_the_oldest_goes_first() {
        let folder = std::env::temp_dir().join(format!("innkeeper-artefacts-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&folder);
        let open = || ArtefactCache::open(&CacheFolder::At(folder.clone()));
        let cache = open().unwrap();
        assert_eq!(fs::metadata(folder.join(FOLDER)).unwrap().permissions().mode() & 0o777, 0o700);
        let key = |name: &str| ArtefactKey(name.to_owned());
        cache.keep(&key("one"), b"1");
        assert_eq!(cache.read(&key("one")).unwrap(), b"1");
        assert!(cache.read(&key("two")).is_err());

        let file = folder.join(FOLDER).join("one");
        fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
        assert!(cache.read(&key("one")).unwrap_err().to_string().contains("others may write"));
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();

        let large = fs::File::create(folder.join(FOLDER).join("large")).unwrap();
        large.set_len(ARTEFACT_BYTES_MAX as u64 + 1).unwrap();
        assert_eq!(cache.read(&key("large")).unwrap_err().kind(), io::ErrorKind::FileTooLarge);

        let old = fs::File::options().write(true).open(&file).unwrap();
        old.set_len(ARTEFACTS_BYTES_MAX).unwrap();
        old.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        cache.keep(&key("two"), b"2");
        assert!(!file.exists() && cache.read(&key("two")).is_ok());

        fs::set_permissions(folder.join(FOLDER), Permissions::from_mode(0o770)).unwrap();
        assert!(open().is_none());
        fs::remove_dir_all(&folder).unwrap();
    }
}
