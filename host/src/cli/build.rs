//! `innkeeper build`: a Rust plugin's sources become a component.
//!
//! Five steps: ask cargo what is in the folder (`package`), find a toolchain that makes components (`toolchain`), let cargo
//! build, try whether a host could load the result (`trial`), put it where it is expected. Cargo finds out what has changed;
//! nothing is skipped here.

mod args;
mod error;
mod file;
mod package;
mod recipe;
mod toolchain;
mod trial;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

pub(super) use args::BuildArgs;
pub(super) use error::BuildError;
pub(super) use file::put;
pub(super) use recipe::{Profile, Recipe};
use trial::Trial;

use super::child;
use super::error::CliError;
use super::output::say;

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
