//! From the bytes of a component to machine code: in a child process, which has bounds of its own, and at most once for each
//! component, since the result is kept.
//!
//! A compiler takes more than linear time and memory over some inputs, and a component is a stranger's. In a process of its own that
//! costs the server neither its memory nor its answers, and it can be ended at any time.

mod cache;
mod child;
pub(super) mod error;
mod limits;
mod worker;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;

use tokio::sync::Semaphore;
use wasmtime::component::Component;

use self::cache::{ArtefactCache, ArtefactKey};
use self::error::CompileError;
use super::blocking::blocking;
use super::component_file::ComponentFile;
use super::engine::WasmEngine;
use super::error::LoadProblem;
use crate::config::CompilePlace;
pub(crate) use cache::CacheFolder;
pub(crate) use limits::CompileLimits;
pub(crate) use worker::compile_component;

/// Compiles components.
pub(crate) struct Compiler {
    cache: Option<ArtefactCache>,
    place: CompilePlace,
    limits: CompileLimits,
    /// One permit for each core: more at once would only take longer.
    cores: Semaphore,
}

impl Compiler {
    /// A compiler. A cache that cannot be had is left out, with a line in the log: it only makes starts faster.
    pub(crate) fn new(cache: &CacheFolder, place: CompilePlace, limits: CompileLimits) -> Self {
        if place == CompilePlace::Inside {
            tracing::warn!(
                "components are compiled inside of the server (compile in [wasm]): a component that takes long, or much memory, takes it from the server"
            );
        }
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self { cache: ArtefactCache::open(cache), place, limits, cores: Semaphore::new(cores) }
    }

    /// Machine code for this engine. Dropping the future ends the compilation.
    pub(super) async fn compile(
        self: &Arc<Self>,
        for_engine: &WasmEngine,
        file: ComponentFile,
    ) -> Result<Component, LoadProblem> {
        let engine = for_engine.get();
        let (file, key) = {
            let (compiler, engine) = (self.clone(), engine.clone());
            let look = move || {
                let key = ArtefactKey::of(&engine, &file.bytes);
                let kept = compiler.cache.as_ref().and_then(|cache| cache.get(&key, &engine));
                (file, key, kept)
            };
            match blocking(look).await? {
                (_, _, Some(kept)) => return Ok(kept),
                (file, key, None) => (file, key),
            }
        };
        // Never closed.
        let _core = self.cores.acquire().await;
        let path = file.path.clone();
        tracing::info!(component = %path.display(), bytes = file.bytes.len(), "compiling");
        let artefact = match self.place {
            CompilePlace::Child => child::compile(for_engine.layout(), self.limits, file.bytes).await,
            CompilePlace::Inside => {
                let engine = engine.clone();
                let compiled = blocking(move || engine.precompile_component(&file.bytes)).await?;
                compiled.map_err(|error| CompileError::Invalid(format!("{error:#}")))
            }
        };
        let artefact = artefact.map_err(|source| LoadProblem::Compile { path: path.clone(), source })?;
        let (compiler, engine) = (self.clone(), engine.clone());
        let loaded = blocking(move || {
            if let Some(cache) = &compiler.cache {
                cache.keep(&key, &artefact);
            }
            cache::load(&engine, &artefact)
        });
        loaded.await?.map_err(|source| LoadProblem::Invalid { path, source })
    }
}
