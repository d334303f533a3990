//! The admin interface: HTTP on the internal listener, by which an operator, or a program of theirs, sees and changes what runs.
//!
//! A request is checked in this order: whether a page of a browser made it, its token, its path and method, its query, its body. Nothing of
//! a body is read before the token is known to be right. What is wrong is answered with problem details; whatever changes something is a
//! line of the log, too. `docs/admin.md` is the page for those who use it.

mod audit;
mod binary;
mod body;
mod counters;
mod emit;
mod gate;
mod logs;
mod namespaces;
mod plugins;
mod problem;
mod query;
mod reply;
mod requests;
mod routes;
mod sockets;
mod sources;
mod token;

use std::net::SocketAddr;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use audit::Audit;
use problem::Problem;
use query::Query;
use reply::Reply;
use requests::DisconnectRequest;
use routes::{Action, Names};

pub(crate) use body::{Body, full};
pub(crate) use sources::{Admin, AdminLimits, AdminOptions, AdminSources, Nodes};
pub(crate) use token::{Token, TokenError};

/// The description of all paths, in the format of OpenAPI.
const DESCRIPTION: &str = include_str!("../assets/openapi.json");

impl Admin {
    /// Answers a request whose host is served.
    pub(crate) async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let (request, body) = request.into_parts();
        let response = match self.act(&request, body, peer).await {
            Ok(reply) => reply.response,
            Err(problem) => problem.into_response(),
        };
        self.counters.count(response.status());
        response
    }

    async fn act(&self, request: &Parts, body: Incoming, peer: SocketAddr) -> Result<Reply, Problem> {
        let path = request.uri.path();
        // What paths there are is no secret.
        if !routes::has_paths_like(path) {
            return routes::find(&request.method, path).and(Err(Problem::not_found(path)));
        }
        self.gate.check(&request.headers, peer)?;
        let (action, names) = routes::find(&request.method, path)?;
        if matches!(request.method, Method::GET | Method::HEAD) {
            return self.read(action, &names, request).await;
        }
        let audit = Audit::begin(format!("{} {path}", request.method), peer);
        let done = self.change(action, &names, request, body).await;
        match &done {
            Ok(reply) => audit.end(reply.response.status(), &reply.summary),
            Err(problem) => audit.end(problem.status(), problem.detail()),
        }
        done
    }

    /// What changes nothing.
    async fn read(&self, action: Action, names: &Names, request: &Parts) -> Result<Reply, Problem> {
        let query = Query::new(request.uri.query().unwrap_or_default(), &self.limit_hits);
        let first = names.first().map_or("", String::as_str);
        let second = names.get(1).map(String::as_str);
        match action {
            Action::PluginLog => return logs::lines(self, first, query),
            Action::ListNamespaces => return namespaces::list(self.sources()?, query),
            Action::ListRooms => return namespaces::rooms(self.sources()?, first, query),
            Action::ListSockets | Action::ListRoomSockets => return namespaces::sockets(self.sources()?, first, second, query),
            Action::ListConnections => return sockets::connections(self.sources()?, query),
            _ => {}
        }
        query.end()?;
        match action {
            Action::ListNodes => Ok(plugins::nodes(self.sources()?).await),
            Action::ListPlugins => plugins::list(self.sources()?),
            Action::ShowPlugin => plugins::show(self.sources()?, first),
            Action::ShowSocket => sockets::show(self.sources()?, first),
            _ => Ok(Reply::text("application/json", DESCRIPTION)),
        }
    }

    /// What changes something.
    async fn change(&self, action: Action, names: &Names, request: &Parts, body: Incoming) -> Result<Reply, Problem> {
        let query = Query::new(request.uri.query().unwrap_or_default(), &self.limit_hits);
        let first = names.first().map_or("", String::as_str);
        let second = names.get(1).map(String::as_str);
        if action == Action::UploadComponent {
            return plugins::upload(self, first, query, &request.headers, body).await;
        }
        query.end()?;
        match action {
            Action::Emit => emit::emit(self, &self.json_text(&request.headers, body).await?).await,
            Action::DisconnectSocket => {
                let DisconnectRequest { close } = self.json(&request.headers, body).await?;
                sockets::disconnect(self.sources()?, first, close).await
            }
            Action::DisconnectNamespace | Action::DisconnectRoom => {
                let DisconnectRequest { close } = self.json(&request.headers, body).await?;
                sockets::disconnect_members(self.sources()?, first, second, close).await
            }
            other => plugins::change_by(self, other, first, &request.headers, body).await,
        }
    }
}
