//! A Rust toolchain that makes components.
//!
//! The ordinary way is the target wasm32-wasip2 with its ready-made standard library. That library comes from the Rust
//! project's download host alone. Where that cannot be reached, the second way builds the standard library from its sources with
//! packages of Debian: for wasm32-wasip1, with Debian's wasi-libc, and wasm-component-ld makes a component of the result. The
//! standard library has the same clocks, random seeds and output in both ways. (For wasm32-unknown-unknown it would have none of
//! them: a clock would trap, and what a plugin prints would vanish.)

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::error::BuildError;
use crate::cli::child::{clean, output, quiet, succeeds_within};
use crate::cli::output::say;

const WASIP2: &str = "wasm32-wasip2";
const WASIP1: &str = "wasm32-wasip1";
/// `wasip2` or `wasip1` forces one way; both must stay testable on one machine.
const FORCE: &str = "INNKEEPER_WASM_TARGET";
/// A closed network often drops packets instead of refusing them.
const RUSTUP_DEADLINE: Duration = Duration::from_secs(60);
const APT: &str = "/usr/bin/apt-get";
const APT_DEADLINE: Duration = Duration::from_secs(600);
const DEBIAN_PACKAGES: [&str; 6] = ["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22", "wasi-libc"];
/// Where Debian has the libraries of wasi-libc, under its names for the target.
const DEBIAN_LIBC: [&str; 2] = ["/usr/lib/wasm32-wasip1", "/usr/lib/wasm32-wasi"];

/// How to call cargo.
#[derive(Debug)]
pub(super) enum Toolchain {
    /// The target's standard library is installed.
    Wasip2,
    /// The standard library is built along.
    FromSources(Sources),
}

/// Debian's compiler, the sources of its standard library, a linker for components and a C library.
#[derive(Debug)]
pub(super) struct Sources {
    cargo: PathBuf,
    rustc: PathBuf,
    linker: PathBuf,
    wasm_ld: PathBuf,
    libc: PathBuf,
}

impl Toolchain {
    /// The first toolchain that is there or can be added, for a package in this folder (which may pin its toolchain). One that
    /// is there goes before one that can be added, because on a closed network rustup would let every build wait for its
    /// deadline. `install` allows apt-get to change the system; a target that rustup adds is in the user's home.
    pub(super) fn find(folder: &Path, install: bool) -> Result<Self, BuildError> {
        let forced = std::env::var(FORCE).unwrap_or_default();
        let (ordinary, sources) = match forced.as_str() {
            "" => (true, true),
            "wasip2" => (true, false),
            "wasip1" => (false, true),
            other => return Err(BuildError::Way(other.to_owned())),
        };
        let there = || (ordinary && has_wasip2(folder)).then_some(Self::Wasip2);
        let sources_there = || sources.then(Sources::debian).flatten();
        there()
            .or_else(|| sources_there().map(Self::FromSources))
            .or_else(|| (ordinary && add_wasip2(folder)).then_some(Self::Wasip2))
            .or_else(|| (install && sources && install_debian()).then(Sources::debian).flatten().map(Self::FromSources))
            .ok_or_else(|| advice(&forced))
    }

    pub(super) fn target(&self) -> &'static str {
        match self {
            Self::Wasip2 => WASIP2,
            Self::FromSources(_) => WASIP1,
        }
    }

    /// `cargo build` for the target; what to build is the caller's.
    pub(super) fn cargo(&self, folder: &Path) -> Command {
        let mut command = match self {
            Self::Wasip2 => clean("cargo"),
            Self::FromSources(sources) => sources.cargo(),
        };
        command.current_dir(folder).args(["build", "--target", self.target()]);
        if let Self::FromSources(_) = self {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        command
    }
}

impl fmt::Display for Toolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wasip2 => formatter.write_str(WASIP2),
            Self::FromSources(sources) => {
                let rustc = sources.rustc.display();
                write!(formatter, "{rustc} and the standard library from sources ({WASIP1})")
            }
        }
    }
}

impl Sources {
    /// What Debian's packages install, if all of it is there.
    fn debian() -> Option<Self> {
        file("/usr/lib/rustlib/src/rust/library/std/Cargo.toml")?;
        Some(Self {
            cargo: file("/usr/bin/cargo")?,
            rustc: file("/usr/bin/rustc")?,
            linker: linker(Path::new("/usr/lib/rustlib"))?,
            wasm_ld: wasm_ld(Path::new("/usr/bin"))?,
            libc: DEBIAN_LIBC.map(PathBuf::from).into_iter().find(|folder| folder.join("libc.a").is_file())?,
        })
    }

