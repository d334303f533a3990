//! `innkeeper.lock`: which component each plugin of a configuration has, by its digest, so that many servers run the same code.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::plugins::PluginConfig;
use super::problem::{Finding, PlacedProblem, Problem};
use super::toml_text::path_of;
use crate::text_file;

/// Before the digits of a digest, so that there can be other kinds.
const PREFIX: &str = "sha256:";
/// Hexadecimal digits of one.
const DIGITS: usize = 64;
/// What writes the file.
const REMEDY: &str = "`innkeeper plugin lock` writes it anew";

const HEAD: &str = "\
# Which component each plugin has. Written by `innkeeper plugin lock`; `innkeeper run --locked` loads no other.
";

/// The file: the digest of each plugin's component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockFile {
    file: PathBuf,
    /// Hexadecimal digits, by the names of the plugins.
    digests: BTreeMap<String, String>,
}

/// A component that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin:?}: cannot read {}: {source}", path.display())]
pub(crate) struct UnreadableComponent {
    plugin: String,
    path: PathBuf,
    source: io::Error,
}

/// The file as TOML.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    plugins: BTreeMap<Spanned<String>, WrittenPlugin>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPlugin {
    digest: Spanned<String>,
}

impl LockFile {
    /// The lock file of a configuration: beside it, with its name. `innkeeper.lock` for `innkeeper.toml`.
    pub(crate) fn path_for(configuration: &Path) -> PathBuf {
        let path = configuration.with_extension("lock");
        if path == configuration { configuration.with_extension("lock.lock") } else { path }
    }

    /// The lock of these plugins, as their files are now.
    pub(crate) fn new(configuration: &Path, plugins: &[PluginConfig]) -> Result<Self, UnreadableComponent> {
        let digest = |plugin: &PluginConfig| match digest_of(&plugin.component) {
            Ok(digest) => Ok((plugin.name.clone(), digest)),
            Err(source) => Err(UnreadableComponent { plugin: plugin.name.clone(), path: plugin.component.clone(), source }),
        };
        Ok(Self { file: Self::path_for(configuration), digests: plugins.iter().map(digest).collect::<Result<_, _>>()? })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.file
    }

    /// How many plugins it has.
    pub(crate) fn len(&self) -> usize {
        self.digests.len()
    }

    /// As the file has it.
    pub(crate) fn to_toml(&self) -> String {
        let tables = self.digests.iter().map(|(plugin, digest)| {
            let table = path_of(&["plugins", plugin]);
            format!("\n[{table}]\ndigest = \"{PREFIX}{digest}\"\n")
        });
        HEAD.to_owned() + &tables.collect::<String>()
    }

    /// Whether the plugin may have the component with this digest, in hexadecimal digits; if not, why, and what to do.
    pub(crate) fn allows(&self, plugin: &str, digest: &str) -> Result<(), String> {
        let file = self.file.file_name().unwrap_or_default().to_string_lossy();
        match self.digests.get(plugin) {
            Some(locked) if locked == digest => Ok(()),
            Some(locked) => Err(format!(
                "the component has the digest {PREFIX}{digest}, and {file} has {PREFIX}{locked}; put that component back, or, if the change \
                 is meant, {REMEDY}"
            )),
            None => Err(format!("the plugin is not in {file}; {REMEDY}")),
        }
    }

