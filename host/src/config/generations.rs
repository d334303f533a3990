//! `[generations]`: how a plugin's next generation takes over, and what is kept of those before.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::field::Field::{Boolean, Count, Custom, Duration as Time};
use super::key_spec::KeySpec;
use super::paths::{beside, named_or_beside, shown};
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, text};

/// Beside the configuration; in the current directory, where there is none.
const FOLDER: &str = ".innkeeper/generations";

/// None at all, to a day.
const PROBATIONS: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(86_400);
/// None at all, to as long as a call may take.
const GRACES: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);

/// How a plugin's next generation takes over, and what is kept of those before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationsConfig {
    /// The folder with the components that served. Default `.innkeeper/generations`, relative to the configuration.
    pub folder: Option<PathBuf>,
    /// Whether a changed component file is loaded by itself.
    pub watch: bool,
    /// Components that are kept of each plugin.
    pub kept: usize,
    /// How long a new generation is watched; zero: not at all.
    pub probation: Duration,
    /// How long open calls of a `shared` plugin may go on before another generation takes over.
    pub swap_grace: Duration,
}

impl Default for GenerationsConfig {
    fn default() -> Self {
        Self { watch: true, folder: None, kept: 5, probation: Duration::from_secs(60), swap_grace: Duration::from_secs(2) }
    }
}

impl GenerationsConfig {
    /// The folder, given the configuration's own file.
    pub(super) fn folder(&self, configuration: Option<&Path>) -> PathBuf {
        named_or_beside(self.folder.as_deref(), configuration, FOLDER)
    }
}

/// The keys of the section.
pub(super) const KEYS: &[KeySpec<GenerationsConfig>] = &[
    KeySpec::new(
        "watch",
        |generations: &mut GenerationsConfig| Boolean(&mut generations.watch),
        "whether a plugin's component file is watched, so that a changed one takes over by itself; without it `innkeeper plugin swap` does that",
    ),
    KeySpec::new(
        "folder",
        |generations: &mut GenerationsConfig| Custom {
            kind: "folder, relative to the configuration",
            value: generations.folder.as_deref().and_then(shown),
        },
        "the folder with the components that served, for `innkeeper plugin rollback`, also after a restart. Without this key it is .innkeeper/generations beside this file, and made at the first start. Only this user may be able to write to it; where it cannot be used, plugins are swapped all the same, with a line in the log",
    )
    .example("\"/var/lib/innkeeper/generations\""),
    KeySpec::new(
        "kept",
        |generations: &mut GenerationsConfig| Count(&mut generations.kept, 1..=100),
        "components that are kept of each plugin, the one that serves included",
    ),
    KeySpec::new(
        "probation",
        |generations: &mut GenerationsConfig| Time(&mut generations.probation, PROBATIONS),
        "how long a new generation is watched: if more of its calls break than of the generation before, or they take three times as long, that one takes over again. 0 switches it off",
    ),
    KeySpec::new(
        "swap_grace",
        |generations: &mut GenerationsConfig| Time(&mut generations.swap_grace, GRACES),
        "how long open calls of a plugin of mode `shared` may go on before the next generation takes over; new calls wait meanwhile, and what is open at the end fails. Calls of mode `pooled` end where they began, and nothing waits for them",
    ),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path, into: &mut GenerationsConfig) {
    let mut section = reader.section(root, "generations");
    reader.read(&mut section, KEYS, into);
    reader.set(&mut section, "folder", &mut into.folder, |raw| folder(raw, file).map(Some));
    reader.close(section);
}

fn folder(raw: &RawValue, file: &Path) -> Result<PathBuf, Problem> {
    let written = text(raw)?;
    let remedy = "name a folder, or leave the key out";
    if written.is_empty() {
        return Err(Problem::new("\"\" is not a path", remedy));
    }
    let path = beside(file, &written);
    if path.is_file() { Err(Problem::new(format!("{written:?} is a file"), remedy)) } else { Ok(path) }
}
