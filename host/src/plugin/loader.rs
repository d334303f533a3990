//! From a file to a version that can serve: read, compile, link, make a trial instance, register, check the grants.
//!
//! None of that has an effect outside, so all problems of all plugins are found before anything is opened or started for one of them.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use innkeeper_contract::hooks;
use tokio::time::timeout;

use super::bindings::v0_1;
use super::blocking::blocking;
use super::capability::Capabilities;
use super::component_file::ComponentFile;
use super::contract::LinkedComponent;
use super::error::{LoadProblem, PluginError, namespaces_line};
use super::failure::Failure;
use super::guest_run::GuestRun;
use super::host::GenerationContext;
use super::instance::Instance;
use super::registration::Registration;
use super::running::Running;
use super::sharing;
use super::version::{Candidate, Version, missing_keys};
use crate::auth::Keys;
use crate::config::PluginConfig;

/// Lines of the log about one kind of thing in a registration; the rest is counted.
const WARNINGS_SHOWN: usize = 20;

/// Registers candidates, which are to serve beside the versions `beside`. The problems are those of all candidates, and what plugins do
/// not share. One that registered is among the versions, whether it has problems or not, since it shares namespaces with others.
pub(crate) async fn register(
    candidates: Vec<Candidate>,
    beside: &[Arc<Version>],
    keys: &Keys,
) -> (Vec<Arc<Version>>, Vec<PluginError>) {
    let (mut registered, mut problems) = (Vec::new(), Vec::new());
    // At once, as far as the compiler takes several; registered in order.
    let compiled = join_all(candidates.iter().map(compile)).await;
    for (candidate, compiled) in candidates.into_iter().zip(compiled) {
        let name = candidate.config.name.clone();
        let found = match compiled {
            // The one place where the version of the contract decides. Today there is one.
            Ok(Compiled { component, digest, bytes }) => {
                version(candidate.with_component(bytes), Arc::new(component), digest, keys, &mut registered).await
            }
            Err(problem) => vec![problem],
        };
        problems.extend(found.into_iter().map(|problem| PluginError { plugin: name.clone(), problem }));
    }
    // One that the server can do without, and that will not be loaded, shares nothing.
    let is_left_out = |version: &Version| {
        !version.config().required && problems.iter().any(|error: &PluginError| error.plugin == **version.name())
    };
    let candidates = registered.iter().filter(|version| !is_left_out(version));
    let sharers: Vec<_> = candidates.chain(beside).map(|version| version.chained()).collect();
    problems.extend(sharing::problems(&sharers));
    (registered, problems)
}

