//! `innkeeper dev`: a server whose plugins are built and swapped as their sources change.
//!
//! With an `innkeeper.toml`, that configuration. Without one, the plugins that are named; or, for those of this repository, the demo with
//! its page. The server runs in this process: what was built takes over at once, and nobody has to notice a file.

mod project;
mod sources;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use innkeeper_contract::capabilities;

use crate::config::{Config, Flags, PluginConfig, Reading, Resolved};
use crate::generations::Generations;
use crate::telemetry::Log;

use super::build::{BuildArgs, Recipe};
use super::config_file::{self, environment};
use super::error::CliError;
use super::listen::Listen;
use super::output::say;
use super::paths::Target;
use super::reference::REFERENCE_PLUGINS;
use super::{built_in, demo, paths, ports, run};
use project::Project;

#[derive(Debug, Args)]
pub(super) struct DevArgs {
    /// The folders with the plugins' Cargo.toml [default: this folder; in a checkout of innkeeper, its plugins]
    #[arg(value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// The configuration [default: innkeeper.toml in this folder, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Cargo's target directory [default: as cargo chooses it]
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
    /// Install the missing packages of a toolchain with apt-get, as root on Debian; otherwise the command is shown
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    listen: Listen,
}

/// What the server is started with.
struct Prepared {
    resolved: Resolved,
    projects: Vec<Project>,
    /// Held as long as the server runs.
    _demo: Option<demo::Prepared>,
}

pub(super) fn dev(args: DevArgs, log: &Log) -> Result<(), CliError> {
    let Prepared { mut resolved, projects, _demo } = prepare(args)?;
    for project in &projects {
        say(format_args!("innkeeper: watching {}; what you save takes over", project.folder().display()));
    }
    // What its author has just saved is what the author wants to see, also where it does worse.
    resolved.config.generations.probation = Duration::ZERO;
    run::serve_beside(resolved, run::nothing_to_read(), log, |generations| follow(projects, &generations))
}

fn follow(projects: Vec<Project>, generations: &Generations) {
    for project in projects {
        // Ends with the runtime, and with it a cargo that runs.
        tokio::spawn(project.follow(generations.clone()));
    }
}

fn prepare(args: DevArgs) -> Result<Prepared, CliError> {
    let flags = args.listen.into();
    if let Some(file) = config_file::find(args.config.clone()) {
        return with_file(&args, &file, flags);
    }
    let plugins = paths::checkout().map(|checkout| checkout.join("plugins"));
    let folders = match (args.folders.as_slice(), &plugins) {
        // In the folder of a plugin, that one.
        ([], Some(plugins)) if !Path::new("Cargo.toml").is_file() || is_checkout() => reference_folders(plugins),
        ([], _) => vec![PathBuf::from(".")],
        (named, _) => named.to_owned(),
    };
    let projects = folders.into_iter().map(|folder| project(&args, folder, beside_shipped)).collect::<Result<Vec<_>, _>>()?;
    let is_reference =
        |project: &Project| project.folder().parent() == plugins.as_deref() && is_reference_plugin(project.folder());
    match projects.iter().all(is_reference) {
        true => as_demo(&args, projects, flags),
        false => alone(projects, flags),
    }
}

/// The configuration says which plugins there are. Those that are built here stand in it.
fn with_file(args: &DevArgs, file: &Path, flags: Flags) -> Result<Prepared, CliError> {
    let here = [PathBuf::from(".")];
    let folders = if args.folders.is_empty() { &here[..] } else { &args.folders };
    let mut projects = Vec::new();
    for folder in folders {
        // Where `innkeeper build` puts it, and where its lines for innkeeper.toml look for it.
        let mut project = project(args, folder.clone(), Recipe::component)?;
        let lines = project.first()?.lines();
        projects.push((project, lines));
    }
    // The components have to be there when it is read.
    let resolved = run::sound(Reading::of(file, &environment, flags)?)?;
    let mut found = Vec::new();
    for (mut project, lines) in projects {
        let built = project.component().canonicalize().ok();
        let is_mine = |plugin: &&PluginConfig| built.is_some() && plugin.component.canonicalize().ok() == built;
        let names: Vec<_> = resolved.config.plugins.iter().filter(is_mine).map(|plugin| plugin.name.clone()).collect();
        if names.is_empty() {
            return Err(CliError::NotConfigured { file: file.to_owned(), name: project.name().to_owned(), lines });
        }
        project.serve_as(names);
        found.push(project);
    }
    Ok(Prepared { resolved, projects: found, _demo: None })
}

/// The demo, with these of its plugins built here.
fn as_demo(args: &DevArgs, mut projects: Vec<Project>, flags: Flags) -> Result<Prepared, CliError> {
    let mut built = Vec::new();
    for project in &mut projects {
        project.first()?;
        let folder = name_of(project.folder());
        let of_folder = REFERENCE_PLUGINS.iter().filter(|plugin| plugin.folder == folder);
        project.serve_as(of_folder.map(|plugin| plugin.name.to_owned()).collect());
        built.push((folder, project.component().to_owned()));
    }
    let mut demo = demo::prepare(None, flags, args.install, false, &built)?;
    let resolved = std::mem::take(&mut demo.config).into();
    Ok(Prepared { resolved, projects, _demo: Some(demo) })
}

/// A server with these plugins and nothing else. Each is granted whatever it requests: its author has just built it here.
fn alone(mut projects: Vec<Project>, flags: Flags) -> Result<Prepared, CliError> {
    let mut plugins = Vec::new();
    for project in &mut projects {
        project.first()?;
        project.serve_as(vec![project.name().to_owned()]);
        let grants = capabilities::ALL.map(str::to_owned).to_vec();
        plugins.push(PluginConfig { grants, ..PluginConfig::new(project.name(), project.component().to_owned()) });
    }
    let mut config = Config::built_in(plugins, &environment, flags)?;
    built_in::free_internal(&mut config);
    ports::choose(&mut config, flags, "this server")?;
    say(format_args!(
        "innkeeper: there is no {}, so each plugin is granted all that it requests; `innkeeper build` prints the lines for one",
        config_file::FILE
    ));
    Ok(Prepared { resolved: config.into(), projects, _demo: None })
}

fn project(args: &DevArgs, folder: PathBuf, component: impl FnOnce(&Recipe) -> PathBuf) -> Result<Project, CliError> {
    let request = BuildArgs { folder, output: None, target_dir: args.target_dir.clone(), install: args.install };
    Project::find(request, component)
}

/// Not where a shipped component is kept: what is built quickly is larger and slower.
fn beside_shipped(recipe: &Recipe) -> PathBuf {
    let shipped = recipe.component();
    let folder = shipped.parent().unwrap_or(Path::new("."));
    Target::of_dev(folder).join(shipped.file_name().unwrap_or_default())
}

fn reference_folders(plugins: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = REFERENCE_PLUGINS.iter().map(|plugin| plugin.folder).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(|name| plugins.join(name)).collect()
}

fn is_reference_plugin(folder: &Path) -> bool {
    REFERENCE_PLUGINS.iter().any(|plugin| plugin.folder == name_of(folder))
}

fn name_of(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether this folder is the checkout itself, and not one in it.
fn is_checkout() -> bool {
    let here = std::env::current_dir().ok();
    here.is_some() && paths::checkout() == here
}
