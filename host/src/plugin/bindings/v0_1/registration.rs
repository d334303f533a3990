//! What `register` returns.

use super::generated::innkeeper::plugin::registering;
use crate::plugin::manifest::{Manifest, NamespaceManifest, SubscriptionManifest};

pub(super) fn manifest(registration: registering::Registration) -> Manifest {
    Manifest {
        mode: registration.mode,
        namespaces: registration.namespaces.into_iter().map(namespace).collect(),
        hooks: registration.hooks,
        capabilities: registration.capabilities,
        options: registration.options,
        sdk: registration.sdk,
    }
}

fn namespace(namespace: registering::NamespaceRegistration) -> NamespaceManifest {
    let subscription = |event: registering::Subscription| SubscriptionManifest { name: event.name, options: event.options };
    NamespaceManifest {
        name: namespace.name,
        options: namespace.options,
        hooks: namespace.hooks,
        events: namespace.events.into_iter().map(subscription).collect(),
        other_events: namespace.other_events,
        server_events: namespace.server_events,
    }
}
