//! One plugin that is being written: its sources, how they are built, and what takes over when they are.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use tokio::task::spawn_blocking;

use super::sources::Sources;
use crate::cli::build::{self, BuildArgs, BuildError, Built, Profile, Recipe};
use crate::cli::child;
use crate::cli::error::{self, CliError};
use crate::cli::output::say;
use crate::generations::{Change, Generations, NewComponent, What};

/// Who asks for the change, for the log.
const BY: &str = "dev";

/// A plugin that is being written.
pub(super) struct Project {
    request: BuildArgs,
    recipe: Recipe,
    sources: Sources,
    /// Where its component is kept.
    component: PathBuf,
    /// The tables of the configuration that have this component.
    plugins: Vec<String>,
}

impl Project {
    /// Finds out how the package in this folder is built. `component`: where it is kept, given how it is built.
    pub(super) fn find(request: BuildArgs, component: impl FnOnce(&Recipe) -> PathBuf) -> Result<Self, CliError> {
        let recipe = Recipe::find(&request, Profile::Quick)?;
        let (sources, component) = (Sources::new(recipe.sources()), component(&recipe));
        Ok(Self { request, recipe, sources, component, plugins: Vec::new() })
    }

    pub(super) fn name(&self) -> &str {
        self.recipe.name()
    }

    pub(super) fn folder(&self) -> &Path {
        self.recipe.folder()
    }

    pub(super) fn component(&self) -> &Path {
        &self.component
    }

    /// These plugins of the configuration have its component.
    pub(super) fn serve_as(&mut self, plugins: Vec<String>) {
        self.plugins = plugins;
    }

    /// Builds it for the start: again after each change of the sources, as long as those are the reason why it fails.
    pub(super) fn first(&mut self) -> Result<Built, CliError> {
        loop {
            match build::build_as(&self.recipe, &self.component) {
                Err(error) if error.is_of_sources() => {
                    error::explain(&error);
                    say(format_args!("innkeeper: the server starts when {} can be built; waiting for a change", self.name()));
                    child::wait_for(self.sources.change()).map_err(CliError::Runtime)?;
                }
                built => return Ok(built?),
            }
        }
    }

    /// Has each change of the sources take over. Runs until it is dropped.
    pub(super) async fn follow(mut self, generations: Generations) {
        loop {
            let is_manifest = self.sources.change().await;
            if let Err(error) = self.rebuild(is_manifest, &generations).await {
                error::explain(&error);
                say(format_args!("innkeeper: {} serves on as it was before", self.name()));
            }
        }
    }

    async fn rebuild(&mut self, is_manifest: bool, generations: &Generations) -> Result<(), BuildError> {
        let (begun, begun_at) = (Instant::now(), SystemTime::now());
        say(format_args!("innkeeper: building {}", self.name()));
        if is_manifest {
            let request = self.request.clone();
            let found = spawn_blocking(move || Recipe::find(&request, Profile::Quick)).await;
            self.recipe = found.unwrap_or_else(|error| Err(BuildError::start("cargo", error.into())))?;
        }
        let mut cargo = self.recipe.cargo();
        // Of packages that are built already there is nothing to say.
        cargo.arg("--quiet");
        let done = child::succeeds_beside(cargo).await.map_err(|source| BuildError::start("cargo", source))?;
        let made = self.recipe.made(done)?;
        let built = begun.elapsed();
        let read = tokio::fs::read(&made).await;
        let component = read.map_err(|source| BuildError::Missing { path: made.clone(), source })?;
        if self.swap(&component, generations).await {
            let took = Took { name: self.name(), bytes: component.len(), built, whole: begun.elapsed() };
            say(format_args!("innkeeper: {took}"));
            self.keep(made, begun_at).await?;
        }
        Ok(())
    }

    /// Has the component take over in all plugins that have it. What was refused is in the log, with its reason.
    async fn swap(&self, component: &[u8], generations: &Generations) -> bool {
        let mut all = true;
        for plugin in &self.plugins {
            let what = What::Swap { component: NewComponent::Bytes(component.to_owned()), again: false };
            let swapped = generations.change(Change { plugin: plugin.clone(), what, by: BY }).await;
            all &= swapped.is_ok();
        }
        if !all {
            say(format_args!(
                "innkeeper: the host has refused the new {}, and the log says why; it serves on as it was before",
                self.name()
            ));
        }
        all
    }

    /// Keeps what serves in the file: the host's own watch of it then finds nothing new.
    async fn keep(&self, made: PathBuf, begun_at: SystemTime) -> Result<(), BuildError> {
        let (path, component) = (self.component.clone(), self.component.clone());
        let put = spawn_blocking(move || build::put(&made, &component, begun_at)).await;
        let put = put.unwrap_or_else(|error| Err(io::Error::from(error)));
        put.map(drop).map_err(|source| BuildError::Write { path, source })
    }
}

/// How long a change took.
struct Took<'a> {
    name: &'a str,
    bytes: usize,
    built: std::time::Duration,
    whole: std::time::Duration,
}

impl fmt::Display for Took<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, bytes, built, whole } = self;
        let (built, swapped) = (built.as_secs_f32(), whole.saturating_sub(*built).as_millis());
        write!(out, "{name} is new, {} kB: {built:.1} s for cargo, {swapped} ms to take over", bytes.div_ceil(1_000))
    }
}
