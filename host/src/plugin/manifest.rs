//! What a plugin's `register` returned, before anything of it was checked.

/// The registration of a plugin, in the words of the plugin.
#[derive(Debug, Clone, Default)]
pub(crate) struct Manifest {
    pub(crate) mode: String,
    pub(crate) namespaces: Vec<NamespaceManifest>,
    pub(crate) hooks: Vec<String>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) sdk: String,
}

/// The registration of one namespace.
#[derive(Debug, Clone, Default)]
pub(crate) struct NamespaceManifest {
    pub(crate) name: String,
    pub(crate) options: Vec<String>,
    pub(crate) hooks: Vec<String>,
    pub(crate) events: Vec<SubscriptionManifest>,
    /// The options of the handler of all other events, if there is one.
    pub(crate) other_events: Option<Vec<String>>,
    pub(crate) server_events: Vec<String>,
}

/// The registration of one event.
#[derive(Debug, Clone, Default)]
pub(crate) struct SubscriptionManifest {
    pub(crate) name: String,
    pub(crate) options: Vec<String>,
}

impl Manifest {
    /// Calls `visit` with each text in it.
    pub(super) fn each_text(&self, visit: &mut dyn FnMut(&str)) {
        [&self.mode, &self.sdk].into_iter().for_each(|text| visit(text));
        self.hooks.iter().chain(&self.capabilities).for_each(|text| visit(text));
        self.options.iter().flat_map(|(name, value)| [name, value]).for_each(|text| visit(text));
        self.namespaces.iter().for_each(|namespace| namespace.each_text(visit));
    }
}

impl NamespaceManifest {
    fn each_text(&self, visit: &mut dyn FnMut(&str)) {
        visit(&self.name);
        let lists = [&self.options, &self.hooks, &self.server_events].into_iter().chain(&self.other_events);
        lists.flatten().for_each(|text| visit(text));
        for event in &self.events {
            visit(&event.name);
            event.options.iter().for_each(|text| visit(text));
        }
    }
}