/// Registers a component; returns its problems.
async fn version<C: LinkedComponent>(
    candidate: Candidate,
    component: Arc<C>,
    digest: String,
    keys: &Keys,
    list: &mut Vec<Arc<Version>>,
) -> Vec<LoadProblem> {
    let config = candidate.config.clone();
    let trial = Arc::new(candidate.trial());
    let mut registration = match call_register(&component, &trial).await {
        Ok(registration) => registration,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::from_iter(list_namespaces(&config, &mut registration));
    let capabilities = registration.capabilities.granted_by(&config.grants).unwrap_or_else(|missing| {
        let grants = config.grants.iter().chain(&missing).cloned().collect();
        problems.push(LoadProblem::NotGranted { plugin: config.name.clone(), missing, grants });
        Capabilities::default()
    });
    problems.extend(missing_keys(keys, &registration.capabilities));
    warn_of(&trial.label, &registration);
    list.push(Arc::new(Version::new(candidate, component, digest, registration, capabilities)));
    problems
}

/// Logs what an author may not have meant.
fn warn_of(label: &str, registration: &Registration) {
    let named_connection = registration.namespaces.iter().filter(|namespace| namespace.events.contains_key(hooks::CONNECTION));
    for namespace in named_connection.take(WARNINGS_SHOWN) {
        // A client may emit an event of this name, so it is no error; but who ports a server means the hook.
        tracing::warn!(
            plugin = label,
            ns = &*namespace.name,
            "the plugin handles an event {:?} of clients; the hook that runs when a socket connects is `connection` (in Rust \
             `.connection(fn)`)",
            hooks::CONNECTION
        );
    }
    for ignored in registration.unknown.iter().take(WARNINGS_SHOWN) {
        tracing::warn!(plugin = label, "this host does not know the {ignored}, which the plugin registered: it is ignored");
    }
    if let Some(more) = registration.unknown.len().checked_sub(WARNINGS_SHOWN).filter(|more| *more > 0) {
        tracing::warn!(plugin = label, more, "the plugin registered more that this host does not know: it is ignored");
    }
}

/// Notes which of the namespaces the operator lists for this plugin. With a list, no other is registered.
fn list_namespaces(config: &PluginConfig, registration: &mut Registration) -> Option<LoadProblem> {
    let listed = config.namespaces.as_ref()?;
    let names: HashSet<&str> = listed.iter().map(String::as_str).collect();
    for namespace in &mut registration.namespaces {
        namespace.is_listed = names.contains(&*namespace.name);
    }
    // The key only allows: an operator who lists a namespace may believe that the plugin guards it.
    let registered: HashSet<&str> = registration.namespaces.iter().map(|namespace| &*namespace.name).collect();
    for name in listed.iter().filter(|name| !registered.contains(name.as_str())) {
        tracing::warn!(
            plugin = config.name,
            "[plugins.{}] lists the namespace {name:?}, which the plugin does not register: the plugin does nothing there",
            config.name
        );
    }
    let unlisted = registration.namespaces.iter().filter(|namespace| !namespace.is_listed);
    let unlisted: Vec<String> = unlisted.map(|namespace| namespace.name.to_string()).collect();
    if unlisted.is_empty() {
        return None;
    }
    let line = namespaces_line(listed.iter().chain(&unlisted).map(String::as_str));
    Some(LoadProblem::NotListed { plugin: config.name.clone(), namespaces: unlisted, line })
}

/// What became of a candidate's component.
struct Compiled {
    component: v0_1::Component,
    digest: String,
    bytes: Arc<Vec<u8>>,
}

/// Reads, compiles and links the component.
async fn compile(candidate: &Candidate) -> Result<Compiled, LoadProblem> {
    let Candidate { plugin, config, component_bytes_max, component, .. } = candidate.clone();
    let path = config.component.clone();
    let file = blocking(move || match component {
        Some(bytes) => ComponentFile::of(path, bytes),
        None => ComponentFile::read(&path, component_bytes_max),
    });
    let file = file.await??;
    tracing::debug!(plugin = &*plugin.name, bytes = file.bytes.len(), parts = ?file.parts, "component read");
    let (path, digest, bytes) = (file.path.clone(), file.digest.clone(), file.bytes.clone());
    let engine = plugin.engines.engine(&config, file.parts)?;
    let component = plugin.services.compiler.compile(&engine, file).await?;
    // Every version of the contract has it.
    if component.get_export_index(None, "register").is_none() {
        return Err(LoadProblem::NoExports { path });
    }
    let component = v0_1::Component::link(engine, &component).map_err(|source| LoadProblem::DoesNotFit { path, source })?;
    Ok(Compiled { component, digest, bytes })
}

/// Makes a trial instance and calls its `register`.
async fn call_register<C: LinkedComponent>(
    component: &Arc<C>,
    trial: &Arc<GenerationContext>,
) -> Result<Registration, LoadProblem> {
    let (limits, threads) = (&trial.config.limits, trial.plugin.threads.clone());
    let (run_deadline, call_deadline) = (limits.run_deadline, limits.call_deadline);
    let running = Arc::new(Running::new(component.engine().clock().clone(), run_deadline, Instant::now()));
    let (component, trial, runs) = (component.clone(), trial.clone(), running.clone());
    let asked = async move { Instance::new(&*component, &trial, &runs).await?.register().await };
    let asked = GuestRun::new(Box::pin(asked), running, threads);
    let in_time = timeout(call_deadline, asked).await.unwrap_or_else(|late| Err(late.into()));
    let registered = in_time.map_err(|source| LoadProblem::Register { source })?;
    let refused = |failure: Failure| LoadProblem::Refused { message: failure.message };
    let manifest = registered.map_err(refused)?;
    Registration::check(manifest).map_err(|what| LoadProblem::Registration { what })
}
