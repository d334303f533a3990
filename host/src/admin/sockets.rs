//! Connections and sockets: what is known of them, and their end.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use innkeeper_contract::capabilities::SECRET_HEADERS;
use innkeeper_contract::refusals;
use serde::Serialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::problem::{Problem, ProblemKind};
use super::query::Query;
use super::reply::Reply;
use super::sources::AdminSources;
use crate::adapter::{Socket, SocketId};
use crate::effect::Write;

/// A socket in a list.
#[derive(Serialize)]
pub(super) struct SocketView {
    sid: String,
    namespace: String,
    /// The number of its connection.
    connection: u64,
    transport: &'static str,
    address: String,
    since_ms: u64,
    /// How many rooms it is in, besides its own.
    rooms: usize,
}

/// A socket with what plugins know of it. What proves an identity is not shown.
#[derive(Serialize)]
struct WholeSocket {
    sid: String,
    namespace: String,
    connection: u64,
    transport: &'static str,
    rooms: Vec<String>,
    handshake: HandshakeView,
    data: BTreeMap<Box<str>, Box<RawValue>>,
}

#[derive(Serialize)]
struct HandshakeView {
    address: String,
    url: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    since_ms: u64,
    secure: bool,
}

#[derive(Serialize)]
struct ConnectionEntry {
    id: u64,
    transport: &'static str,
    address: String,
    since_ms: u64,
    sockets: usize,
}

impl SocketView {
    pub(super) fn of(socket: &Socket) -> Self {
        Self {
            sid: socket.id().to_string(),
            namespace: socket.namespace().name().to_owned(),
            connection: socket.connection(),
            transport: socket.sink().transport(),
            address: socket.handshake().request.address.to_string(),
            since_ms: socket.handshake().issued_ms,
            rooms: socket.room_count(),
        }
    }
}

impl WholeSocket {
    fn of(socket: &Socket) -> Self {
        let rooms = socket.namespace().lock().rooms_of(socket.id()).unwrap_or_default();
        let request = &*socket.handshake().request;
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let is_shown = |(name, _): &(&str, &str)| !SECRET_HEADERS.contains(name);
        Self {
            sid: socket.id().to_string(),
            namespace: socket.namespace().name().to_owned(),
            connection: socket.connection(),
            transport: socket.sink().transport(),
            rooms: rooms.iter().map(ToString::to_string).collect(),
            handshake: HandshakeView {
                address: request.address.to_string(),
                url: request.url.to_string(),
                query: request.query().map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
                headers: request.headers().filter(is_shown).map(owned).collect(),
                since_ms: socket.handshake().issued_ms,
                secure: request.secure,
            },
            data: socket.with_data(|data| {
                let json = |value: &str| RawValue::from_string(value.to_owned()).ok();
                data.iter().filter_map(|(key, value)| Some((key.clone(), json(value)?))).collect()
            }),
        }
    }
}

/// `GET /connections`.
pub(super) fn connections(sources: &AdminSources, mut query: Query<'_>) -> Result<Reply, Problem> {
    let page = query.page();
    let after = page.after.as_deref().map_or(Ok(0), str::parse);
    if after.is_err() {
        query.note("after", "this is no id of a connection, which is a number".to_owned());
    }
    query.end()?;
    let mut found = sources.engine.connections_page(after.unwrap_or_default(), page.limit.saturating_add(1));
    let is_more = found.len() > page.limit;
    found.truncate(page.limit);
    let views: Vec<_> = found
        .into_iter()
        .map(|one| ConnectionEntry {
            id: one.number,
            transport: one.transport,
            address: one.address.to_string(),
            since_ms: one.since_ms,
            sockets: one.sockets,
        })
        .collect();
    let next = views.last().filter(|_| is_more).map(|last| last.id.to_string());
    Reply::json(&json!({"connections": views, "next": next}))
}

/// `GET /sockets/{sid}`.
pub(super) fn show(sources: &AdminSources, sid: &str) -> Result<Reply, Problem> {
    Reply::json(&WholeSocket::of(&*find(sources, sid)?))
}

/// `POST /sockets/{sid}/disconnect`.
pub(super) async fn disconnect(sources: &AdminSources, sid: &str, close: bool) -> Result<Reply, Problem> {
    disconnect_all(sources, vec![find(sources, sid)?], close).await
}

/// `POST /namespaces/{namespace}/disconnect`, and with a room those in it.
pub(super) async fn disconnect_members(
    sources: &AdminSources,
    namespace: &str,
    room: Option<&str>,
    close: bool,
) -> Result<Reply, Problem> {
    let (namespace, members) = sources.members(namespace, room)?;
    let sockets = namespace.lock().select(&members);
    disconnect_all(sources, sockets, close).await
}

/// Disconnects sockets, some under each hold of their namespace's lock, and lets others have their turn between two of them.
async fn disconnect_all(sources: &AdminSources, sockets: Vec<Arc<Socket>>, close: bool) -> Result<Reply, Problem> {
    let count = sockets.len();
    let mut writes: VecDeque<_> = sockets.into_iter().map(|socket| Write::Disconnect { socket, close }).collect();
    while !writes.is_empty() {
        sources.effects.apply_some(&mut writes);
        tokio::task::yield_now().await;
    }
    Ok(Reply::json(&json!({"disconnected": count}))?.with_summary(format!("{count} sockets, close: {close}")))
}

fn find(sources: &AdminSources, sid: &str) -> Result<Arc<Socket>, Problem> {
    let id = SocketId::parse(sid).ok_or_else(|| Problem::new(ProblemKind::NotFound, format!("{sid:?} is no id of a socket")))?;
    sources.adapter.find(id).ok_or_else(|| refusals::no_socket(sid).into())
}
