//! Child processes with a clean environment and a time limit.
//!
//! Under `cargo run` the environment describes how *this* program was built: its toolchain, its flags, the libraries of its
//! compiler. A guest is built for another machine, often by another toolchain, so nothing of that may reach it. What says how
//! to reach registries and where to put things stays.

use std::ffi::OsStr;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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

const POLL: Duration = Duration::from_millis(50);

/// A command that knows nothing of how this program was built.
pub(in crate::cli) fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(leaks) {
            command.env_remove(name);
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

/// Whether the command ended well in time; if it takes longer it is killed. It prints nothing.
pub(in crate::cli) fn succeeds_within(command: &mut Command, deadline: Duration) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if begun.elapsed() < deadline => thread::sleep(POLL),
            _ => break,
        }
    }
    // Killing fails only if it has ended, and then waiting returns at once.
    let _ended = child.kill();
    let _reaped = child.wait();
    false
}

fn leaks(name: &str) -> bool {
    LEAKS.contains(&name) || LEAKING.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what it expects")]
mod tests {
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::{clean, leaks, output, succeeds_within};

    #[test]
    fn a_command_that_hangs_is_killed() {
        let begun = Instant::now();
        assert!(!succeeds_within(Command::new("sleep").arg("30"), Duration::from_millis(100)));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_cargo_tells_this_test_reaches_no_child() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "tests run under cargo");
        let names = output(&mut clean("env")).unwrap();
        let names: Vec<_> = names.lines().filter_map(|line| line.split('=').next()).collect();
        assert!(names.contains(&"PATH"));
        assert!(!names.iter().any(|name| leaks(name)), "{names:?}");
    }
}
