//! From a file to a generation that can be called: read, compile, link, make a trial instance, register, check the grants.
//!
//! Loading has two steps, so that all problems of all plugins are found before anything is opened for one of them: a plugin is
//! *registered*, which has no effect outside, and then *started*.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::future::join_all;
use innkeeper_contract::hooks;
use tokio::time::timeout;

use super::bindings::v0_1;
use super::call_metrics::CallMetrics;
use super::capability::{Capabilities, Capability};
use super::compiler::blocking;
use super::component_file::ComponentFile;
use super::contract::LinkedComponent;
use super::durable::Plugin;
use super::error::{LoadProblem, PluginError, namespaces_line};
use super::failure::Failure;
use super::generation::Generation;
use super::guest_run::GuestRun;
use super::host::GenerationContext;
use super::instance::Instance;
use super::registration::{Mode, NamespaceRegistration, Registration};
use super::runner::Runner;
use super::running::Running;
use super::shared::SharedGeneration;
use super::sharing;
use crate::store::StoreError;

/// Lines of the log about one kind of thing in a registration; the rest is counted.
const WARNINGS_SHOWN: usize = 20;

/// A generation that can be called, and the namespaces that it registered.
pub(crate) type Loaded = (Arc<dyn Runner>, Vec<NamespaceRegistration>);

/// A generation that registered and has no problem.
pub(crate) struct Registered {
    plugin: Arc<Plugin>,
    namespaces: Vec<NamespaceRegistration>,
    /// What made the component, for the log.
    sdk: String,
    start: Box<dyn FnOnce(GenerationContext) -> Arc<dyn Runner> + Send>,
    context: GenerationContext,
}

/// Registers the next generation of each plugin. The problems are those of all plugins, and what plugins do not share.
pub(crate) async fn register(plugins: &[Arc<Plugin>]) -> (Vec<Registered>, Vec<PluginError>) {
    let (mut registered, mut problems) = (Vec::new(), Vec::new());
    // At once, as far as the compiler takes several; registered in order.
    for (plugin, compiled) in plugins.iter().zip(join_all(plugins.iter().map(compile)).await) {
        let found = match compiled {
            // The one place where the version of the contract decides. Today there is one.
            Ok(component) => generation(plugin, Arc::new(component), &mut registered).await,
            Err(problem) => vec![problem],
        };
        problems.extend(found.into_iter().map(|problem| PluginError { plugin: plugin.config.name.clone(), problem }));
    }
    // One that the server can do without, and that will not be loaded, shares nothing.
    let is_left_out = |plugin: &Registered| {
        !plugin.plugin.config.required && problems.iter().any(|error: &PluginError| error.plugin == plugin.name())
    };
    let sharers: Vec<_> = registered.iter().filter(|plugin| !is_left_out(plugin)).map(Registered::chained).collect();
    let shared = sharing::problems(&sharers);
    problems.extend(shared);
    (registered, problems)
}

impl Registered {
    /// The namespaces that it may serve. One that a list leaves out is a problem already, and nobody shares it.
    fn chained(&self) -> sharing::Registered<'_> {
        let has_list = self.plugin.config.namespaces.is_some();
        let namespaces = self.namespaces.iter().filter(|namespace| namespace.is_listed || !has_list);
        (&self.plugin.name, namespaces.collect())
    }

    /// The plugin's name.
    pub(crate) fn name(&self) -> &str {
        &self.plugin.name
    }

    /// Makes the generation. The first that may use the store opens its file, unless it may use nothing but buckets in memory.
    pub(crate) async fn load(self) -> Result<Loaded, StoreError> {
        let mut context = self.context;
        if context.capabilities.has(Capability::Store) {
            let buckets = context.capabilities.parts(Capability::Store);
            context.store =
                Some(self.plugin.services.store.for_plugin(buckets, self.plugin.config.limits.store_bytes_max).await?);
        }
        tracing::info!(plugin = &*context.label, sdk = self.sdk, namespaces = ?names(&self.namespaces), "plugin loaded");
        Ok(((self.start)(context), self.namespaces))
    }
}