    /// Reads the lock file of a configuration.
    pub(super) fn read(configuration: &Path) -> Result<Self, PlacedProblem> {
        let file = Self::path_for(configuration);
        let problem = |line: Option<usize>, key: &str, problem: String, remedy: &str| {
            let place = file.display().to_string();
            let place = line.map_or_else(|| place.clone(), |line| format!("{place}:{line}"));
            Problem::new(problem, remedy).at((usize::MAX, place), key)
        };
        let text = text_file::read(&file).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => problem(None, "", "there is no lock file".to_owned(), "`innkeeper plugin lock` writes it"),
            _ => problem(None, "", format!("cannot read it: {error}"), REMEDY),
        })?;
        let line = |offset: usize| text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        let written: Written = toml::from_str(&text).map_err(|error| {
            let line = error.span().map(|span| line(span.start));
            problem(line, "", error.message().replace('\n', ", "), REMEDY)
        })?;
        let mut digests = BTreeMap::new();
        for (name, WrittenPlugin { digest }) in written.plugins {
            let (at, name) = (line(digest.span().start), name.into_inner());
            let Some(digits) = digits(digest.get_ref()) else {
                let key = path_of(&["plugins", &name, "digest"]);
                let wrong = format!("{:?} is not {PREFIX:?} with {DIGITS} hexadecimal digits", digest.get_ref());
                return Err(problem(Some(at), &key, wrong, REMEDY));
            };
            digests.insert(name, digits);
        }
        Ok(Self { file, digests })
    }

    /// What does not fit: components with other digests, plugins that only one of the two has.
    pub(super) fn problems(&self, plugins: &[PluginConfig]) -> (Vec<PlacedProblem>, Vec<Finding>) {
        let unknown = self.digests.keys().filter(|name| plugins.iter().all(|plugin| plugin.name != **name));
        let unknown = unknown.map(|name| {
            let remedy = format!("remove the table, or: {REMEDY}");
            let place = (usize::MAX, self.file.display().to_string());
            Problem::new("the configuration has no such plugin", remedy).at(place, &path_of(&["plugins", name]))
        });
        let differs = |plugin: &PluginConfig| {
            let table = path_of(&["plugins", &plugin.name]);
            if !self.digests.contains_key(&plugin.name) {
                return self.allows(&plugin.name, "").err().map(|why| Finding::new(&table, why));
            }
            let differs = match digest_of(&plugin.component) {
                Ok(digest) => self.allows(&plugin.name, &digest).err(),
                // That is a problem of its own, or the server can do without the plugin.
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => Some(format!("cannot read {}: {error}", plugin.component.display())),
            };
            differs.map(|why| Finding::new(&format!("{table}.component"), why))
        };
        (unknown.collect(), plugins.iter().filter_map(differs).collect())
    }
}

/// The digits of a digest, if it is one.
fn digits(written: &str) -> Option<String> {
    let is_digit = |letter: char| letter.is_ascii_digit() || ('a'..='f').contains(&letter);
    written.strip_prefix(PREFIX).filter(|digits| digits.len() == DIGITS && digits.chars().all(is_digit)).map(str::to_owned)
}

