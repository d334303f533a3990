//! From a file to a generation that can be called: read, compile, link, make a trial instance, register, check the grants.

use std::path::Path;
use std::sync::Arc;

use tokio::time::timeout;
use wasmtime::component::Component;

use super::bindings::v0_1;
use super::capability::{Capabilities, Capability};
use super::contract::LinkedComponent;
use super::durable::Plugin;
use super::error::{PluginError, namespaces_line};
use super::failure::Failure;
use super::generation::Generation;
use super::host::GenerationContext;
use super::instance::Instance;
use super::registration::{NamespaceRegistration, Registration};
use super::runner::Runner;

/// A loaded generation, and the namespaces that it registered.
pub(crate) type Loaded = (Arc<dyn Runner>, Vec<NamespaceRegistration>);

/// Loads the next generation of a plugin.
pub(crate) async fn load(plugin: &Arc<Plugin>) -> Result<Loaded, PluginError> {
    // The one place where the version of the contract decides. Today there is one.
    generation(plugin, compile(plugin).await?).await
}

async fn generation<C: LinkedComponent>(plugin: &Arc<Plugin>, component: C) -> Result<Loaded, PluginError> {
    let label = plugin.next_label();
    let trial = Arc::new(GenerationContext::trial(plugin.clone(), label.clone()));
    let mut registration = register(plugin, &component, &trial).await?;
    list_namespaces(plugin, &mut registration)?;
    let mut context = GenerationContext::trial(plugin.clone(), label.clone());
    context.capabilities = grant(plugin, &registration.capabilities)?;
    for ignored in &registration.unknown {
        tracing::warn!(plugin = &*label, "this host does not know the {ignored}, which the plugin registered: it is ignored");
    }
    tracing::info!(plugin = &*label, sdk = registration.sdk, namespaces = ?names(&registration), "plugin loaded");
    if context.capabilities.has(Capability::Store) {
        // The first plugin that comes here opens the store's file, unless it may use nothing but buckets in memory.
        let opened = plugin.services.store.for_buckets(context.capabilities.parts(Capability::Store)).await;
        let store = opened.map_err(|source| PluginError::Store { plugin: plugin.config.name.clone(), source })?;
        context.store = Some(store);
    }
    context.has_timer_hook = registration.timer;
    context.namespaces = registration.namespaces.iter().map(|namespace| namespace.name.clone()).collect();
    let generation = Generation::new(component, context, registration.start);
    Ok((Arc::new(generation), registration.namespaces))
}

/// What the plugin may do, out of what it requests.
fn grant(plugin: &Plugin, requested: &Capabilities) -> Result<Capabilities, PluginError> {
    let granted = requested.granted_by(&plugin.config.grants);
    let granted = granted.map_err(|missing| {
        let grants = plugin.config.grants.iter().chain(&missing).cloned().collect();
        PluginError::NotGranted { plugin: plugin.config.name.clone(), missing, grants }
    })?;
    let named = requested.parts(Capability::Jwt).unwrap_or_default();
    match named.iter().find(|key| !plugin.services.keys.has(key)) {
        Some(key) => Err(PluginError::NoKey { plugin: plugin.config.name.clone(), key: key.clone() }),
        None => Ok(granted),
    }
}

/// Notes which of the namespaces the operator lists for this plugin. With a list, no other is registered.
fn list_namespaces(plugin: &Plugin, registration: &mut Registration) -> Result<(), PluginError> {
    let Some(listed) = &plugin.config.namespaces else { return Ok(()) };
    for namespace in &mut registration.namespaces {
        namespace.is_listed = listed.iter().any(|name| **name == *namespace.name);
    }
    let unlisted = registration.namespaces.iter().filter(|namespace| !namespace.is_listed);
    let unlisted: Vec<String> = unlisted.map(|namespace| namespace.name.to_string()).collect();
    if !unlisted.is_empty() {
        let line = namespaces_line(listed.iter().chain(&unlisted).map(String::as_str));
        return Err(PluginError::NotListed { plugin: plugin.config.name.clone(), namespaces: unlisted, line });
    }
    // The key only allows: an operator who lists a namespace may believe that the plugin guards it.
    for name in listed.iter().filter(|name| !registration.namespaces.iter().any(|namespace| *namespace.name == ***name)) {
        tracing::warn!(
            plugin = plugin.config.name,
            "[plugins.{}] lists the namespace {name:?}, which the plugin does not register: the plugin does nothing there",
            plugin.config.name
        );
    }
    Ok(())
}

fn names(registration: &Registration) -> Vec<&str> {
    registration.namespaces.iter().map(|namespace| &*namespace.name).collect()
}

/// Reads, compiles and links the component, on a thread where that may take its time.
async fn compile(plugin: &Arc<Plugin>) -> Result<v0_1::Component, PluginError> {
    let (engine, name, path) = (plugin.engine.clone(), plugin.config.name.clone(), plugin.config.component.clone());
    let compiled = tokio::task::spawn_blocking(move || {
        let read = std::fs::read(&path);
        let bytes = read.map_err(|source| PluginError::Read { plugin: name.clone(), path: path.clone(), source })?;
        check_magic(&bytes, &name, &path)?;
        let component = Component::new(engine.get(), &bytes);
        let component = component.map_err(|source| PluginError::Invalid { plugin: name.clone(), path: path.clone(), source })?;
        // Every version of the contract has it.
        if component.get_export_index(None, "register").is_none() {
            return Err(PluginError::NoExports { plugin: name, path });
        }
        v0_1::Component::link(&engine, &component).map_err(|source| PluginError::DoesNotFit { plugin: name, path, source })
    });
    compiled.await.map_err(|error| PluginError::Engine(error.into()))?
}

fn check_magic(bytes: &[u8], plugin: &str, path: &Path) -> Result<(), PluginError> {
    let what = match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => return Ok(()),
        [0, b'a', b's', b'm', ..] => "a core module, not a component",
        _ => "not WebAssembly",
    };
    Err(PluginError::NotAComponent { plugin: plugin.into(), path: path.into(), what })
}

/// Makes a trial instance and calls its `register`.
async fn register<C: LinkedComponent>(
    plugin: &Plugin,
    component: &C,
    trial: &Arc<GenerationContext>,
) -> Result<Registration, PluginError> {
    let asked = async { Instance::new(component, trial).await?.register().await };
    let in_time = timeout(plugin.config.limits.call_deadline, asked).await.unwrap_or_else(|late| Err(late.into()));
    let registered = in_time.map_err(|source| PluginError::Register { plugin: plugin.config.name.clone(), source })?;
    let refused = |failure: Failure| PluginError::Refused { plugin: plugin.config.name.clone(), message: failure.message };
    let manifest = registered.map_err(refused)?;
    Registration::check(manifest).map_err(|what| PluginError::Registration { plugin: plugin.config.name.clone(), what })
}
