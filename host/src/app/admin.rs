//! Puts the admin interface together.

use std::sync::Arc;

use super::cluster;
use super::server::Server;
use crate::adapter::Namespace;
use crate::admin::{Admin, AdminLimits, AdminOptions, AdminSources, Nodes, Token, TokenError};
use crate::body::LeastPace;
use crate::config::Config;
use crate::limit_hits::LimitHits;
use crate::telemetry::PluginLog;

/// The admin interface of a server that starts. A token that cannot be kept anywhere closes it, and stops nothing else.
pub(super) fn starting(config: &Config, plugin_log: Arc<PluginLog>, limit_hits: Arc<LimitHits>) -> Result<Admin, TokenError> {
    let token = match config.internal.enabled.then(|| Token::open(&config.token_file())).transpose() {
        Ok(token) => token,
        Err(error @ TokenError::NotKept { .. }) => {
            tracing::warn!("the admin interface is closed: {error}");
            None
        }
        Err(error) => return Err(error),
    };
    Ok(Admin::new(AdminOptions {
        token,
        least_pace: LeastPace { timeout: config.server.body_timeout, rate_min: config.server.body_rate_min },
        limits: limits(config),
        plugin_log,
        limit_hits,
    }))
}

/// The limits of the configuration that hold for the admin interface too.
pub(super) fn limits(config: &Config) -> AdminLimits {
    AdminLimits { component_bytes: config.limits.component_bytes_max, attachments: config.limits.attachments_max }
}

/// What the admin interface reads and changes.
pub(super) fn sources(server: &Server) -> AdminSources {
    let registry = server.sources.registry.clone();
    let plugins_of = move |namespace: &Namespace| {
        let chain = registry.chain(namespace).unwrap_or_default();
        chain.members.iter().map(|member| member.plugin.name().to_string()).collect()
    };
    let (node, listed, cluster) = (server.sources.services.node, server.generations.clone(), server.sources.cluster.clone());
    let nodes: Box<Nodes> = Box::new(move || {
        let (own, cluster) = (cluster::describe(node, &listed), cluster.clone());
        Box::pin(async move {
            let (others, missing) = match &cluster {
                Some(cluster) => cluster.other_nodes().await,
                None => (Vec::new(), 0),
            };
            ([own].into_iter().chain(others).collect(), missing)
        })
    });
    AdminSources {
        nodes,
        adapter: server.sources.adapter.clone(),
        effects: server.effects.clone(),
        engine: server.engine.clone(),
        generations: server.generations.clone(),
        plugins_of: Box::new(plugins_of),
    }
}
