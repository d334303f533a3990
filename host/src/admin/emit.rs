//! `POST /emit`: an event to the sockets of a namespace, from a program that is no plugin.

use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::time::Duration;

use innkeeper_contract::Refusal;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::binary;
use super::problem::{Problem, ProblemKind};
use super::reply::Reply;
use super::requests::parse;
use super::sources::{Admin, AdminSources};
use crate::adapter::{QuestionAnswers, RoomFilter, SocketId};
use crate::budget::Held;
use crate::effect::{Asked, Flags, QuestionTarget, Target, Write};
use crate::json;
use crate::limit_hits::LimitHit;
use crate::packet::{Message, Payload};
use crate::plugin::validate;

/// How long acks may be awaited, in milliseconds.
const ACK_TIMEOUTS_MS: RangeInclusive<u64> = 1..=600_000;
/// What the host keeps for each socket that is asked.
const ASKED_SOCKET_BYTES: usize = 200;

/// The body of the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmitRequest<'a> {
    namespace: String,
    #[serde(default)]
    rooms: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
    #[serde(default)]
    flags: Vec<Flag>,
    event: String,
    /// The text as it is: no digit of a number is lost.
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(default)]
    ack: Option<AckRequest>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
enum Flag {
    Volatile,
    Local,
}

/// The acks of all clients are awaited.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckRequest {
    timeout_ms: u64,
}

/// An event that may be sent, checked as one of a plugin is.
struct Emit {
    target: Target,
    message: Message,
    /// How long acks are awaited, if they are.
    ack: Option<Duration>,
}

/// Emits the event of a request's body.
pub(super) async fn emit(admin: &Admin, text: &str) -> Result<Reply, Problem> {
    let sources = admin.sources()?;
    let Emit { target, message, ack } = checked(admin, sources, text)?;
    let (event, namespace) = (message.name.clone(), target.namespace.name().to_owned());
    let summary = |reached: usize| format!("{event:?} to {reached} sockets of {namespace}");
    match ack {
        None => {
            let reached = target.namespace.lock().count(&target.rooms);
            sources.effects.apply(&mut vec![Write::broadcast(target, message)]);
            Ok(Reply::json(&json!({"delivered_to": reached}))?.with_summary(summary(reached)))
        }
        Some(timeout) => {
            let answers = ask(admin, sources, target, message, timeout).await?;
            let reached = answers.responses.len() + answers.missing.len() + answers.timed_out.len();
            Ok(Reply::text("application/json", written(&answers)).with_summary(summary(reached)))
        }
    }
}

fn checked(admin: &Admin, sources: &AdminSources, text: &str) -> Result<Emit, Problem> {
    let EmitRequest { namespace, rooms, except, flags, event, args, ack } = parse(text)?;
    let refuse = |refusal: Refusal| {
        if let Some(limit) = refusal.limit {
            admin.limit_hits.refused(limit);
        }
        Problem::from(refusal)
    };
    let ack = match ack.map(|ack| ack.timeout_ms) {
        Some(ms) if !ACK_TIMEOUTS_MS.contains(&ms) => {
            let detail = format!("ack.timeout_ms: {ms} is not from {} to {}", ACK_TIMEOUTS_MS.start(), ACK_TIMEOUTS_MS.end());
            return Err(Problem::new(ProblemKind::Invalid, detail));
        }
        ms => ms.map(Duration::from_millis),
    };
    let attachments_max = admin.limits().attachments;
    validate::event_name(&event).map_err(refuse)?;
    // First as it was written: what stands for binary is found in valid JSON only.
    let written = Payload { args: args.map_or("[]", RawValue::get).to_owned(), attachments: Vec::new() };
    let written = validate::payload(written, attachments_max).map_err(refuse)?;
    let payload = binary::payload(&written.args).map_err(|detail| Problem::new(ProblemKind::Invalid, detail))?;
    let payload = validate::payload(payload, attachments_max).map_err(refuse)?;
    let rooms = RoomFilter { any: validate::rooms(rooms).map_err(refuse)?, except: validate::rooms(except).map_err(refuse)? };
    let flags = Flags { volatile: flags.contains(&Flag::Volatile), local: flags.contains(&Flag::Local) };
    let target = Target { namespace: sources.namespace(&namespace)?, rooms, flags };
    Ok(Emit { target, message: Message { name: event, payload }, ack })
}

/// Asks the clients, and waits for all of them, but not for longer than the time.
async fn ask(
    admin: &Admin,
    sources: &AdminSources,
    target: Target,
    message: Message,
    timeout: Duration,
) -> Result<QuestionAnswers, Problem> {
    let held = hold(admin, target.namespace.lock().count_at_most(&target.rooms))?;
    let (write, asked) = Write::question(QuestionTarget::Rooms(target), message, held, timeout);
    let asked = OpenQuestion(asked);
    sources.effects.apply(&mut vec![write]);
    // Whoever has not answered then has timed out.
    let _all_answered = tokio::time::timeout(timeout, poll_fn(|context| asked.0.question.poll(context))).await;
    Ok(asked.close())
}

