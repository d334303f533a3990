//! The server's side of a compilation: the child process, what it reads and writes, and how it ends.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::Signal;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

use super::error::CompileError;
use super::limits::CompileLimits;
use super::worker::{INVALID, NO_MEMORY};
use crate::fixed_limits::ARTEFACT_BYTES_MAX;
use crate::plugin::engine::MemoryLayout;

/// This program, even if another file has taken its place since it was started.
const PROGRAM: &str = "/proc/self/exe";
/// The allocator takes memory as it needs it: at once, it would take as much as the child may have.
const LAZY_MEMORY: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");
/// A machine with other work to do gives the child a part of its time.
const TIMES_CPU: u32 = 2;
/// Of what a child says when it fails. The rest is dropped.
const SAID_BYTES: u64 = 4 << 10;
/// What Rust says when it ends a process that called too deep. For any other reason it does so where there is no memory.
const OVERFLOW: &str = "overflowed its stack";

/// Compiles a component in a child. Dropping the future kills the child, by its id.
pub(super) async fn compile(
    layout: MemoryLayout,
    limits: CompileLimits,
    component: Arc<Vec<u8>>,
) -> Result<Vec<u8>, CompileError> {
    let mut command = Command::new(PROGRAM);
    command.arg("compile-component").args(layout.arguments());
    command.arg("--memory-bytes-max").arg(limits.memory_bytes.to_string());
    command.arg("--cpu-seconds-max").arg(limits.cpu.as_secs().to_string());
    // The environment has secrets. The child opens no file, and inherits none but these three: the server opens its own for itself alone.
    command
        .env_clear()
        .env(LAZY_MEMORY.0, LAZY_MEMORY.1)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().map_err(CompileError::Start)?;
    let (Some(input), Some(output), Some(errors)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(CompileError::Start(io::Error::other("it has no pipes")));
    };
    let ended = timeout(TIMES_CPU * limits.cpu, async {
        // Together: a child that says something may wait until it is read.
        let (input, artefact, said) = tokio::join!(
            feed(input, &component),
            read(output, u64::try_from(ARTEFACT_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(1)),
            read(errors, SAID_BYTES)
        );
        if artefact.len() > ARTEFACT_BYTES_MAX {
            return Err(CompileError::Artefact(ARTEFACT_BYTES_MAX));
        }
        let status = child.wait().await.map_err(CompileError::Start)?;
        // Open until here: its end is how the child learns that the server is gone.
        drop(input);
        answer(status, artefact, &String::from_utf8_lossy(&said), limits)
    });
    ended.await.unwrap_or(Err(CompileError::Time(limits.cpu)))
}

/// Writes the component behind its length. One that the child does not read to the end is an error of the child.
async fn feed(mut input: ChildStdin, component: &[u8]) -> ChildStdin {
    let length = u64::try_from(component.len()).unwrap_or(u64::MAX);
    if input.write_all(&length.to_le_bytes()).await.is_ok() {
        let _ended = input.write_all(component).await;
        let _ended = input.flush().await;
    }
    input
}

/// What the child writes there until it ends, at most so many bytes.
async fn read(from: impl AsyncRead + Unpin, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _cut = from.take(most).read_to_end(&mut bytes).await;
    bytes
}

fn answer(status: ExitStatus, artefact: Vec<u8>, said: &str, limits: CompileLimits) -> Result<Vec<u8>, CompileError> {
    let died_of = |signal: Signal| status.signal() == Some(signal.as_raw());
    let said = said.trim();
    match status.code().map(u8::try_from) {
        Some(Ok(0)) => Ok(artefact),
        Some(Ok(INVALID)) => Err(CompileError::Invalid(said.to_owned())),
        Some(Ok(NO_MEMORY)) => Err(CompileError::Memory(limits.memory_bytes)),
        None if died_of(Signal::ABORT) && !said.contains(OVERFLOW) => Err(CompileError::Memory(limits.memory_bytes)),
        None if died_of(Signal::XCPU) => Err(CompileError::Time(limits.cpu)),
        _ => Err(CompileError::Ended { status: status.to_string(), said: said.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;
    use std::time::Duration;

    use super::answer;
    use crate::plugin::compiler::limits::CompileLimits;

    #[test]
    fn how_the_child_ended_says_which_bound_it_met() {
        let limits = CompileLimits { memory_bytes: 7, cpu: Duration::from_secs(3) };
        let told = |raw: i32, said: &str| answer(ExitStatus::from_raw(raw), Vec::new(), said, limits).unwrap_err().to_string();
        assert!(told(6, "memory allocation of 5 bytes failed\n").contains("7 bytes of memory"));
        assert!(told(6, "thread 'main' has overflowed its stack").contains("signal: 6"));
        assert!(told(24, "").contains("longer than 3s"));
        assert!(told(9, "").contains("signal: 9"));
        assert!(told(11, "stack").contains("stack"));
        assert!(told(3 << 8, "unexpected end").contains("not a valid component: unexpected end"));
        assert!(answer(ExitStatus::from_raw(0), Vec::new(), "", limits).is_ok());
    }
}
