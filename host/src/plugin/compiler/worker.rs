//! The child's side of a compilation: its own bounds, the component from standard input, the machine code to standard output.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;

use rustix::process::{Resource, Rlimit, nice, setrlimit};
use wasmtime::Engine;

use super::limits::CompileLimits;
use crate::plugin::engine::{MemoryLayout, configure};

/// The exit code for a component that no compiler takes.
pub(super) const INVALID: u8 = 3;
/// The exit code where the system gave no memory to the compiler.
pub(super) const NO_MEMORY: u8 = 4;
/// The exit code where the component did not arrive, or the bounds cannot be set.
const FAILED: u8 = 1;
/// How much a process of lower priority yields to others. The server's work comes first.
const NICENESS: i32 = 10;

/// Compiles the component on the standard input, in this process, which ends with it. What is wrong is written to the standard error.
pub(crate) fn compile_component(layout: MemoryLayout, limits: CompileLimits) -> ExitCode {
    match compile(layout, limits) {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, what)) => {
            let _closed = writeln!(io::stderr().lock(), "{what}");
            ExitCode::from(code)
        }
    }
}

fn compile(layout: MemoryLayout, limits: CompileLimits) -> Result<(), (u8, String)> {
    bound(limits).map_err(|error| (FAILED, format!("the bounds of the process cannot be set: {error}")))?;
    let component = receive().map_err(|error| {
        let code = if error.kind() == io::ErrorKind::OutOfMemory { NO_MEMORY } else { FAILED };
        (code, format!("the component did not arrive: {error}"))
    })?;
    end_with_the_server().map_err(|_| (NO_MEMORY, "there is no memory for a thread".to_owned()))?;
    let mut config = configure(layout);
    // One core of the machine is enough for a stranger's component.
    config.parallel_compilation(false);
    let compiled = Engine::new(&config).and_then(|engine| engine.precompile_component(&component));
    let artefact = compiled.map_err(|error| (code_of(&error), format!("{error:#}")))?;
    let mut output = io::stdout().lock();
    output.write_all(&artefact).and_then(|()| output.flush()).map_err(|error| (FAILED, error.to_string()))
}

/// Before anything of the component has been read.
fn bound(limits: CompileLimits) -> io::Result<()> {
    let most = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    // Data and not address space, of which an engine reserves a lot.
    most(Resource::Data, u64::try_from(limits.memory_bytes).unwrap_or(u64::MAX))?;
    let seconds = limits.cpu.as_secs();
    // At the first the process is ended by a signal that names the reason.
    setrlimit(Resource::Cpu, Rlimit { current: Some(seconds), maximum: Some(seconds.saturating_add(1)) })?;
    most(Resource::Core, 0)?;
    most(Resource::Fsize, 0)?;
    // Without the right to it the process has its priority already.
    let _same = nice(NICENESS);
    Ok(())
}

/// The component behind its length. The input stays open behind it.
fn receive() -> io::Result<Vec<u8>> {
    let (mut input, mut length) = (io::stdin().lock(), [0; 8]);
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let mut component = Vec::new();
    let read = input.take(length).read_to_end(&mut component)?;
    if u64::try_from(read).ok() == Some(length) { Ok(component) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Ends this process when its input ends: then the server is gone, by whatever way.
fn end_with_the_server() -> io::Result<()> {
    // Ends with the process.
    let wait = || {
        let _ended = io::stdin().lock().read(&mut [0]);
        std::process::exit(FAILED.into());
    };
    thread::Builder::new().spawn(wait).map(drop)
}

fn code_of(error: &wasmtime::Error) -> u8 {
    let is_memory = |error: &io::Error| error.kind() == io::ErrorKind::OutOfMemory;
    let no_memory = error.chain().any(|cause| cause.downcast_ref().is_some_and(is_memory));
    if no_memory { NO_MEMORY } else { INVALID }
}