/// What a question to so many sockets takes; their answers are added to it.
fn hold(admin: &Admin, sockets: usize) -> Result<Held, Problem> {
    admin.answers.hold(sockets.saturating_mul(ASKED_SOCKET_BYTES)).ok_or_else(|| {
        admin.limit_hits.hit(LimitHit::AdminAnswerBytes);
        let detail = "too many answers of clients are awaited already: ask fewer sockets, or later";
        Problem::new(ProblemKind::Unavailable, detail)
    })
}

/// A question that is closed when nobody waits for it any more, so that no socket keeps it.
struct OpenQuestion(Asked);

impl OpenQuestion {
    fn close(&self) -> QuestionAnswers {
        self.0.question.close(self.0.ack)
    }
}

impl Drop for OpenQuestion {
    fn drop(&mut self) {
        self.close();
    }
}

/// The answers as JSON: what clients wrote is put in as it is.
fn written(answers: &QuestionAnswers) -> String {
    let mut text = "{\"responses\":[".to_owned();
    for (number, (sid, payload)) in answers.responses.iter().enumerate() {
        text.push_str(if number > 0 { ",{\"sid\":" } else { "{\"sid\":" });
        match sid {
            Some(sid) => json::push_string(&mut text, sid.as_str()),
            None => text.push_str("null"),
        }
        text.extend([",\"args\":", &binary::json(payload), "}"]);
    }
    text.push(']');
    for (name, ids) in [("missing", &answers.missing), ("timed_out", &answers.timed_out)] {
        let ids: Vec<&str> = ids.iter().map(SocketId::as_str).collect();
        text.extend([",\"", name, "\":", &json!(ids).to_string()]);
    }
    for (name, count) in [("unanswered", answers.unanswered), ("nodes_missing", answers.nodes_missing)] {
        text.extend([",\"", name, "\":", &count.to_string()]);
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{ASKED_SOCKET_BYTES, EmitRequest, hold, parse, written};
    use crate::adapter::{QuestionAnswers, SocketId};
    use crate::admin::sources::tests::admin;
    use crate::fixed_limits::ADMIN_ANSWER_BYTES_MAX;
    use crate::packet::Payload;

    #[test]
    fn what_is_unknown_in_a_request_is_named() {
        let error = |text: &str| parse::<EmitRequest<'_>>(text).err().unwrap().detail().to_owned();
        let whole = |more: &str| format!(r#"{{"namespace":"/","event":"x"{more}}}"#);
        assert!(parse::<EmitRequest<'_>>(&whole("")).is_ok());
        assert!(
            parse::<EmitRequest<'_>>(&whole(r#","args":[1e400],"flags":["volatile","local"],"ack":{"timeout_ms":1}"#)).is_ok()
        );
        assert!(error("{}").contains("missing field `namespace`"));
        assert!(error(&whole(r#","room":[]"#)).contains("unknown field `room`"));
        assert!(error(&whole(r#","flags":["compress"]"#)).contains("unknown variant `compress`"));
        assert!(error(&whole(r#","ack":{}"#)).contains("missing field `timeout_ms`"));
        assert!(error(&whole(r#","event":"y""#)).contains("duplicate field `event`"));
    }

    #[test]
    fn what_all_questions_take_together_is_bounded() {
        let admin = admin();
        let held = hold(&admin, ADMIN_ANSWER_BYTES_MAX / ASKED_SOCKET_BYTES).unwrap();
        assert_eq!(hold(&admin, 2).unwrap_err().status().as_u16(), 503);
        assert_eq!(admin.limit_hits.counted()["ADMIN_ANSWER_BYTES_MAX"], 1);
        drop(held);
        assert!(hold(&admin, 2).is_ok());
    }

    #[test]
    fn answers_are_json_with_what_clients_wrote() {
        let [one, other] = [(); 2].map(|()| SocketId::random().unwrap());
        let payload = Payload { args: r#"[{"_placeholder":true,"num":0}]"#.to_owned(), attachments: vec![b"hi".to_vec()] };
        let of_another_node = Payload { args: "[1]".to_owned(), attachments: Vec::new() };
        let answers = QuestionAnswers {
            responses: vec![(Some(one), payload), (None, of_another_node)],
            missing: vec![other],
            unanswered: 2,
            nodes_missing: 1,
            ..QuestionAnswers::default()
        };
        let expected = json!({
            "responses": [{"sid": one.as_str(), "args": [{"_base64": "aGk="}]}, {"sid": null, "args": [1]}],
            "missing": [other.as_str()],
            "timed_out": [],
            "unanswered": 2,
            "nodes_missing": 1,
        });
        assert_eq!(serde_json::from_str::<Value>(&written(&answers)).unwrap(), expected);
    }
}
