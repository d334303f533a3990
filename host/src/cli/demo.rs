//! `innkeeper demo`: the reference plugins, built if need be, and a server with them and a page.

mod page;
mod users;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::config::{Config, Flags, PluginConfig};
use crate::telemetry::Log;

use super::config_file::environment;
use super::error::CliError;
use super::output::say;
use super::paths::Target;
use super::reference::{ATTEMPTS, REFERENCE_PLUGINS};
use super::{build, built_in, paths, ports, run};

/// What a component depends on, relative to the workspace.
const SOURCES: [&str; 5] = ["plugins", "plugin-sdk/rust", "wit", "Cargo.lock", "Cargo.toml"];
/// Folders that hold no sources.
const NO_SOURCES: [&str; 2] = ["target", "node_modules"];

/// The configuration of `attempts`: more points, because the limit of a user shall be reached by hand, and by two tabs at one
/// address each on its own.
const ATTEMPTS_CONFIG: &str = r#"{"points": 1000, "per": ["address"]}"#;

pub(super) fn demo(
    folder: Option<PathBuf>,
    flags: Flags,
    install: bool,
    sign_with_jwt_secret: bool,
    log: &Log,
) -> Result<(), CliError> {
    let prepared = prepare(folder, flags, install, sign_with_jwt_secret, &[])?;
    run::serve(prepared.config.into(), run::nothing_to_read(), log)
}

/// What the demo is started with.
pub(super) struct Prepared {
    pub(super) config: Config,
    /// Held until the end of the demo: closing the file releases the lock.
    _lock: File,
}

/// Prepares everything, and prints what to try. `built`: components of reference plugins that are there, by the folders of those.
pub(super) fn prepare(
    folder: Option<PathBuf>,
    flags: Flags,
    install: bool,
    sign_with_jwt_secret: bool,
    built: &[(String, PathBuf)],
) -> Result<Prepared, CliError> {
    let sources = Sources::find(install)?;
    let target = &sources.target;
    let folder = folder.unwrap_or_else(|| target.demo());
    let lock = lock(&folder)?;
    let mut config = Config::built_in(sources.plugins(built)?, &environment, flags)?;
    built_in::free_internal(&mut config);
    ports::choose(&mut config, flags, "the demo")?;
    let key = users::key(config.keys.pop(), sign_with_jwt_secret)?;
    let tokens = users::tokens(&key)?;
    config.keys = vec![key];
    let cannot_write = |error| CliError::Demo(folder.clone(), error);
    config.server.static_folder = Some(page::unpack(&folder, &tokens).map_err(cannot_write)?);
    config.store = users::store(&folder).map_err(cannot_write)?;
    config.server.client_folder = page::client(&target.demo());
    print_what_to_try(&config);
    Ok(Prepared { config, _lock: lock })
}

/// Locks the folder of the demo: a second demo in it would replace the tokens of the first, and could not open its store.
fn lock(folder: &Path) -> Result<File, CliError> {
    let opened = fs::create_dir_all(folder).and_then(|()| File::create(folder.join("lock")));
    let cannot_write = |error| CliError::Demo(folder.to_owned(), error);
    let file = opened.map_err(cannot_write)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CliError::DemoRuns(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(cannot_write(error)),
    }
}

/// Where the reference plugins are built.
struct Sources {
    /// `None` where only the program lies in its target directory: then everything must be built already.
    checkout: Option<PathBuf>,
    target: Target,
    /// Whether missing packages may be installed.
    install: bool,
}

impl Sources {
    fn find(install: bool) -> Result<Self, CliError> {
        let checkout = paths::checkout();
        let target = match &checkout {
            Some(checkout) => Some(paths::target_of(checkout)),
            None => paths::own_target(),
        };
        Ok(Self { checkout, target: target.ok_or(CliError::NoSources)?, install })
    }

