//! A version of a plugin: a component that has registered with a configuration, and may serve. Generations are made of it.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::call_limits::CallLimits;
use super::call_metrics::CallMetrics;
use super::capability::{Capabilities, Capability};
use super::contract::LinkedComponent;
use super::durable::Plugin;
use super::error::{LoadProblem, PluginError};
use super::generation::Generation;
use super::host::GenerationContext;
use super::registration::{Mode, NamespaceRegistration, Registration};
use super::runner::Runner;
use super::served::ServedNamespaces;
use super::shared::SharedGeneration;
use crate::auth::Keys;
use crate::config::{Limits, PluginConfig};
use crate::store::StoreError;

/// What may become a version: [`register`](super::register) finds out.
#[derive(Clone)]
pub(crate) struct Candidate {
    pub(super) plugin: Arc<Plugin>,
    pub(super) config: Arc<PluginConfig>,
    pub(super) call_limits: CallLimits,
    /// Bytes of the component, at most.
    pub(super) component_bytes_max: usize,
    /// None: as the file of the configuration has it.
    pub(super) component: Option<Arc<Vec<u8>>>,
}

/// Makes the runner of a generation.
type Make = Box<dyn Fn(GenerationContext) -> Arc<dyn Runner> + Send + Sync>;

/// A component that has registered and has no problem.
pub(crate) struct Version {
    pub(super) candidate: Candidate,
    pub(super) registration: Arc<Registration>,
    /// What it requests and is granted.
    capabilities: Capabilities,
    digest: String,
    /// What it was made of, until somebody takes it.
    bytes: ArcSwapOption<Vec<u8>>,
    make: Make,
}

/// One generation of a version.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) runner: Arc<dyn Runner>,
    pub(crate) number: u64,
    pub(crate) version: Arc<Version>,
}

impl Candidate {
    /// The component is in the file that the configuration names.
    pub(crate) fn new(plugin: Arc<Plugin>, config: Arc<PluginConfig>, limits: &Limits) -> Self {
        let (call_limits, component_bytes_max) = (CallLimits::new(limits, &config), limits.component_bytes_max);
        Self { plugin, config, call_limits, component_bytes_max, component: None }
    }

    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.plugin
    }

    pub(crate) fn config(&self) -> &Arc<PluginConfig> {
        &self.config
    }

    /// The context of a trial instance, which may do nothing but register.
    pub(super) fn trial(&self) -> GenerationContext {
        GenerationContext {
            plugin: self.plugin.clone(),
            config: self.config.clone(),
            call_limits: self.call_limits,
            label: self.plugin.next_label(),
            capabilities: Capabilities::default(),
            store: None,
            namespaces: ServedNamespaces::default(),
            has_timer_hook: false,
        }
    }

    /// The same with this component.
    pub(crate) fn with_component(self, component: Arc<Vec<u8>>) -> Self {
        Self { component: Some(component), ..self }
    }
}

impl Loaded {
    /// `plugin@generation`.
    pub(crate) fn label(&self) -> Arc<str> {
        self.version.candidate.plugin.label(self.number)
    }
}

impl Version {
    pub(super) fn new<C: LinkedComponent>(
        mut candidate: Candidate,
        component: Arc<C>,
        digest: String,
        registration: Registration,
        capabilities: Capabilities,
    ) -> Self {
        let registration = Arc::new(registration);
        let registered = registration.clone();
        let make: Make = Box::new(move |context| {
            let metrics = CallMetrics::new(&context.label, &registered.namespaces);
            match registered.mode {
                Mode::Pooled => Arc::new(Generation::new(component.clone(), context, registered.start, metrics)),
                Mode::Shared => Arc::new(SharedGeneration::new(component.clone(), context, &registered, metrics)),
            }
        });
        let bytes = ArcSwapOption::new(candidate.component.take());
        Self { candidate, registration, capabilities, digest, bytes, make }
    }

    /// The plugin's name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.candidate.plugin.name
    }

    /// The configuration that it registered with.
    pub(crate) fn config(&self) -> &Arc<PluginConfig> {
        &self.candidate.config
    }

    /// Whether it is what this candidate would become, if the component is the same.
    pub(crate) fn is_of(&self, candidate: &Candidate) -> bool {
        self.candidate.config == candidate.config && self.candidate.call_limits == candidate.call_limits
    }

    /// Whether this configuration lets it do and serve all that its own does.
    pub(crate) fn is_allowed_by(&self, config: &PluginConfig) -> bool {
        let covers = |now: &[String], then: &[String]| then.iter().all(|one| now.contains(one));
        let namespaces = match (&config.namespaces, &self.config().namespaces) {
            (None, None) => true,
            (Some(now), Some(then)) => covers(now, then),
            // A list allows to share, and without one a plugin may serve anything.
            (Some(_), None) | (None, Some(_)) => false,
        };
        namespaces && covers(&config.grants, &self.config().grants)
    }

    /// The keys that it needs and that are not among these.
    pub(crate) fn missing_keys(&self, keys: &Keys) -> Vec<PluginError> {
        let error = |problem| PluginError { plugin: self.candidate.config.name.clone(), problem };
        missing_keys(keys, &self.registration.capabilities).into_iter().map(error).collect()
    }

    /// What it registered.
    pub(crate) fn registration(&self) -> &Registration {
        &self.registration
    }

    /// SHA-256 of the component, in hexadecimal digits.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// The component, once, for whoever keeps it: what serves does not hold its bytes.
    pub(crate) fn take_bytes(&self) -> Option<Arc<Vec<u8>>> {
        self.bytes.swap(None)
    }

    /// Makes a generation. The first that may use the store opens its file, unless it may use nothing but buckets in memory.
    pub(crate) async fn generation(self: &Arc<Self>) -> Result<Loaded, StoreError> {
        let Candidate { plugin, config, call_limits, .. } = &self.candidate;
        let store = if self.capabilities.has(Capability::Store) {
            let buckets = self.capabilities.parts(Capability::Store);
            Some(plugin.services.store.for_plugin(buckets, config.limits.store_bytes_max).await?)
        } else {
            None
        };
        let number = plugin.next_generation();
        let label = plugin.label(number);
        let names = || self.registration.namespaces.iter().map(|namespace| &*namespace.name);
        tracing::info!(plugin = &*label, sdk = self.registration.sdk, namespaces = ?names().collect::<Vec<_>>(), "plugin loaded");
        let context = GenerationContext {
            plugin: plugin.clone(),
            config: config.clone(),
            call_limits: *call_limits,
            label,
            capabilities: self.capabilities.clone(),
            store,
            namespaces: ServedNamespaces::new(&self.registration.namespaces),
            has_timer_hook: self.registration.timer,
        };
        Ok(Loaded { runner: (self.make)(context), number, version: self.clone() })
    }

    /// The namespaces that it may serve. One that a list leaves out is a problem already, and nobody shares it.
    pub(super) fn chained(&self) -> (&str, Vec<&NamespaceRegistration>) {
        let has_list = self.candidate.config.namespaces.is_some();
        let namespaces = self.registration.namespaces.iter().filter(|namespace| namespace.is_listed || !has_list);
        (&self.candidate.plugin.name, namespaces.collect())
    }
}

/// The keys that a plugin requests by name and that are not among these.
pub(super) fn missing_keys(keys: &Keys, requested: &Capabilities) -> Vec<LoadProblem> {
    let named = requested.parts(Capability::Jwt).into_iter().flatten();
    named.filter(|key| !keys.has(key)).map(|key| LoadProblem::NoKey { key: key.clone() }).collect()
}
