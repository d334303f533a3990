//! What the command line says of a build.

use std::path::PathBuf;

use clap::Args;

/// What to build and where to put it.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct BuildArgs {
    /// The folder with the plugin's Cargo.toml
    #[arg(value_name = "DIR", default_value = ".")]
    pub(in crate::cli) folder: PathBuf,
    /// Where to put the component [default: <target dir>/innkeeper/<name>.wasm]
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Cargo's target directory [default: as cargo chooses it]
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) target_dir: Option<PathBuf>,
    /// Install the missing packages of a toolchain with apt-get, as root on Debian; otherwise the command is shown
    #[arg(long)]
    pub(in crate::cli) install: bool,
}