    /// The reference plugins, built anew where their sources are newer.
    fn plugins(&self, built: &[(String, PathBuf)]) -> Result<Vec<PluginConfig>, CliError> {
        // Without sources there is no time to compare with: every component that is there counts as fresh.
        let paths = self.checkout.iter().flat_map(|checkout| SOURCES.map(|path| checkout.join(path)));
        let changed = paths.filter_map(|path| newest(&path)).max();
        let mut plugins = Vec::new();
        for reference in &REFERENCE_PLUGINS {
            let ready = built.iter().find(|(folder, _)| folder == reference.folder).map(|(_, component)| component.clone());
            let component = ready.clone().unwrap_or_else(|| self.target.component(reference.folder));
            if ready.is_none() && !is_fresh(&component, changed) {
                self.build(reference.folder, &component)?;
            }
            let mut plugin = reference.configured(component);
            if reference.name == ATTEMPTS {
                ATTEMPTS_CONFIG.clone_into(&mut plugin.config);
            }
            plugins.push(plugin);
        }
        Ok(plugins)
    }

    fn build(&self, folder: &str, component: &Path) -> Result<(), CliError> {
        let checkout = self.checkout.as_ref().ok_or(CliError::NoSources)?;
        build::build(&build::BuildArgs {
            folder: checkout.join("plugins").join(folder),
            output: Some(component.to_owned()),
            target_dir: Some(self.target.folder.clone()),
            install: self.install,
        })?;
        Ok(())
    }
}

fn is_fresh(component: &Path, changed: Option<SystemTime>) -> bool {
    let built = fs::metadata(component).and_then(|file| file.modified());
    match (built, changed) {
        (Ok(built), Some(changed)) => built > changed,
        (Ok(_), None) => true,
        (Err(_), _) => false,
    }
}

/// When the newest file at this path, or anywhere in it, was changed. What cannot be read does not count.
fn newest(path: &Path) -> Option<SystemTime> {
    let mut newest = None;
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        // A folder's own time counts too: it changes when a file in it is removed.
        newest = newest.max(metadata.modified().ok());
        if metadata.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            open.extend(entries.map(|entry| entry.path()).filter(|path| has_sources(path)));
        }
    }
    newest
}

fn has_sources(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_default();
    !name.starts_with('.') && !NO_SOURCES.contains(&name.as_str())
}

fn print_what_to_try(config: &Config) {
    let (host, port) = (config.server.host, config.server.port);
    let host = if host.is_unspecified() { "localhost".to_owned() } else { host.to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    // Only the server finds out which port is free, and logs it.
    let port = if port == 0 { "<the port in the log>".to_owned() } else { port.to_string() };
    let address = format!("http://{host}:{port}");
    say(format_args!(
        r#"
{address}/  <- the chat page: open it in two tabs and sign in as two users

Innkeeper demo, with the plugins {}. Stop it with Ctrl-C.

Or talk to it from another terminal:

  npm install socket.io-client
  cat > hello.mjs <<'END'
{}
END
  node hello.mjs

Next: read plugins/echo. `innkeeper dev` starts the same demo, in which what you change there and save takes over at once.
"#,
        REFERENCE_PLUGINS.each_ref().map(|plugin| plugin.name).join(", "),
        client(&address)
    ));
}

/// A few lines that sign in, talk to the plugins and end by themselves.
fn client(address: &str) -> String {
    format!(
        r#"import {{ io }} from "socket.io-client";
const {{ users }} = await (await fetch("{address}/users.json")).json();
const [ann, bob] = users.slice(0, 2).map(({{ token }}) => io("{address}/chat", {{ forceNew: true, auth: {{ token }} }}));
const echo = io("{address}", {{ auth: {{ token: users[0].token }} }});
console.log("echo says", await echo.emitWithAck("echo", "hello"));
bob.on("chat:message", (message) => console.log("bob reads", message));
for (const socket of [ann, bob]) await socket.emitWithAck("room:join", "lobby");
console.log("ann gets", await ann.emitWithAck("chat:send", {{ roomId: "lobby", text: "hi Bob" }}));
await new Promise((done) => setTimeout(done, 200));
for (const socket of [echo, ann, bob]) socket.disconnect();"#
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{is_fresh, newest};

    #[test]
    fn a_component_older_than_its_sources_is_not_fresh() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let changed = newest(&file);
        assert!(!is_fresh(&file.with_file_name("nowhere.wasm"), changed));
        assert!(!is_fresh(&file, changed));
        assert!(!is_fresh(&file, Some(SystemTime::now() + Duration::from_secs(60))));
        assert!(is_fresh(&file, changed.map(|time| time - Duration::from_secs(1))));
    }
}
