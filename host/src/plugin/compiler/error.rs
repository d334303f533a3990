//! Why a component cannot be compiled.

use std::time::Duration;

/// Why there is no machine code.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CompileError {
    #[error(
        "cannot be compiled, since this system lets the server start no process for it ({0}); allow that, or write compile = \"inside\" in [wasm], without bounds of time and memory"
    )]
    Start(std::io::Error),

    #[error("is not a valid component: {0}")]
    Invalid(String),

    #[error("takes more than {0} bytes of memory to compile (compile_memory_bytes_max in [limits])")]
    Memory(usize),

    #[error("takes longer than {0:?} to compile (compile_time_max in [limits])")]
    Time(Duration),

    #[error("makes more than {0} bytes of machine code")]
    Artefact(usize),

    #[error("cannot be compiled: the process that did it ended with {status}: {said}")]
    Ended { status: String, said: String },
}
