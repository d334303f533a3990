//! Steps that are being taken.

use std::pin::Pin;
use std::time::Duration;

use innkeeper_plugin::rate_limit::Limit;
use innkeeper_plugin::{
    Ack, Answers, Binary, Broadcast, Error, Payload, RemoteSocket, Result, Socket, Timer, TimerSetting, flush, io, node, of,
    of_pattern, timer,
};
use serde_json::{Map, Value, json};

use crate::asking::{self, BUCKET};
use crate::name;
use crate::step::{Step, TimerStep};

/// Steps that are being taken, and what they came to.
#[derive(Default)]
pub(crate) struct Run<'a> {
    socket: Option<&'a Socket>,
    ack: Option<Ack>,
    reason: Option<&'a str>,
    results: Vec<Value>,
    rewritten: Option<Value>,
    answers: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn of(socket: &'a Socket) -> Self {
        Self { socket: Some(socket), ..Self::default() }
    }

    pub(crate) fn at_the_end(socket: &'a Socket, reason: &'a str) -> Self {
        Self { reason: Some(reason), ..Self::of(socket) }
    }

    pub(crate) fn of_event(socket: &'a Socket, ack: Ack) -> Self {
        Self { ack: Some(ack), ..Self::of(socket) }
    }

    pub(crate) fn of_timer(timer: &'a Timer) -> Self {
        Self { socket: timer.socket(), ..Self::default() }
    }

    /// What the event shall become.
    pub(crate) fn into_rewritten(self) -> Option<Value> {
        self.rewritten
    }

    /// What the client gets as its ack.
    pub(crate) fn into_answer(self) -> Option<Vec<Value>> {
        self.answers.then_some(self.results)
    }

    pub(crate) async fn all(&mut self, steps: Vec<Step>) -> Result<()> {
        for step in steps {
            self.step(step).await?;
        }
        Ok(())
    }

    fn socket(&self) -> Result<&'a Socket> {
        self.socket.ok_or_else(|| Error::new("there is no socket here"))
    }

    /// In a value, `$reason` is replaced by the reason, `$rooms` by the rooms, `$name` by the plugin's name, `$node` by that of
    /// the node, `$id` by the socket's id, `$results` by the results so far; `{"$text": n}` by a text of n bytes, `{"$nested": n}` by arrays that nest n deep.
    fn fill(&self, value: Value) -> Result<Value> {
        Ok(match value.as_str() {
            Some("$reason") => json!(self.reason),
            Some("$rooms") => json!(rooms(self.socket()?)?),
            Some("$name") => json!(name()?),
            Some("$node") => json!(node()),
            Some("$id") => json!(self.socket()?.id()),
            Some("$results") => json!(self.results),
            _ => large(&value).unwrap_or(value),
        })
    }

    async fn step(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Emit(name, value) => self.socket()?.emit(&name, self.fill(value)?),
            Step::Broadcast(name, value) => self.socket()?.broadcast().emit(&name, self.fill(value)?),
            Step::Attach(room, count) => self.socket()?.to(room).emit("attached", vec![Binary(vec![1]); count]),
            Step::To(room, name, value) => self.socket()?.to(room).emit(&name, self.fill(value)?),
            Step::In(rooms, except, name, value) => {
                let target = self.socket.map_or_else(io, Socket::nsp).to(rooms);
                let target = if let Some(except) = except { target.except(except) } else { target };
                target.emit(&name, self.fill(value)?)
            }
            Step::Of(namespace, name, value) => of(namespace).emit(&name, self.fill(value)?),
            Step::OfPattern(pattern, name, value) => of_pattern(pattern).emit(&name, self.fill(value)?),
            Step::ServerEmit(plans) => self.socket()?.nsp().server_side_emit("do", plans),
            Step::Join(room) => self.socket()?.join(room),
            Step::JoinNumbers(first, end) => self.socket()?.join(numbers(first, end)),
            Step::JoinAllNumbers(whom, first, end) => self.socket()?.nsp().to(whom).sockets_join(numbers(first, end)),
            Step::LeaveNumbers(first, end) => self.socket()?.leave(numbers(first, end)),
            Step::Leave(room) => self.socket()?.leave(self.fill(room.into())?.as_str().unwrap_or_default()),
            Step::JoinAll(whom, room) => self.socket()?.nsp().to(whom).sockets_join(room),
            Step::LeaveAll(whom, room) => self.socket()?.nsp().to(whom).sockets_leave(room),
            Step::SetData(key, value) => self.socket()?.set_data(&key, &self.fill(value)?),
            Step::RemoveData(key) => self.socket()?.remove_data(&key),
            Step::Disconnect(close) => self.socket()?.disconnect(close),
            Step::DisconnectAll(room, close) => self.socket()?.nsp().to(room).disconnect_sockets(close),
            Step::Sleep(milliseconds) => asking::sleep(ms(milliseconds)).await,
            Step::Timer(timer_step) => timer_step.set(|name| Ok(self.socket()?.timer(name))),
            Step::Clear(name) => self.socket()?.timer(name).clear(),
            Step::ClearKey(name, key) => self.socket()?.timer(name).key(key).clear(),
            Step::OwnTimer(timer_step) => timer_step.set(|name| Ok(timer(name))),
            Step::ClearOwn(name) => timer(name).clear(),
            Step::Fail(message, code, data) => Err(failure(message, code, data)),
            Step::FailSilently => Err(Error::silent("not for the client")),
            Step::FailByLibrary => Ok("x".parse::<u8>().map(drop)?),
            Step::Forbidden => self.socket()?.emit("connect", ()),
            other => self.other(other).await,
        }
    }

    /// Steps that return something, or change the run itself.
    async fn other(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Flush => flush(),
            Step::Answer => self.answers = true,
            Step::Rewrite(args) => self.rewritten = Some(args),
            Step::Reply(value) => self.ack.as_ref().map_or(Ok(()), |ack| ack.reply(value))?,
            Step::KeepAck => {
                let token = self.ack.as_ref().map(Ack::token);
                self.socket()?.set_data("ack", &token)?;
            }
            Step::GiveAck(value) => {
                let token = self.socket()?.data::<String>("ack")?.unwrap_or_default();
                Ack::from_token(&token)?.reply(value)?;
            }
            Step::Panic => broken(),
            Step::Try(step) => {
                let code = self.nested(*step).await.err().map(|error| error.code_str().to_owned());
                self.results.push(json!(code));
            }
            Step::Refusal(step) => {
                let results = self.results.len();
                let refused = self.nested(*step).await.err();
                self.results.truncate(results);
                self.results.push(json!(refused.map(|error| json!({"code": error.code_str(), "message": error.message()}))));
            }
            Step::Repeat(times, step) => {
                for _ in 0..times {
                    self.nested((*step).clone()).await?;
                }
            }
            question => {
                let result = self.question(question).await?;
                self.results.push(result);
            }
        }
        Ok(())
    }

    /// A step in a step.
    fn nested(&mut self, step: Step) -> Pin<Box<dyn Future<Output = Result<()>> + '_>> {
        Box::pin(self.step(step))
    }

    async fn question(&self, step: Step) -> Result<Value> {
        Ok(match step {
            Step::Rooms => json!(rooms(self.socket()?)?),
            Step::Data(key) => json!(self.socket()?.data::<Value>(&key)?),
            Step::DataAll => json!(self.socket()?.data_all::<Map<String, Value>>()?),
            Step::Handshake => json!(self.socket()?.handshake()?),
            Step::Queries => json!(self.socket()?.queries()?),
            Step::Query(name) => json!(self.socket()?.query(&name)?),
            Step::Header(name) => json!(self.socket()?.header(&name)?),
            Step::Fetch(room) => self.fetch(room).await?,
            Step::FetchFields(room, fields) => self.fetch_fields(room, fields).await?,
            Step::Count(room, true) => json!(self.local(room)?.count()?),
            Step::Count(room, false) => json!(asking::count(self.socket()?, room).await?),
            Step::CountPattern(pattern) => json!(of_pattern(pattern).local().count()?),
            Step::Ids(room, true) => json!(self.local(room)?.ids()?),
            Step::Ids(room, false) => json!(asking::ids(self.socket()?, room).await?),
            Step::RoomNames(prefix, true) => json!(self.socket()?.nsp().local().rooms_with_prefix(&prefix)?),
            Step::RoomNames(prefix, false) => json!(asking::room_names(self.socket()?, &prefix).await?),
            Step::Ask(name, timeout) => self.ask(&name, timeout).await?,
            Step::AskRoom(room, name, timeout) => self.ask_room(room, &name, timeout).await?,
            Step::ServerAsk(plans, timeout) => {
                let answers = asking::ask_servers(self.socket()?, plans, timeout.map(ms)).await?;
                let missing = answers.nodes_missing;
                json!([answers.values::<Value>()?, missing])
            }
            Step::Consume(key, points, limit, window) => {
                let came = asking::consume(&key, points, Limit { points: limit, window: ms(window) }).await?;
                json!([came.allowed, came.remaining_points, came.consumed_points, came.before_next.as_millis() as u64])
            }
            of_the_store => self.store(of_the_store).await?,
        })
    }

    async fn store(&self, step: Step) -> Result<Value> {
        Ok(match step {
            Step::Set(key, value, ttl) => json!(asking::set(&key, &self.fill(value)?, ttl.map(ms)).await?),
            Step::Get(key) => json!(asking::get(BUCKET, &key).await?),
            Step::GetOf(bucket, key) => json!(asking::get(&bucket, &key).await?),
            Step::Delete(key) => json!(asking::delete(&key).await?),
            Step::Increment(key, by) => {
                asking::increment(&key, by).await.map_or_else(|error| json!(error.code_str()), |sum| json!(sum))
            }
            Step::Swap(key, expected, value) => {
                let [expected, value] = [expected, value].map(|value| value.map(|value| self.fill(value)).transpose());
                json!(asking::compare_and_swap(&key, expected?.as_ref(), value?.as_ref()).await?)
            }
            Step::Scan(prefix, after, limit) => json!(asking::scan(&prefix, after.as_deref(), limit).await?),
            Step::ScanCount(prefix, limit) => json!(asking::scan_count(&prefix, limit).await?),
            Step::Entries(prefix) => json!(asking::entries(&prefix).await?),
            _ => Value::Null,
        })
    }

    async fn ask(&self, name: &str, timeout: Option<u64>) -> Result<Value> {
        let answer = asking::ask(self.socket()?, name, timeout.map(ms)).await;
        Ok(answer.unwrap_or_else(|error| json!({"code": error.code_str()})))
    }

    async fn ask_room(&self, room: String, name: &str, timeout: Option<u64>) -> Result<Value> {
        let mut answers: Answers = asking::ask_room(self.socket()?, room, name, timeout.map(ms)).await?;
        answers.missing.sort();
        answers.timed_out.sort();
        let read = |(id, payload): (Option<String>, Payload)| Ok((id, payload.read::<(Value,)>()?.0));
        let responses = answers.responses.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(json!({"responses": responses, "missing": answers.missing, "timed_out": answers.timed_out,
            "elsewhere": [answers.unanswered, answers.nodes_missing]}))
    }

    fn local(&self, room: String) -> Result<Broadcast> {
        Ok(self.socket()?.nsp().to(room).local())
    }

    async fn fetch_fields(&self, room: String, names: Vec<String>) -> Result<Value> {
        let shown = |socket: &RemoteSocket| {
            let handshake = socket.handshake();
            Ok(json!({
                "id": socket.id(),
                "rooms": !socket.rooms().is_empty(),
                "mark": socket.data::<Value>("mark")?,
                "address": !handshake.address().is_empty(),
                "query": handshake.query("EIO").is_some(),
                "url": !handshake.url().is_empty(),
                "headers": !handshake.headers().is_empty(),
                "auth": !handshake.auth_all::<Map<String, Value>>()?.is_empty(),
            }))
        };
        let found = asking::fetch(self.socket()?, room, &names).await?;
        found.iter().map(shown).collect::<Result<Vec<_>>>().map(Value::from)
    }

    async fn fetch(&self, room: String) -> Result<Value> {
        let fields = ["rooms", "data", "handshake", "auth", "headers"].map(str::to_owned);
        let mut found = asking::fetch(self.socket()?, room, &fields).await?;
        found.sort_by(|one, other| one.id().cmp(other.id()));
        let shown = |socket: &RemoteSocket| {
            let mut rooms: Vec<&String> = socket.rooms().iter().filter(|room| *room != socket.id()).collect();
            rooms.sort();
            Ok(json!({"id": socket.id(), "rooms": rooms, "mark": socket.data::<Value>("mark")?}))
        };
        found.iter().map(shown).collect::<Result<Vec<_>>>().map(Value::from)
    }
}

