//! What `register` returns.

use super::generated::innkeeper::plugin::registering;
use crate::plugin::manifest::{Manifest, NamespaceManifest};

pub(super) fn manifest(registration: registering::Registration) -> Manifest {
    Manifest {
        mode: registration.mode,
        namespaces: registration.namespaces.into_iter().map(namespace).collect(),
        hooks: registration.hooks,
        capabilities: registration.capabilities,
        sdk: registration.sdk,
    }
}

fn namespace(namespace: registering::NamespaceRegistration) -> NamespaceManifest {
    NamespaceManifest {
        name: namespace.name,
        options: namespace.options,
        hooks: namespace.hooks,
        events: namespace.events,
        other_events: namespace.all_events,
    }
}
