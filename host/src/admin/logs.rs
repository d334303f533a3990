//! `GET /plugins/{name}/logs`: the lines of the log that a plugin caused, the last ones and then those to come.

use std::convert::Infallible;
use std::fmt::Write as _;

use bytes::Bytes;
use futures_util::stream::unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::sync::OwnedSemaphorePermit;

use super::problem::{Problem, ProblemKind};
use super::query::Query;
use super::reply::Reply;
use super::sources::Admin;
use crate::fixed_limits::LOG_FOLLOWERS_MAX;
use crate::generations::Refusal;
use crate::limit_hits::LimitHit;
use crate::telemetry::LogReader;

const MEDIA_TYPE: &str = "application/x-ndjson";

/// The lines that are kept, and with `follow` those to come, until the client closes the connection.
pub(super) fn lines(admin: &Admin, name: &str, mut query: Query<'_>) -> Result<Reply, Problem> {
    let follow = query.flag("follow");
    query.end()?;
    let permit = match follow {
        true => Some(admin.followers.clone().try_acquire_owned().map_err(|_| {
            admin.limit_hits.hit(LimitHit::LogFollowers);
            Problem::new(ProblemKind::Unavailable, format!("{LOG_FOLLOWERS_MAX} requests follow the log of a plugin already"))
        })?),
        false => None,
    };
    let is_known = admin.sources().is_ok_and(|sources| sources.generations.list().iter().any(|plugin| plugin.name == name));
    let reader = match admin.plugin_log.reader(name) {
        Some(reader) => reader,
        None if is_known => admin.plugin_log.begin(name),
        None => return Err(Refusal::NoPlugin(name.to_owned()).into()),
    };
    let stream = unfold((reader, permit), next);
    Ok(Reply::of(MEDIA_TYPE, StreamBody::new(stream).boxed_unsync()))
}

/// The next lines; `None` at the end. Whoever has a permit waits for more.
async fn next(
    (mut reader, permit): (LogReader, Option<OwnedSemaphorePermit>),
) -> Option<(Result<Frame<Bytes>, Infallible>, (LogReader, Option<OwnedSemaphorePermit>))> {
    let mut batch = reader.next();
    while batch.lines.is_empty() {
        permit.as_ref()?;
        reader.more().await;
        batch = reader.next();
    }
    let mut text = String::new();
    if batch.left_out > 0 {
        let _a_string_takes_all = writeln!(text, "{{\"left_out\":{}}}", batch.left_out);
    }
    batch.lines.iter().for_each(|line| text.push_str(line));
    Some((Ok(Frame::data(text.into())), (reader, permit)))
}