    fn cargo(&self) -> Command {
        let mut command = clean(&self.cargo);
        // -Zbuild-std is unstable and has been the same for years; the compiler is a stable one.
        command.env("RUSTC_BOOTSTRAP", "1");
        command.env("RUSTC", &self.rustc);
        command.env("CARGO_TARGET_WASM32_WASIP1_LINKER", &self.linker);
        // The compiler looks for a C library in its own folder, where Debian has none. The object makes a library of the module,
        // whose initializers run before the first call.
        let (libc, wasm_ld) = (self.libc.display(), self.wasm_ld.display());
        let flags = format!(
            "-Clink-self-contained=no -Lnative={libc} -Clink-arg={libc}/crt1-reactor.o -Clink-arg=--wasm-ld-path={wasm_ld}"
        );
        command.env("CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS", flags);
        command
    }
}

/// Adds the target's library with rustup. Without rustup nothing is reported: there are other ways.
fn add_wasip2(folder: &Path) -> bool {
    if output(clean("rustup").arg("--version").current_dir(folder)).is_none() {
        return false;
    }
    say(format_args!("innkeeper: adding the target {WASIP2} with rustup (at most {} s)", RUSTUP_DEADLINE.as_secs()));
    let mut rustup = clean("rustup");
    rustup.args(["target", "add", WASIP2]).current_dir(folder);
    let added = succeeds_within(quiet(rustup), RUSTUP_DEADLINE) && has_wasip2(folder);
    if !added {
        say(format_args!("innkeeper: rustup could not add it, probably because there is no network"));
    }
    added
}

/// Looks for the library's own files, because rustup lists what its manifest has.
fn has_wasip2(folder: &Path) -> bool {
    let mut rustc = clean("rustc");
    rustc.args(["--print", "target-libdir", "--target", WASIP2]).current_dir(folder);
    let found = output(&mut rustc).map(|path| names(Path::new(&path)));
    let is_core = |name: &String| name.starts_with("libcore-") && name.ends_with(".rlib");
    found.is_some_and(|names| names.iter().any(is_core))
}

/// Installs Debian's packages.
fn install_debian() -> bool {
    if !is_root() || file(APT).is_none() {
        say(format_args!("innkeeper: --install needs apt-get and root"));
        return false;
    }
    say(format_args!("innkeeper: installing {} with apt-get", DEBIAN_PACKAGES.join(" ")));
    let apt = |arguments: &[&str]| {
        let mut command = clean(APT);
        command.env("DEBIAN_FRONTEND", "noninteractive").args(arguments);
        succeeds_within(quiet(command), APT_DEADLINE)
    };
    // An old list of packages may still do, so that a failed update is not the end.
    let _updated = apt(&["-qq", "update"]);
    let mut install = vec!["-qq", "install", "--yes", "--no-install-recommends"];
    install.extend(DEBIAN_PACKAGES);
    let installed = apt(&install);
    if !installed {
        say(format_args!("innkeeper: apt-get could not install them"));
    }
    installed
}

fn is_root() -> bool {
    output(clean("id").arg("-u")).is_some_and(|id| id == "0")
}

/// The commands of which one is to be run, each on a line of its own.
fn advice(forced: &str) -> BuildError {
    let ordinary = format!("  rustup target add {WASIP2}    (needs a network)");
    let sudo = if is_root() { "" } else { "sudo " };
    let packages = DEBIAN_PACKAGES.join(" ");
    let debian = format!(
        "  {sudo}apt-get update && {sudo}apt-get install {packages}    (on Debian; with --install, innkeeper does this as root)"
    );
    BuildError::NoToolchain(match forced {
        "wasip2" => ordinary,
        "wasip1" => debian,
        _ => format!("{ordinary}\n{debian}"),
    })
}

/// `wasm-component-ld` of any host in a toolchain's library.
fn linker(library: &Path) -> Option<PathBuf> {
    let hosts = names(library).into_iter();
    hosts.map(|host| library.join(host).join("bin/wasm-component-ld")).find(|path| path.is_file())
}

/// The newest `wasm-ld-<version>` of a folder, or the one without version.
fn wasm_ld(folder: &Path) -> Option<PathBuf> {
    let versions = names(folder).into_iter().filter_map(|name| {
        let version = name.strip_prefix("wasm-ld-")?.parse::<u32>().ok()?;
        Some((version, folder.join(name)))
    });
    let newest = versions.max().map(|(_, path)| path);
    newest.or_else(|| Some(folder.join("wasm-ld")).filter(|path| path.is_file()))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn file(path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.is_file())
}