impl TimerStep {
    fn set(&self, timer: impl FnOnce(&str) -> Result<TimerSetting>) -> Result<()> {
        let setting = timer(&self.name)?.after(ms(self.after)).data(&self.steps)?;
        let setting = if let Some(key) = &self.key { setting.key(key) } else { setting };
        let setting = if self.keep { setting.keep() } else { setting };
        if let Some(every) = self.every { setting.every(ms(every)).set() } else { setting.set() }
    }
}

/// Besides its own, sorted.
fn rooms(socket: &Socket) -> Result<Vec<String>> {
    let mut rooms = socket.rooms()?;
    rooms.retain(|room| room != socket.id());
    rooms.sort();
    Ok(rooms)
}

fn numbers(first: u32, end: u32) -> Vec<String> {
    (first..end).map(|number| number.to_string()).collect()
}

/// What `{"$text": n}` and `{"$nested": n}` stand for.
fn large(value: &Value) -> Option<Value> {
    let size = |name: &str| value.get(name).and_then(Value::as_u64);
    match (size("$text"), size("$nested")) {
        (Some(bytes), _) => Some("x".repeat(bytes as usize).into()),
        (None, Some(depth)) => Some((0..depth).fold(Value::Null, |inner, _| json!([inner]))),
        (None, None) => None,
    }
}

fn failure(message: String, code: Option<String>, data: Option<Value>) -> Error {
    let error = Error::new(message).code(code.unwrap_or_default());
    if let Some(data) = data { error.data(&data) } else { error }
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[expect(clippy::panic, reason = "that is what it is for")]
fn broken() {
    panic!("the script broke");
}
