//! Namespaces, and the rooms and sockets in them, page by page.
//!
//! No page holds a lock for longer than one look at each name: ids and names are copied under it, and put in order behind it.

use serde::Serialize;
use serde_json::json;

use super::problem::Problem;
use super::query::Query;
use super::reply::Reply;
use super::sockets::SocketView;
use super::sources::AdminSources;
use crate::adapter::SocketId;

#[derive(Serialize)]
struct NamespaceView {
    name: String,
    sockets: usize,
    rooms: usize,
    plugins: Vec<String>,
}

#[derive(Serialize)]
struct RoomView {
    name: String,
    sockets: usize,
}

/// `GET /namespaces`.
pub(super) fn list(sources: &AdminSources, mut query: Query<'_>) -> Result<Reply, Problem> {
    let page = query.page();
    query.end()?;
    let all = sources.adapter.namespaces();
    let behind = |name: &str| page.after.as_deref().is_none_or(|after| name > after);
    let mut wanted = all.iter().filter(|namespace| behind(namespace.name()));
    let views: Vec<_> = wanted
        .by_ref()
        .take(page.limit)
        .map(|namespace| NamespaceView {
            name: namespace.name().to_owned(),
            sockets: namespace.sockets(),
            rooms: namespace.rooms(),
            plugins: (sources.plugins_of)(namespace),
        })
        .collect();
    let next = wanted.next().and(views.last()).map(|last| last.name.clone());
    Reply::json(&json!({"namespaces": views, "next": next}))
}

/// `GET /namespaces/{namespace}/rooms`.
pub(super) fn rooms(sources: &AdminSources, namespace: &str, mut query: Query<'_>) -> Result<Reply, Problem> {
    let (page, prefix) = (query.page(), query.text("prefix").unwrap_or_default());
    query.end()?;
    let namespace = sources.namespace(namespace)?;
    let (names, sockets): (Vec<_>, Vec<_>) = {
        let locked = namespace.lock();
        let names = locked.room_names(&prefix, page.after.as_deref(), page.limit.saturating_add(1));
        let sockets = names.iter().map(|name| locked.members_of(name)).collect();
        (names, sockets)
    };
    let is_more = names.len() > page.limit;
    let rooms = names.iter().zip(sockets).take(page.limit);
    let views: Vec<_> = rooms.map(|(name, sockets)| RoomView { name: name.to_string(), sockets }).collect();
    let next = views.last().filter(|_| is_more).map(|last| last.name.clone());
    Reply::json(&json!({"rooms": views, "next": next}))
}

/// `GET /namespaces/{namespace}/sockets`, and with a room those in it.
pub(super) fn sockets(
    sources: &AdminSources,
    namespace: &str,
    room: Option<&str>,
    mut query: Query<'_>,
) -> Result<Reply, Problem> {
    let page = query.page();
    let after = page.after.as_deref().map(SocketId::parse);
    if after == Some(None) {
        query.note("after", "this is no id of a socket".to_owned());
    }
    query.end()?;
    let (namespace, members) = sources.members(namespace, room)?;
    let mut ids = namespace.lock().ids(&members);
    let after = after.flatten();
    ids.retain(|id| after.is_none_or(|after| *id > after));
    let is_more = ids.len() > page.limit;
    if is_more {
        ids.select_nth_unstable(page.limit);
        ids.truncate(page.limit);
    }
    ids.sort_unstable();
    let next = ids.last().filter(|_| is_more).map(SocketId::to_string);
    // One that has disconnected meanwhile is left out.
    let found = ids.iter().filter_map(|id| sources.adapter.find(*id));
    let views: Vec<_> = found.map(|socket| SocketView::of(&socket)).collect();
    Reply::json(&json!({"sockets": views, "next": next}))
}
