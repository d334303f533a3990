//! The paths of the admin interface. `host/assets/openapi.json` describes the same.

use hyper::Method;
use percent_encoding::percent_decode_str;

use super::problem::{Problem, ProblemKind};

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    ListNodes,
    ListPlugins,
    ShowPlugin,
    UploadComponent,
    SwapPlugin,
    RollBackPlugin,
    LoadPlugin,
    UnloadPlugin,
    PausePlugin,
    ResumePlugin,
    PluginLog,
    ListNamespaces,
    DisconnectNamespace,
    ListSockets,
    ListRooms,
    ListRoomSockets,
    DisconnectRoom,
    ListConnections,
    ShowSocket,
    DisconnectSocket,
    Emit,
    Describe,
}

/// A path, with names in braces, and a method of it.
pub(super) struct Route {
    pub(super) pattern: &'static str,
    pub(super) method: Method,
    pub(super) action: Action,
}

const fn get(pattern: &'static str, action: Action) -> Route {
    Route { pattern, method: Method::GET, action }
}

const fn post(pattern: &'static str, action: Action) -> Route {
    Route { pattern, method: Method::POST, action }
}

/// All of them.
pub(super) const ROUTES: &[Route] = &[
    get("/nodes", Action::ListNodes),
    get("/plugins", Action::ListPlugins),
    get("/plugins/{name}", Action::ShowPlugin),
    Route { pattern: "/plugins/{name}/component", method: Method::PUT, action: Action::UploadComponent },
    post("/plugins/{name}/swap", Action::SwapPlugin),
    post("/plugins/{name}/rollback", Action::RollBackPlugin),
    post("/plugins/{name}/load", Action::LoadPlugin),
    post("/plugins/{name}/unload", Action::UnloadPlugin),
    post("/plugins/{name}/pause", Action::PausePlugin),
    post("/plugins/{name}/resume", Action::ResumePlugin),
    get("/plugins/{name}/logs", Action::PluginLog),
    get("/namespaces", Action::ListNamespaces),
    post("/namespaces/{namespace}/disconnect", Action::DisconnectNamespace),
    get("/namespaces/{namespace}/sockets", Action::ListSockets),
    get("/namespaces/{namespace}/rooms", Action::ListRooms),
    get("/namespaces/{namespace}/rooms/{room}/sockets", Action::ListRoomSockets),
    post("/namespaces/{namespace}/rooms/{room}/disconnect", Action::DisconnectRoom),
    get("/connections", Action::ListConnections),
    get("/sockets/{sid}", Action::ShowSocket),
    post("/sockets/{sid}/disconnect", Action::DisconnectSocket),
    post("/emit", Action::Emit),
    get("/openapi.json", Action::Describe),
];

/// The names in a path, in its order.
pub(super) type Names = Vec<String>;

/// What a request wants, with the names in its path. HEAD is answered as GET.
pub(super) fn find(method: &Method, path: &str) -> Result<(Action, Names), Problem> {
    let wanted = if *method == Method::HEAD { &Method::GET } else { method };
    let mut allowed = Vec::new();
    for route in ROUTES {
        let Some(names) = route.names(path) else { continue };
        if route.method == *wanted {
            let names: Option<Names> = names.into_iter().map(decode).collect();
            let names = names.ok_or_else(|| Problem::new(ProblemKind::Invalid, "a name in the path is not UTF-8"))?;
            return Ok((route.action, names));
        }
        allowed.push(route.method.as_str());
        if route.method == Method::GET {
            allowed.push("HEAD");
        }
    }
    if allowed.is_empty() {
        return Err(Problem::not_found(format!("there is no path {path}; GET /openapi.json lists all")));
    }
    Err(Problem::method(allowed.join(", ")))
}

/// Whether a path is one of these, or below one.
pub(super) fn has_paths_like(path: &str) -> bool {
    let first = |path: &str| path.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
    ROUTES.iter().any(|route| first(route.pattern) == first(path))
}

impl Route {
    /// The names in a path that is like the pattern, as they are written.
    fn names<'p>(&self, path: &'p str) -> Option<Vec<&'p str>> {
        let (mut pattern, mut parts) = (self.pattern.split('/'), path.split('/'));
        let mut names = Vec::new();
        loop {
            match (pattern.next(), parts.next()) {
                (None, None) => return Some(names),
                (Some(name), Some(part)) if name.starts_with('{') => names.push(part),
                (Some(word), Some(part)) if word == part => {}
                _ => return None,
            }
        }
    }
}

fn decode(name: &str) -> Option<String> {
    Some(percent_decode_str(name).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use hyper::Method;
    use serde_json::Value;

    use super::{Action, ROUTES, find, has_paths_like};
    use crate::admin::DESCRIPTION;

    #[test]
    fn the_description_has_every_path_and_no_other() {
        let description: Value = serde_json::from_str(DESCRIPTION).unwrap();
        assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
        let mut described = BTreeSet::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap().iter().filter(|(method, _)| *method != "parameters") {
                let responses = operation["responses"].as_object().unwrap();
                assert!(responses.contains_key("200") && responses.contains_key("default"), "{method} {path}");
                let parameters = methods["parameters"].as_array().cloned().unwrap_or_default();
                let named = |name: &str| parameters.iter().any(|parameter| parameter.to_string().contains(name));
                for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
                    assert!(named(name), "{method} {path}: {name} is not described");
                }
                described.insert((path.clone(), method.to_uppercase()));
            }
        }
        let routes: BTreeSet<_> = ROUTES.iter().map(|route| (route.pattern.to_owned(), route.method.to_string())).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn names_in_paths_are_decoded_once() {
        let (action, names) = find(&Method::GET, "/namespaces/%2Fa%252F/rooms/caf%C3%A9%20x/sockets").unwrap();
        assert_eq!((action, names), (Action::ListRoomSockets, vec!["/a%2F".to_owned(), "café x".to_owned()]));
        // The empty text is the name of a room, too.
        assert_eq!(find(&Method::HEAD, "/namespaces/%2F/rooms//sockets").unwrap().1, ["/", ""]);
        assert_eq!(find(&Method::GET, "/namespaces/%ff/sockets").unwrap_err().status().as_u16(), 400);
        for path in ["/", "/plugins/a/b", "//plugins", "/emit/x", "/namespaces/a/b/sockets"] {
            assert_eq!(find(&Method::GET, path).unwrap_err().status().as_u16(), 404, "{path}");
        }
        assert_eq!(find(&Method::GET, "/emit").unwrap_err().status().as_u16(), 405);
        assert!(
            has_paths_like("/plugins/a/b") && has_paths_like("/emit") && !has_paths_like("/elsewhere") && !has_paths_like("/")
        );
    }
}