/// Registers a component; returns its problems. One that registered is in the list, whether it has problems or not, since it shares
/// namespaces with others.
async fn generation<C: LinkedComponent>(plugin: &Arc<Plugin>, component: Arc<C>, list: &mut Vec<Registered>) -> Vec<LoadProblem> {
    let label = plugin.next_label();
    let mut context = GenerationContext::trial(plugin.clone(), label.clone());
    let trial = Arc::new(GenerationContext::trial(plugin.clone(), label.clone()));
    let mut registration = match call_register(plugin, &component, &trial).await {
        Ok(registration) => registration,
        Err(problem) => return vec![problem],
    };
    let mut problems = Vec::from_iter(list_namespaces(plugin, &mut registration));
    match registration.capabilities.granted_by(&plugin.config.grants) {
        Ok(granted) => context.capabilities = granted,
        Err(missing) => {
            let grants = plugin.config.grants.iter().chain(&missing).cloned().collect();
            problems.push(LoadProblem::NotGranted { plugin: plugin.config.name.clone(), missing, grants });
        }
    }
    problems.extend(missing_keys(plugin, &registration.capabilities));
    warn_of(&label, &registration);
    context.has_timer_hook = registration.timer;
    context.namespaces = registration.namespaces.iter().map(|namespace| namespace.name.clone()).collect();
    let metrics = CallMetrics::new(&label, &registration.namespaces);
    let namespaces = registration.namespaces.clone();
    list.push(Registered {
        plugin: plugin.clone(),
        namespaces,
        sdk: registration.sdk.clone(),
        start: Box::new(move |context| match registration.mode {
            Mode::Pooled => Arc::new(Generation::new(component, context, registration.start, metrics)),
            Mode::Shared => Arc::new(SharedGeneration::new(component, context, &registration, metrics)),
        }),
        context,
    });
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

/// The keys that the plugin requests by name and that the configuration does not have.
fn missing_keys(plugin: &Plugin, requested: &Capabilities) -> Vec<LoadProblem> {
    let named = requested.parts(Capability::Jwt).into_iter().flatten();
    named.filter(|key| !plugin.services.keys.has(key)).map(|key| LoadProblem::NoKey { key: key.clone() }).collect()
}

/// Notes which of the namespaces the operator lists for this plugin. With a list, no other is registered.
fn list_namespaces(plugin: &Plugin, registration: &mut Registration) -> Option<LoadProblem> {
    let listed = plugin.config.namespaces.as_ref()?;
    let names: HashSet<&str> = listed.iter().map(String::as_str).collect();
    for namespace in &mut registration.namespaces {
        namespace.is_listed = names.contains(&*namespace.name);
    }
    // The key only allows: an operator who lists a namespace may believe that the plugin guards it.
    let registered: HashSet<&str> = registration.namespaces.iter().map(|namespace| &*namespace.name).collect();
    for name in listed.iter().filter(|name| !registered.contains(name.as_str())) {
        tracing::warn!(
            plugin = plugin.config.name,
            "[plugins.{}] lists the namespace {name:?}, which the plugin does not register: the plugin does nothing there",
            plugin.config.name
        );
    }
    let unlisted = registration.namespaces.iter().filter(|namespace| !namespace.is_listed);
    let unlisted: Vec<String> = unlisted.map(|namespace| namespace.name.to_string()).collect();
    if unlisted.is_empty() {
        return None;
    }
    let line = namespaces_line(listed.iter().chain(&unlisted).map(String::as_str));
    Some(LoadProblem::NotListed { plugin: plugin.config.name.clone(), namespaces: unlisted, line })
}

fn names(namespaces: &[NamespaceRegistration]) -> Vec<&str> {
    namespaces.iter().map(|namespace| &*namespace.name).collect()
}

/// Reads, compiles and links the component.
async fn compile(plugin: &Arc<Plugin>) -> Result<v0_1::Component, LoadProblem> {
    let (path, bytes_max) = (plugin.config.component.clone(), plugin.component_bytes_max);
    let file = blocking(move || ComponentFile::read(&path, bytes_max)).await??;
    tracing::debug!(plugin = &*plugin.name, bytes = file.bytes.len(), parts = ?file.parts, "component read");
    let (path, engine) = (file.path.clone(), plugin.engines.engine(&plugin.config, file.parts)?);
    let component = plugin.services.compiler.compile(&engine, file).await?;
    // Every version of the contract has it.
    if component.get_export_index(None, "register").is_none() {
        return Err(LoadProblem::NoExports { path });
    }
    v0_1::Component::link(engine, &component).map_err(|source| LoadProblem::DoesNotFit { path, source })
}

/// Makes a trial instance and calls its `register`.
async fn call_register<C: LinkedComponent>(
    plugin: &Plugin,
    component: &Arc<C>,
    trial: &Arc<GenerationContext>,
) -> Result<Registration, LoadProblem> {
    let running = Arc::new(Running::new(component.engine().clock().clone(), plugin.config.limits.run_deadline, Instant::now()));
    let (component, trial, runs) = (component.clone(), trial.clone(), running.clone());
    let asked = async move { Instance::new(&*component, &trial, &runs).await?.register().await };
    let asked = GuestRun::new(Box::pin(asked), running, plugin.threads.clone());
    let in_time = timeout(plugin.config.limits.call_deadline, asked).await.unwrap_or_else(|late| Err(late.into()));
    let registered = in_time.map_err(|source| LoadProblem::Register { source })?;
    let refused = |failure: Failure| LoadProblem::Refused { message: failure.message };
    let manifest = registered.map_err(refused)?;
    Registration::check(manifest).map_err(|what| LoadProblem::Registration { what })
}
