//! Plugins: which generations serve, and other ones in their place.

use hyper::HeaderMap;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::SemaphorePermit;

use super::problem::{Problem, ProblemKind};
use super::query::Query;
use super::reply::Reply;
use super::requests::{NothingMore, RollBackRequest, SwapRequest};
use super::routes::Action;
use super::sources::{Admin, AdminSources};
use crate::fixed_limits::UPLOADS_MAX;
use crate::generations::{Change, NewComponent, PluginView, Refusal, What};
use crate::limit_hits::LimitHit;

/// Who asks for a change, for the log.
const BY: &str = "admin";

/// `GET /plugins`.
pub(super) fn list(sources: &AdminSources) -> Result<Reply, Problem> {
    Reply::json(&json!({"plugins": *sources.generations.list()}))
}

/// `GET /nodes`: what plugins the nodes of the cluster have.
pub(super) async fn nodes(sources: &AdminSources) -> Reply {
    let (nodes, missing) = (sources.nodes)().await;
    Reply::text("application/json", format!("{{\"nodes\":[{}],\"nodes_missing\":{missing}}}", nodes.join(",")))
}

/// `GET /plugins/{name}`.
pub(super) fn show(sources: &AdminSources, name: &str) -> Result<Reply, Problem> {
    Reply::json(&find(sources, name)?)
}

/// `PUT /plugins/{name}/component`.
pub(super) async fn upload(
    admin: &Admin,
    name: &str,
    mut query: Query<'_>,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Reply, Problem> {
    let (again, dry_run) = (query.flag("again"), query.flag("dry_run"));
    query.end()?;
    admin.check_component(headers, &body)?;
    let sources = admin.sources()?;
    find(sources, name)?;
    let _permit = admin.upload_permit()?;
    let component = NewComponent::Bytes(admin.component(body).await?);
    if dry_run {
        return check(sources, name, component).await;
    }
    change(sources, name, What::Swap { component, again }).await
}

/// What a component would change.
async fn check(sources: &AdminSources, name: &str, component: NewComponent) -> Result<Reply, Problem> {
    let differences = sources.generations.check(name.to_owned(), component).await?;
    Ok(Reply::json(&differences)?.with_summary("nothing: it was a dry run".to_owned()))
}

/// The requests that change a plugin and are JSON.
pub(super) async fn change_by(
    admin: &Admin,
    action: Action,
    name: &str,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Reply, Problem> {
    let what = match action {
        Action::SwapPlugin => {
            let SwapRequest { again, dry_run } = admin.json(headers, body).await?;
            if dry_run {
                return check(admin.sources()?, name, NewComponent::File).await;
            }
            What::Swap { component: NewComponent::File, again }
        }
        Action::RollBackPlugin => {
            let RollBackRequest { to } = admin.json(headers, body).await?;
            What::Rollback { to }
        }
        other => {
            let NothingMore {} = admin.json(headers, body).await?;
            match other {
                Action::LoadPlugin => What::Load,
                Action::UnloadPlugin => What::Unload,
                Action::PausePlugin => What::Pause,
                _ => What::Resume,
            }
        }
    };
    change(admin.sources()?, name, what).await
}

async fn change(sources: &AdminSources, name: &str, what: What) -> Result<Reply, Problem> {
    let view = sources.generations.change(Change { plugin: name.to_owned(), what, by: BY }).await?;
    let serving = view.generation.as_ref().map(|generation| format!("{name}@{}", generation.number));
    let summary = format!("{}: {}", view.status, serving.unwrap_or_else(|| "no generation".to_owned()));
    Ok(Reply::json(&view)?.with_summary(summary))
}

impl Admin {
    /// A permit to upload a component, which is held until its plugin is swapped, or is not.
    fn upload_permit(&self) -> Result<SemaphorePermit<'_>, Problem> {
        self.uploads.try_acquire().map_err(|_| {
            self.limit_hits.hit(LimitHit::Uploads);
            Problem::new(ProblemKind::Unavailable, format!("{UPLOADS_MAX} components are being uploaded already"))
        })
    }
}

fn find(sources: &AdminSources, name: &str) -> Result<PluginView, Problem> {
    let found = sources.generations.list().iter().find(|plugin| plugin.name == name).cloned();
    found.ok_or_else(|| Refusal::NoPlugin(name.to_owned()).into())
}

#[cfg(test)]
mod tests {
    use crate::admin::sources::tests::admin;
    use crate::fixed_limits::UPLOADS_MAX;

    #[test]
    fn so_many_components_are_uploaded_at_once_and_no_more() {
        let admin = admin();
        let permits: Vec<_> = (0..UPLOADS_MAX).map(|_| admin.upload_permit().unwrap()).collect();
        assert_eq!(admin.upload_permit().unwrap_err().status().as_u16(), 503);
        assert_eq!(admin.limit_hits.counted()["UPLOADS_MAX"], 1);
        drop(permits);
        assert!(admin.upload_permit().is_ok());
    }
}
