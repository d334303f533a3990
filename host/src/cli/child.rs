//! Child processes with a clean environment, ended as a group.
//!
//! Under `cargo run` the environment describes how *this* program was built: its toolchain, its flags, the libraries of its
//! compiler. A guest is built for another machine, often by another toolchain, so nothing of that may reach it. Variables that
//! say how to reach registries and where to put files stay.
//!
//! A child that may run for long (cargo, npm, rustup, apt-get) has children of its own, so it gets a process group, and the whole
//! group is ended: after the deadline, and when this program is ended while it waits, since a signal from the terminal does not reach
//! another group.

use std::ffi::OsStr;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal as ProcessSignal, kill_process_group};
use tokio::process::Child;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Set by cargo and rustup for the program they run, or meant for the host's code alone.
const LEAKS: [&str; 13] = [
    "CARGO",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_MAKEFLAGS",
    "CARGO_PRIMARY_PACKAGE",
    "RUSTC",
    "RUSTDOC",
    "RUSTFLAGS",
    "RUSTUP_TOOLCHAIN",
    "RUSTC_BOOTSTRAP",
    "RUST_RECURSION_COUNT",
];
const LEAKING: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// Folders that are relative to where this program was started; a child may run elsewhere.
const FOLDERS: [&str; 2] = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"];

/// How long the processes of a group may take to end by themselves before they are killed.
const GRACE: Duration = Duration::from_secs(5);

/// A command whose environment says nothing of how this program was built.
pub(super) fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(leaks) {
            command.env_remove(name);
        }
    }
    for name in FOLDERS {
        if let Some(Ok(folder)) = std::env::var_os(name).filter(|folder| !folder.is_empty()).map(std::path::absolute) {
            command.env(name, folder);
        }
    }
    // Cargo puts the libraries of its own compiler before all others, where another compiler would find them.
    if std::env::var_os("CARGO_MANIFEST_DIR").is_some() {
        command.env_remove("LD_LIBRARY_PATH");
        command.env_remove("DYLD_FALLBACK_LIBRARY_PATH");
    }
    command
}

/// What the command prints, without the line's end, if it ends well.
pub(super) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(text).ok()?.trim().to_owned())
}

/// The command without any input and output.
pub(super) fn quiet(mut command: Command) -> Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Whether the command ended well.
pub(super) fn succeeds(command: Command) -> io::Result<bool> {
    supervise(command, None)
}

/// Whether the command ended well in time; after the deadline its process group is ended.
pub(super) fn succeeds_within(command: Command, deadline: Duration) -> bool {
    supervise(command, Some(deadline)).unwrap_or(false)
}

/// Whether the command ended well. A future that is dropped ends the command, with its children.
pub(super) async fn succeeds_beside(command: Command) -> io::Result<bool> {
    /// Ends the group of a child that nobody waits for any more.
    struct Group(Child);
    impl Drop for Group {
        fn drop(&mut self) {
            if let Some(group) = group_of(&self.0) {
                let _ended = kill_process_group(group, ProcessSignal::KILL);
            }
        }
    }
    let mut group = Group(tokio::process::Command::from(command).process_group(0).spawn()?);
    Ok(group.0.wait().await?.success())
}

/// Waits for what may never come. A signal ends this program meanwhile, as it would without a runtime.
pub(super) fn wait_for<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::listen()?;
        tokio::select! {
            output = future => Ok(output),
            signal = signals.next() => std::process::exit(128 + signal.as_raw_value()),
        }
    })
}

/// Waits for the command in a process group of its own. If this program is to end meanwhile, the group is ended first.
fn supervise(command: Command, deadline: Option<Duration>) -> io::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Made before the child is started, so that a signal cannot end this program and leave the group behind.
        let mut signals = Signals::listen()?;
        let mut child = tokio::process::Command::from(command).process_group(0).spawn()?;
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep(deadline).await,
                None => std::future::pending().await,
            }
        };
        let signal = tokio::select! {
            status = child.wait() => return Ok(status?.success()),
            () = late => None,
            signal = signals.next() => Some(signal),
        };
        end_group(&mut child).await;
        match signal {
            // As a shell reports a program that a signal has ended.
            Some(signal) => std::process::exit(128 + signal.as_raw_value()),
            None => Ok(false),
        }
    })
}

/// Asks every process of the child's group to end, and kills what is left.
async fn end_group(child: &mut Child) {
    let Some(group) = group_of(child) else {
        return;
    };
    let _ended = kill_process_group(group, ProcessSignal::TERM);
    let _waited = tokio::time::timeout(GRACE, child.wait()).await;
    let _ended = kill_process_group(group, ProcessSignal::KILL);
    let _reaped = child.wait().await;
}

/// A child that is not yet waited for keeps its id, and with it the group's.
fn group_of(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// The signals that end this program.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.hangup.recv() => SignalKind::hangup(),
        }
    }
}

fn leaks(name: &str) -> bool {
    LEAKS.contains(&name) || LEAKING.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::path::Path;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{clean, leaks, output, succeeds_within};

    #[test]
    fn a_command_that_hangs_is_ended_with_its_children() {
        let file = std::env::temp_dir().join(format!("innkeeper-child-{}", std::process::id()));
        let mut shell = Command::new("sh");
        shell.arg("-c").arg("sleep 300 & echo $! > \"$0\"; wait").arg(&file);
        let begun = Instant::now();
        assert!(!succeeds_within(shell, Duration::from_secs(1)));
        assert!(begun.elapsed() < Duration::from_secs(30));

        let sleeper = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let runs = || {
            let status = std::fs::read_to_string(Path::new("/proc").join(sleeper.trim()).join("status"));
            status.is_ok_and(|status| !status.contains("State:\tZ"))
        };
        let patience = Instant::now();
        while runs() && patience.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!runs(), "the grandchild {sleeper} outlived its group");
    }

    #[test]
    fn variables_that_cargo_sets_for_this_test_reach_no_child() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "tests run under cargo");
        let names = output(&mut clean("env")).unwrap();
        let names: Vec<_> = names.lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.contains(&"PATH"));
        assert!(!names.iter().any(|name| leaks(name)), "{names:?}");
    }
}