/// The digest of a file, in hexadecimal digits.
fn digest_of(path: &Path) -> io::Result<String> {
    // The open of a named pipe would wait for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let (mut file, mut digest) = (File::open(path)?, Sha256::new());
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(format!("{:x}", digest.finalize())),
            Ok(length) => digest.update(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::LockFile;
    use crate::config::Flags;
    use crate::config::plugins::PluginConfig;
    use crate::config::resolve::Reading;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    /// A folder with two components, and a configuration of them.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("innkeeper-lock-{name}-{}", std::process::id()));
        let _absent = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("one.wasm"), "abc").unwrap();
        fs::write(folder.join("two.wasm"), "two").unwrap();
        let table = |name: &str| format!("[plugins.{name}]\ncomponent = '{name}.wasm'\n");
        fs::write(folder.join("innkeeper.toml"), table("one") + &table("two")).unwrap();
        folder
    }

    fn problems(folder: &Path) -> Vec<String> {
        let reading = Reading::of(&folder.join("innkeeper.toml"), &|_| None, Flags::default()).unwrap();
        let told = reading.locked().with(Vec::new()).map(|_| String::new()).unwrap_or_else(|problems| problems.to_string());
        told.lines().map(|line| line.replace(&format!("{}/", folder.display()), "")).collect()
    }

    #[test]
    fn what_was_locked_is_allowed_and_nothing_else() {
        let folder = folder("allows");
        let configuration = folder.join("innkeeper.toml");
        let plugins = ["one", "two"].map(|name| PluginConfig::new(name, folder.join(format!("{name}.wasm"))));
        let lock = LockFile::new(&configuration, &plugins).unwrap();
        assert_eq!((lock.path(), lock.len()), (&*folder.join("innkeeper.lock"), 2));
        assert!(lock.to_toml().contains(&format!("\n[plugins.one]\ndigest = \"sha256:{ABC}\"\n")), "{}", lock.to_toml());
        fs::write(lock.path(), lock.to_toml()).unwrap();
        assert_eq!(LockFile::read(&configuration).unwrap(), lock);
        assert!(problems(&folder).is_empty());

        assert_eq!(lock.allows("one", ABC), Ok(()));
        let why = lock.allows("two", ABC).unwrap_err();
        assert!(
            why.starts_with(&format!("the component has the digest sha256:{ABC}, and innkeeper.lock has sha256:3fc4")),
            "{why}"
        );
        assert_eq!(
            lock.allows("three", ABC).unwrap_err(),
            "the plugin is not in innkeeper.lock; `innkeeper plugin lock` writes it anew"
        );
        let gone = [PluginConfig::new("gone", folder.join("gone.wasm"))];
        let error = LockFile::new(&configuration, &gone).unwrap_err().to_string();
        assert!(error.contains("plugin \"gone\": cannot read") && error.contains("gone.wasm"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_difference_is_reported_with_its_place() {
        let folder = folder("differences");
        let lock = |text: &str| fs::write(folder.join("innkeeper.lock"), text).unwrap();
        assert_eq!(problems(&folder), ["innkeeper.lock: there is no lock file; `innkeeper plugin lock` writes it"]);

        let zeros = "0".repeat(64);
        lock(&format!("[plugins.one]\ndigest = \"sha256:{zeros}\"\n[plugins.old]\ndigest = \"sha256:{ABC}\"\n"));
        let told = problems(&folder);
        let expected = [
            format!(
                "innkeeper.toml:2: plugins.one.component: the component has the digest sha256:{ABC}, and innkeeper.lock has \
                 sha256:{zeros}; put that component back, or, if the change is meant, `innkeeper plugin lock` writes it anew"
            ),
            "innkeeper.toml:3: plugins.two: the plugin is not in innkeeper.lock; `innkeeper plugin lock` writes it anew".to_owned(),
            "innkeeper.lock: plugins.old: the configuration has no such plugin; remove the table, or: `innkeeper plugin lock` writes it anew"
                .to_owned(),
        ];
        assert_eq!(told, expected, "{told:#?}");

        for (text, expected) in [
            (
                "[plugins.one]\ndigest = 'md5:1'",
                "innkeeper.lock:2: plugins.one.digest: \"md5:1\" is not \"sha256:\" with 64 hexadecimal",
            ),
            ("[plugins.one]\n", "innkeeper.lock:1: missing field `digest`"),
            ("[plugins]\none = 1\n", "innkeeper.lock:2: invalid type: integer `1`, expected struct"),
            ("\n[plugin.one]\n", "innkeeper.lock:2: unknown field `plugin`"),
            ("[plugins.one\n", "innkeeper.lock:1: "),
        ] {
            lock(text);
            let told = problems(&folder);
            assert!(told.len() == 1 && told[0].starts_with(expected), "{told:#?}");
        }
        fs::write(folder.join("innkeeper.lock"), b"\xff\xfex").unwrap();
        assert!(
            problems(&folder)[0].starts_with("innkeeper.lock: cannot read it: the file is UTF-16"),
            "{:?}",
            problems(&folder)
        );
        fs::remove_file(folder.join("innkeeper.lock")).unwrap();
        fs::create_dir(folder.join("innkeeper.lock")).unwrap();
        assert!(problems(&folder)[0].starts_with("innkeeper.lock: cannot read it: "), "{:?}", problems(&folder));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn each_configuration_has_a_lock_of_its_own() {
        for (configuration, lock) in
            [("a/innkeeper.toml", "a/innkeeper.lock"), ("b.toml", "b.lock"), ("c", "c.lock"), ("d.lock", "d.lock.lock")]
        {
            assert_eq!(LockFile::path_for(Path::new(configuration)), Path::new(lock));
        }
    }
}
