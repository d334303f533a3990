//! `[wasm]`: how components are compiled and instantiated.

use std::path::{Path, PathBuf};
use std::thread;

use serde_json::Value;

use super::field::Field::{Custom, OptionalCount};
use super::key_spec::KeySpec;
use super::paths::{beside, shown};
use super::problem::Problem;
use super::reader::{Reader, Section};
use super::value::{RawValue, boolean, word};

const PLACES: [&str; 2] = ["child", "inside"];
const ALLOCATIONS: [&str; 2] = ["pooling", "on-demand"];

/// How components are compiled and instantiated: what makes starts and calls fast, and can be missing on some systems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wasm {
    /// Where compiled components are kept for the next start.
    pub cache: ComponentCache,
    /// Where components are compiled.
    pub compile: CompilePlace,
    /// How the memory of instances is allocated.
    pub instance_allocation: InstanceAllocation,
    /// Threads of calls that compute; `None`: half as many as the machine has cores. With 0, which no file can have, calls stay in the
    /// tasks that they belong to.
    pub guest_threads: Option<usize>,
}

impl Wasm {
    /// The number of threads of calls that compute.
    pub(crate) fn guest_threads(&self) -> usize {
        let half = || thread::available_parallelism().map_or(1, |cores| (cores.get() / 2).max(1));
        self.guest_threads.unwrap_or_else(half)
    }
}

/// Where compiled components are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ComponentCache {
    /// `true`: in the cache folder of the user.
    #[default]
    OfUser,
    /// `false`: nowhere.
    Off,
    /// In this folder.
    Folder(PathBuf),
}

/// Where components are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompilePlace {
    /// In a process of its own for each, with bounds of time and memory.
    #[default]
    Child,
    /// Inside of the server.
    Inside,
}

/// How the memory of instances is allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceAllocation {
    /// For all instances of a plugin when it is loaded, if there is the address space: making an instance takes microseconds.
    #[default]
    Pooling,
    /// For each instance when it is made.
    OnDemand,
}

/// The keys of the section.
pub(super) const KEYS: &[KeySpec<Wasm>] = &[
    KeySpec::new(
        "cache",
        |wasm: &mut Wasm| Custom {
            kind: "true, false, or folder, relative to the configuration",
            value: shown_cache(&wasm.cache),
        },
        "where compiled components are kept, so that the next start need not compile them: true is innkeeper/components in the user's cache folder. Where the folder cannot be written, the server starts without, with a line in the log",
    ),
    KeySpec::new(
        "compile",
        |wasm: &mut Wasm| Custom { kind: "\"child\" or \"inside\"", value: Some(shown_compile(wasm.compile)) },
        "where components are compiled: \"child\" is a process of its own for each, with the bounds compile_time_max and compile_memory_bytes_max. Where the system lets the server start no process, \"inside\" compiles in the server itself, without bounds",
    ),
    KeySpec::new(
        "instance_allocation",
        |wasm: &mut Wasm| Custom {
            kind: "\"pooling\" or \"on-demand\"",
            value: Some(shown_allocation(wasm.instance_allocation)),
        },
        "\"pooling\" reserves address space for all instances of a plugin when it is loaded, about 4 GiB for each memory, and no memory; new instances then take microseconds. Where there is no such space (ulimit -v, 39-bit kernels), the plugin is loaded with \"on-demand\", with a line in the log",
    ),
    KeySpec::new(
        "guest_threads",
        |wasm: &mut Wasm| OptionalCount(&mut wasm.guest_threads, 1..=1_024),
        "threads for calls that compute for longer than a few milliseconds, and for plugins that compute a lot: plugins take turns on them, and no connection waits for them. Without this key, half as many as the machine has cores, and at least one",
    )
    .example("2"),
];

/// Reads the section.
pub(super) fn read(reader: &mut Reader<'_>, root: &mut Section<'_>, file: &Path, into: &mut Wasm) {
    let mut section = reader.section(root, "wasm");
    reader.read(&mut section, KEYS, into);
    reader.set(&mut section, "cache", &mut into.cache, |raw| cache(raw, file));
    reader.set(&mut section, "compile", &mut into.compile, |raw| {
        Ok(match word(raw, &PLACES, "place to compile in")? {
            "inside" => CompilePlace::Inside,
            _ => CompilePlace::Child,
        })
    });
    reader.set(&mut section, "instance_allocation", &mut into.instance_allocation, |raw| {
        Ok(match word(raw, &ALLOCATIONS, "way to allocate instances")? {
            "on-demand" => InstanceAllocation::OnDemand,
            _ => InstanceAllocation::Pooling,
        })
    });
    reader.close(section);
}

fn cache(raw: &RawValue, file: &Path) -> Result<ComponentCache, Problem> {
    match (boolean(raw), raw) {
        (Ok(true), _) => Ok(ComponentCache::OfUser),
        (Ok(false), _) => Ok(ComponentCache::Off),
        (Err(_), RawValue::Text { text, .. }) if !text.is_empty() => Ok(ComponentCache::Folder(beside(file, text))),
        (Err(_), _) => Err(raw.expected("a folder, true or false", "name a folder in quotes, or write true or false without")),
    }
}

fn shown_cache(cache: &ComponentCache) -> Option<Value> {
    match cache {
        ComponentCache::OfUser => Some(true.into()),
        ComponentCache::Off => Some(false.into()),
        ComponentCache::Folder(folder) => shown(folder),
    }
}

fn shown_compile(place: CompilePlace) -> Value {
    match place {
        CompilePlace::Child => "child".into(),
        CompilePlace::Inside => "inside".into(),
    }
}

fn shown_allocation(allocation: InstanceAllocation) -> Value {
    match allocation {
        InstanceAllocation::Pooling => "pooling".into(),
        InstanceAllocation::OnDemand => "on-demand".into(),
    }
}
