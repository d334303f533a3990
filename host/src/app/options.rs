//! From the configuration to what the modules are built with.

use std::sync::Arc;

use crate::config::{self, Config};
use crate::engine::{AddressLimits, Cookie, Options, Origins, Proxies, ProxyHeader};
use crate::files::{ClientBundles, Files};
use crate::host_names::HostNames;
use crate::limit_hits::LimitHits;
use crate::node::NodeName;
use crate::protocol::{self, Backlog};
use crate::steady_rate::SteadyRate;

pub(super) fn connection_limits(config: &Config) -> protocol::ConnectionLimits {
    let limits = &config.limits;
    protocol::ConnectionLimits {
        connect_timeout: config.server.connect_timeout,
        namespaces: limits.namespaces_per_connection_max,
        refused: limits.refused_connects_max,
        events: limits.events_per_second_max.map(|events| SteadyRate::new(events, events)),
        attachments: limits.attachments_max,
        high: Backlog { events: limits.inbound_high_events, bytes: limits.inbound_high_bytes },
        most: Backlog { events: limits.inbound_max_events, bytes: limits.inbound_max_bytes },
    }
}

pub(super) fn engine_options(config: &Config, node: NodeName, limit_hits: &Arc<LimitHits>) -> Options {
    let server = &config.server;
    Options {
        node,
        one_of_many: config.redis.url.is_some(),
        path: server.path.clone(),
        ping_interval: server.ping_interval,
        ping_timeout: server.ping_timeout,
        upgrade_timeout: server.upgrade_timeout,
        payload_bytes_max: server.max_http_buffer_size,
        outbox_bytes_max: config.limits.outbox_bytes_max,
        waiting_bytes_max: config.limits.waiting_bytes_max,
        waiting_bytes_per_address_max: config.limits.waiting_bytes_per_address_max,
        request_head_bytes_max: config.limits.request_head_bytes_max,
        addresses: address_limits(&config.limits),
        proxies: proxies(server),
        polling: server.transports.polling,
        websocket: server.transports.websocket,
        allow_upgrades: server.allow_upgrades,
        origins: origins(&server.cors),
        host_names: HostNames::new(&server.hosts, server.host),
        cookie: server.cookie.name.as_ref().map(|name| Cookie::new(name, &server.cookie.attributes())),
        files: files(server, limit_hits),
        keep_alive: server.keep_alive,
        body_timeout: server.body_timeout,
        body_rate_min: server.body_rate_min,
    }
}

fn address_limits(limits: &config::Limits) -> AddressLimits {
    AddressLimits {
        connections: limits.connections_max,
        sessions: limits.sessions_max,
        connections_per_address: limits.connections_per_address_max,
        sessions_per_address: limits.sessions_per_address_max,
        handshakes_per_second: limits.handshakes_per_second_max,
    }
}

fn proxies(server: &config::Server) -> Proxies {
    let header = match server.proxy_header {
        config::ProxyHeader::XForwardedFor => ProxyHeader::XForwardedFor,
        config::ProxyHeader::Forwarded => ProxyHeader::Forwarded,
        config::ProxyHeader::ProxyProtocol => ProxyHeader::ProxyProtocol,
    };
    Proxies::new(&server.trusted_proxies, header)
}

/// The files beside the endpoint. Its path has a slash at both ends, which `config` has checked.
fn files(server: &config::Server, limit_hits: &Arc<LimitHits>) -> Files {
    let client = ClientBundles { endpoint: server.path.clone(), folder: server.client_folder.clone() };
    Files::new(server.static_folder.clone(), server.serve_client.then_some(client), limit_hits.clone())
}

pub(super) fn origins(cors: &config::Cors) -> Origins {
    let list = match &cors.origins {
        config::Origins::Same => Vec::new(),
        config::Origins::Any => vec!["*".to_owned()],
        config::Origins::Listed(list) => list.clone(),
    };
    Origins::new(&list, cors.credentials)
}
