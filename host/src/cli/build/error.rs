//! Why a plugin was not built, and what to do about it.

use std::io;
use std::path::PathBuf;

use crate::app::AppError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("{program} does not start; is it installed? (https://rustup.rs)")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("{0:?} has no Cargo.toml; give the plugin's folder")]
    NoManifest(PathBuf),
    #[error("cargo cannot read the package in {folder:?}:\n{message}")]
    Metadata { folder: PathBuf, message: String },
    #[error("cargo's description of {0:?} is not as expected")]
    Strange(PathBuf, #[source] serde_json::Error),
    #[error("{folder:?} is a workspace without a package of its own; name the folder of one of its members")]
    NoPackage { folder: PathBuf },
    #[error("package {package:?} makes no component; add to its Cargo.toml:\n[lib]\ncrate-type = [\"cdylib\"]")]
    NoLibrary { package: String },
    #[error("INNKEEPER_WASM_TARGET={0:?} is unknown; use wasip2 or wasip1, or leave it unset")]
    Way(String),
    #[error("no Rust toolchain here makes components; run one of these and try again:\n{0}")]
    NoToolchain(String),
    #[error("package {package:?} does not compile; cargo's messages above say why")]
    Cargo { package: String },
    #[error("cargo made no {path:?}")]
    Missing {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{0:?} is a core module, not a component; the linker has to be wasm-component-ld, \
         or wrap it: wasm-tools component new"
    )]
    Module(PathBuf),
    #[error(
        "the component has not the exports of a plugin; write this at the end of {file:?}, with the function that makes the plugin:\ninnkeeper_plugin::export!(plugin);"
    )]
    NoExports { file: PathBuf },
    /// An import that no host has, a registration that is refused.
    #[error("no host can load what was built: {0}")]
    Unfit(Box<AppError>),
    #[error("{0:?} is not WebAssembly")]
    NotWasm(PathBuf),
    #[error("{path:?} cannot be written")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl BuildError {
    /// Whether the command line or a variable is to be corrected, not a plugin or the machine.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::NoManifest(_) | Self::NoPackage { .. } | Self::Way(_))
    }

    /// Whether another try makes sense as soon as the sources have changed.
    pub(crate) fn is_of_sources(&self) -> bool {
        matches!(self, Self::Cargo { .. } | Self::NoExports { .. } | Self::Unfit(_) | Self::Module(_) | Self::Missing { .. })
    }

    pub(crate) fn start(program: &str, source: io::Error) -> Self {
        Self::Start { program: program.to_owned(), source }
    }
}
