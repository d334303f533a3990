//! The admin interface, and what of the server it reads and changes.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use super::counters::AdminCounters;
use super::gate::Gate;
use super::problem::{Problem, ProblemKind};
use super::token::Token;
use crate::adapter::{Adapter, Namespace, RoomFilter};
use crate::body::LeastPace;
use crate::budget::Budget;
use crate::effect::Effects;
use crate::engine::Engine;
use crate::fixed_limits::{ADMIN_ANSWER_BYTES_MAX, LOG_FOLLOWERS_MAX, UPLOADS_MAX};
use crate::generations::Generations;
use crate::limit_hits::LimitHits;
use crate::telemetry::PluginLog;

/// The admin interface of one server.
pub(crate) struct Admin {
    pub(super) gate: Gate,
    pub(super) least_pace: LeastPace,
    limits: ArcSwap<AdminLimits>,
    pub(super) plugin_log: Arc<PluginLog>,
    pub(super) limit_hits: Arc<LimitHits>,
    pub(super) counters: AdminCounters,
    /// One permit for each component that is uploaded.
    pub(super) uploads: Semaphore,
    /// One permit for each request that follows a log.
    pub(super) followers: Arc<Semaphore>,
    /// What clients answer to emits with `ack`.
    pub(super) answers: Arc<Budget>,
    /// Set when the plugins are loaded.
    parts: OnceLock<AdminSources>,
}

/// What the admin interface is made with.
pub(crate) struct AdminOptions {
    /// `None`: there is none, and nobody may use the interface.
    pub(crate) token: Option<Token>,
    /// How fast a body has to come.
    pub(crate) least_pace: LeastPace,
    pub(crate) limits: AdminLimits,
    pub(crate) plugin_log: Arc<PluginLog>,
    pub(crate) limit_hits: Arc<LimitHits>,
}

/// Limits of the configuration, which may change while the server runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AdminLimits {
    /// `component_bytes_max`.
    pub(crate) component_bytes: usize,
    /// `attachments_max`.
    pub(crate) attachments: usize,
}

/// What of a server that has started is read and changed.
pub(crate) struct AdminSources {
    pub(crate) adapter: Arc<Adapter>,
    pub(crate) effects: Arc<dyn Effects>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) generations: Generations,
    /// The names of the plugins that serve a namespace, in the order of its chain.
    pub(crate) plugins_of: Box<PluginsOf>,
    /// Asks what nodes there are.
    pub(crate) nodes: Box<Nodes>,
}

/// What each node of the cluster says of itself, this one first, as JSON; and how many are silent.
pub(crate) type Nodes = dyn Fn() -> Pin<Box<dyn Future<Output = (Vec<String>, u32)> + Send>> + Send + Sync;

/// Names the plugins of a namespace.
pub(crate) type PluginsOf = dyn Fn(&Namespace) -> Vec<String> + Send + Sync;

impl Admin {
    /// The interface of a server that starts: until [`Admin::set_ready`] it answers 503.
    pub(crate) fn new(options: AdminOptions) -> Self {
        Self {
            gate: Gate::new(options.token, options.limit_hits.clone()),
            least_pace: options.least_pace,
            limits: ArcSwap::from_pointee(options.limits),
            plugin_log: options.plugin_log,
            limit_hits: options.limit_hits,
            counters: AdminCounters::default(),
            uploads: Semaphore::new(UPLOADS_MAX),
            followers: Arc::new(Semaphore::new(LOG_FOLLOWERS_MAX)),
            answers: Budget::new(ADMIN_ANSWER_BYTES_MAX),
            parts: OnceLock::new(),
        }
    }

    /// The plugins are loaded.
    pub(crate) fn set_ready(&self, sources: AdminSources) {
        let _set_before = self.parts.set(sources);
    }

    /// From now on these limits hold.
    pub(crate) fn set_limits(&self, limits: AdminLimits) {
        self.limits.store(Arc::new(limits));
    }

    pub(super) fn limits(&self) -> AdminLimits {
        **self.limits.load()
    }

    /// How many requests had each status.
    pub(crate) fn counted(&self) -> Vec<(&'static str, u64)> {
        self.counters.counted()
    }

    pub(super) fn sources(&self) -> Result<&AdminSources, Problem> {
        self.parts.get().ok_or_else(|| Problem::new(ProblemKind::Unavailable, "the server is starting"))
    }
}

impl AdminSources {
    /// The namespace of this name, if it exists.
    pub(super) fn namespace(&self, name: &str) -> Result<Arc<Namespace>, Problem> {
        self.adapter.existing(name).ok_or_else(|| innkeeper_contract::refusals::no_namespace(name).into())
    }

    /// The same, with what selects all of its sockets, or those in one room.
    pub(super) fn members(&self, name: &str, room: Option<&str>) -> Result<(Arc<Namespace>, RoomFilter), Problem> {
        let any = room.into_iter().map(Into::into).collect();
        Ok((self.namespace(name)?, RoomFilter { any, except: Vec::new() }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Admin, AdminLimits, AdminOptions};
    use crate::body::LeastPace;

    /// An interface without a token, of a server that is starting.
    pub(in crate::admin) fn admin() -> Admin {
        Admin::new(AdminOptions {
            token: None,
            least_pace: LeastPace { timeout: Duration::from_secs(1), rate_min: 1 },
            limits: AdminLimits { component_bytes: 1, attachments: 1 },
            plugin_log: Arc::default(),
            limit_hits: Arc::default(),
        })
    }

    #[test]
    fn before_the_plugins_are_loaded_nothing_is_read_or_changed() {
        assert_eq!(admin().sources().err().unwrap().status().as_u16(), 503);
    }
}
