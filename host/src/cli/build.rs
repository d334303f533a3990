//! `innkeeper build`: a Rust plugin's sources become a component.
//!
//! Five steps: ask cargo what is in the folder (`package`), find a toolchain that makes components (`toolchain`), let cargo
//! build, try whether a host could load the result (`trial`), put it where it is expected. Cargo finds out what has changed;
//! nothing is skipped here.

mod error;
mod package;
mod recipe;
mod toolchain;
mod trial;

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use clap::Args;

pub(super) use error::BuildError;
pub(super) use recipe::{Profile, Recipe};
use trial::Trial;

use super::child;
use super::error::CliError;
use super::output::say;

/// What to build and where to put it.
#[derive(Clone, Debug, Args)]
pub(super) struct BuildArgs {
    /// The folder with the plugin's Cargo.toml
    #[arg(value_name = "DIR", default_value = ".")]
    pub(super) folder: PathBuf,
    /// Where to put the component [default: <target dir>/innkeeper/<name>.wasm]
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Cargo's target directory [default: as cargo chooses it]
    #[arg(long, value_name = "DIR")]
    pub(super) target_dir: Option<PathBuf>,
    /// Install the missing packages of a toolchain with apt-get, as root on Debian; otherwise the command is shown
    #[arg(long)]
    pub(super) install: bool,
}

/// How a component begins: the magic, then version 13 in layer 1. A core module has version 1 in layer 0.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// What was built.
pub(super) struct Built {
    name: String,
    pub(super) component: PathBuf,
    trial: Trial,
}

/// `innkeeper build`: the lines for `innkeeper.toml` are its result, on the standard output.
pub(super) fn command(request: &BuildArgs) -> Result<(), CliError> {
    let built = build(request)?;
    say(format_args!("innkeeper: to load it, write into innkeeper.toml:"));
    io::stdout().lock().write_all(built.lines().as_bytes()).map_err(CliError::Output)?;
    if let Trial::Refused(message) = &built.trial {
        say(format_args!(
            "innkeeper: without a configuration it refuses: {message}; give it one in [plugins.{}.config]",
            built.name
        ));
    }
    Ok(())
}

/// Builds a component, and finds out what it requests.
pub(super) fn build(request: &BuildArgs) -> Result<Built, BuildError> {
    let recipe = Recipe::find(request, Profile::Shipped)?;
    let output = request.output.clone().unwrap_or_else(|| recipe.component());
    build_as(&recipe, &output)
}

/// Builds a component by a recipe, tries it, and puts it there.
pub(super) fn build_as(recipe: &Recipe, output: &Path) -> Result<Built, BuildError> {
    let (begun, begun_at) = (Instant::now(), SystemTime::now());
    say(format_args!("innkeeper: building {} with {}", recipe.name(), recipe.toolchain()));
    let done = child::succeeds(recipe.cargo()).map_err(|source| BuildError::start("cargo", source))?;
    let made = recipe.made(done)?;
    let trial = Trial::run(recipe.package(), &made)?;
    let bytes = put(&made, output, begun_at).map_err(|source| BuildError::Write { path: output.to_owned(), source })?;
    say(format_args!(
        "innkeeper: {} is ready, {} kB, after {:.1} s",
        output.display(),
        bytes.div_ceil(1_000),
        begun.elapsed().as_secs_f32()
    ));
    Ok(Built { name: recipe.name().to_owned(), component: output.to_owned(), trial })
}

impl Built {
    /// The lines for `innkeeper.toml` that load it.
    pub(super) fn lines(&self) -> String {
        trial::lines(&self.name, &self.component, &self.trial)
    }
}

/// Whether the file is a component, according to its first bytes.
fn check(file: &Path) -> Result<(), BuildError> {
    let mut head = Vec::new();
    let opened = fs::File::open(file).and_then(|open| open.take(8).read_to_end(&mut head));
    opened.map_err(|source| BuildError::Missing { path: file.to_owned(), source })?;
    match head.as_slice() {
        head if head == COMPONENT => Ok(()),
        head if head == MODULE => Err(BuildError::Module(file.to_owned())),
        _ => Err(BuildError::NotWasm(file.to_owned())),
    }
}

/// Copies to a name beside the target and renames, so that a server that watches the file never reads half of it. The file gets
/// the time at which the build began: a source that was changed since is newer.
pub(super) fn put(made: &Path, output: &Path, begun: SystemTime) -> io::Result<u64> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".innkeeper-{}.wasm", std::process::id()));
    let bytes = fs::copy(made, &beside)?;
    let dated = fs::File::options().write(true).open(&beside).and_then(|file| file.set_modified(begun));
    match dated.and_then(|()| fs::rename(&beside, output)) {
        Ok(()) => Ok(bytes),
        Err(error) => {
            let _first_error_counts = fs::remove_file(&beside);
            Err(error)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use super::{BuildError, check, put};
    use std::fs;
    use std::time::SystemTime;

    #[test]
    fn only_a_component_passes_and_it_replaces_what_was_there() {
        let folder = std::env::temp_dir().join(format!("innkeeper-build-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (made, output) = (folder.join("made.wasm"), folder.join("new/output.wasm"));

        assert!(matches!(check(&made), Err(BuildError::Missing { .. })));
        fs::write(&made, b"\0asm\x01\0\0\0rest").unwrap();
        assert!(matches!(check(&made), Err(BuildError::Module(_))));
        fs::write(&made, b"\x7fELF").unwrap();
        assert!(matches!(check(&made), Err(BuildError::NotWasm(_))));
        fs::write(&made, b"\0asm\x0d\0\x01\0rest").unwrap();
        assert!(check(&made).is_ok());

        assert_eq!(put(&made, &output, SystemTime::now()).unwrap(), 12);
        assert_eq!(put(&made, &output, SystemTime::now()).unwrap(), 12);
        assert_eq!(fs::read_dir(folder.join("new")).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
