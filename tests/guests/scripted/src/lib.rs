//! Takes the steps that a scenario gives it: those of a handler in the argument of the event `do`, those of the connection in `auth`.
//! Loaded under several names it is a chain, in which each plugin takes the steps under its own name.

use std::collections::BTreeMap;
use std::time::Duration;

use innkeeper_plugin::rate_limit::{Limit, consume};
use innkeeper_plugin::{
    Ack, Binary, Broadcast, Error, Event, Field, Payload, Plugin, Reply, Result, Socket, Timer, TimerSetting, config, export,
    flush, io, of, sleep, store, timer,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The steps of one plugin.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Plan {
    middleware: Vec<Step>,
    connection: Vec<Step>,
    handler: Vec<Step>,
    disconnecting: Vec<Step>,
    disconnect: Vec<Step>,
}

/// One step. A step that returns something adds it to the results, which `answer` sends as ack.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Emit(String, Value),
    /// To a room, with so many binary arguments.
    Attach(String, usize),
    /// To the others.
    Broadcast(String, Value),
    /// To the others in a room.
    To(String, String, Value),
    /// To all sockets in any of the rooms, without those in another.
    In(Vec<String>, Option<String>, String, Value),
    /// To all sockets of a namespace.
    Of(String, String, Value),
    Join(String),
    /// Joins rooms named by their numbers, from the first up to the second.
    JoinNumbers(u32, u32),
    LeaveNumbers(u32, u32),
    Leave(String),
    JoinAll(String, String),
    JoinAllNumbers(String, u32, u32),
    LeaveAll(String, String),
    Rooms,
    SetData(String, Value),
    RemoveData(String),
    Data(String),
    DataAll,
    /// As JSON.
    Handshake,
    Queries,
    /// One parameter.
    Query(String),
    Header(String),
    Disconnect(bool),
    DisconnectAll(String, bool),
    Fetch(String),
    /// With these fields alone.
    FetchFields(String, Vec<String>),
    /// The last of its values, as in the next two: on this node alone.
    Count(String, bool),
    Ids(String, bool),
    RoomNames(String, bool),
    Ask(String, Option<u64>),
    AskRoom(String, String, Option<u64>),
    Sleep(u64),
    Flush,
    Timer(TimerStep),
    Clear(String),
    /// With a key.
    ClearKey(String, String),
    OwnTimer(TimerStep),
    ClearOwn(String),
    Set(String, Value, Option<u64>),
    Get(String),
    /// Out of this bucket.
    GetOf(String, String),
    Delete(String),
    Increment(String, i64),
    Swap(String, Option<Value>, Option<Value>),
    Scan(String, Option<String>, u32),
    /// How many entries there are.
    ScanCount(String, u32),
    /// The keys of all entries; null for one whose value is no text.
    Entries(String),
    Consume(String, u32, u32, u64),
    Reply(Value),
    KeepAck,
    GiveAck(Value),
    Rewrite(Value),
    Fail(String, Option<String>, Option<Value>),
    FailSilently,
    /// With the error of a library.
    FailByLibrary,
    /// An emit that the host refuses.
    Forbidden,
    /// The code of the error of another step, null if there is none.
    Try(Box<Step>),
    /// Code and message of the error of another step, null if there is none.
    Refusal(Box<Step>),
    /// Another step, so many times.
    Repeat(u32, Box<Step>),
    Panic,
    Answer,
}

/// A timer, and its steps.
#[derive(Clone, Deserialize, Serialize)]
struct TimerStep {
    name: String,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    keep: bool,
    #[serde(default)]
    after: u64,
    #[serde(default)]
    every: Option<u64>,
    #[serde(rename = "do")]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Config {
    name: String,
}

/// The plugin: `first` serves everything, all others `/chain` only.
pub fn plugin() -> Plugin {
    let is_first = name().is_ok_and(|name| name == "first");
    let plugin = Plugin::new()
        .capability("handshake:secrets")
        .capability("store")
        .capability("rate-limit")
        .timer("a", run_timer)
        .timer("b", run_timer)
        .namespace("/chain")
        .middleware(middleware);
    let plugin = everywhere(plugin, "/chain");
    if !is_first {
        return plugin;
    }
    ["/", "/other"].into_iter().fold(plugin.start(start), |plugin, name| everywhere(plugin.namespace(name), name))
}

/// On `/other` the events do not wait for `connection`.
fn everywhere(plugin: Plugin, registered: &'static str) -> Plugin {
    let connection = |socket: &Socket| follow(socket, |plan| plan.connection);
    let plugin = if registered == "/other" { plugin.connection_overtakable(connection) } else { plugin.connection(connection) };
    plugin
        .connect_middleware(|socket: &Socket| follow(socket, |plan| plan.middleware))
        .on("do", handler)
        .on_overtakable("do anytime", handler)
        .on("registered", move |_: &Socket| Reply(registered))
        .disconnecting(|socket: &Socket, reason: &str| {
            let mut run = Run { reason: Some(reason), ..Run::of(socket) };
            run.all(planned(socket)?.disconnecting)
        })
        .disconnect(|socket: &Socket, reason: &str| {
            let mut run = Run { reason: Some(reason), ..Run::of(socket) };
            run.all(planned(socket)?.disconnect)
        })
}

fn name() -> Result<String> {
    Ok(config::<Config>()?.name)
}

fn start() -> Result<()> {
    let steps = vec![Step::In(vec!["early".to_owned()], None, "began".to_owned(), Value::Null)];
    timer("a").after(Duration::from_secs(1)).data(&steps)?.set()
}

/// The steps in `auth`.
fn planned(socket: &Socket) -> Result<Plan> {
    Ok(socket.handshake()?.auth::<Plan>(&name()?)?.unwrap_or_default())
}

fn follow(socket: &Socket, steps: fn(Plan) -> Vec<Step>) -> Result<()> {
    Run::of(socket).all(steps(planned(socket)?))
}

fn middleware(socket: &Socket, event: &mut Event) -> Result<()> {
    let (mut plans,): (BTreeMap<String, Plan>,) = event.args()?;
    let plan = plans.remove(&name()?).unwrap_or_default();
    let mut run = Run::of(socket);
    run.all(plan.middleware)?;
    run.rewritten.map_or(Ok(()), |args| event.set_args(args))
}

fn handler(socket: &Socket, mut plans: BTreeMap<String, Plan>, ack: Ack) -> Result<Option<Reply<Vec<Value>>>> {
    let plan = plans.remove(&name()?).unwrap_or_default();
    let mut run = Run { ack: Some(ack), ..Run::of(socket) };
    run.all(plan.handler)?;
    Ok(run.answers.then_some(Reply(run.results)))
}

fn run_timer(timer: &Timer) -> Result<()> {
    Run { socket: timer.socket(), ..Run::default() }.all(timer.data()?)
}

/// Steps that are being taken.
#[derive(Default)]
struct Run<'a> {
    socket: Option<&'a Socket>,
    ack: Option<Ack>,
    reason: Option<&'a str>,
    results: Vec<Value>,
    rewritten: Option<Value>,
    answers: bool,
}

impl<'a> Run<'a> {
    fn of(socket: &'a Socket) -> Self {
        Self { socket: Some(socket), ..Self::default() }
    }

    fn all(&mut self, steps: Vec<Step>) -> Result<()> {
        steps.into_iter().try_for_each(|step| self.step(step))
    }

    fn socket(&self) -> Result<&'a Socket> {
        self.socket.ok_or_else(|| Error::new("there is no socket here"))
    }

    /// In a value, `$reason` is replaced by the reason, `$rooms` by the rooms, `$name` by the plugin's name, `$id` by the
    /// socket's id, `$results` by the results so far; `{"$text": n}` by a text of n bytes, `{"$nested": n}` by arrays that nest n deep.
    fn fill(&self, value: Value) -> Result<Value> {
        Ok(match value.as_str() {
            Some("$reason") => json!(self.reason),
            Some("$rooms") => json!(rooms(self.socket()?)?),
            Some("$name") => json!(name()?),
            Some("$id") => json!(self.socket()?.id()),
            Some("$results") => json!(self.results),
            _ => large(&value).unwrap_or(value),
        })
    }

    fn step(&mut self, step: Step) -> Result<()> {
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
            Step::Sleep(milliseconds) => sleep(ms(milliseconds)),
            Step::Timer(timer_step) => timer_step.set(|name| Ok(self.socket()?.timer(name))),
            Step::Clear(name) => self.socket()?.timer(name).clear(),
            Step::ClearKey(name, key) => self.socket()?.timer(name).key(key).clear(),
            Step::OwnTimer(timer_step) => timer_step.set(|name| Ok(timer(name))),
            Step::ClearOwn(name) => timer(name).clear(),
            Step::Fail(message, code, data) => Err(failure(message, code, data)),
            Step::FailSilently => Err(Error::silent("not for the client")),
            Step::FailByLibrary => Ok("x".parse::<u8>().map(drop)?),
            Step::Forbidden => self.socket()?.emit("connect", ()),
            other => self.other(other),
        }
    }

    /// Steps that return something, or change the run itself.
    fn other(&mut self, step: Step) -> Result<()> {
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
                let code = self.step(*step).err().map(|error| error.code_str().to_owned());
                self.results.push(json!(code));
            }
            Step::Refusal(step) => {
                let results = self.results.len();
                let refused = self.step(*step).err();
                self.results.truncate(results);
                self.results.push(json!(refused.map(|error| json!({"code": error.code_str(), "message": error.message()}))));
            }
            Step::Repeat(times, step) => (0..times).try_for_each(|_| self.step((*step).clone()))?,
            question => {
                let result = self.question(question)?;
                self.results.push(result);
            }
        }
        Ok(())
    }

    fn question(&self, step: Step) -> Result<Value> {
        let bucket = store::bucket("scripted");
        Ok(match step {
            Step::Rooms => json!(rooms(self.socket()?)?),
            Step::Data(key) => json!(self.socket()?.data::<Value>(&key)?),
            Step::DataAll => json!(self.socket()?.data_all::<Map<String, Value>>()?),
            Step::Handshake => json!(self.socket()?.handshake()?),
            Step::Queries => json!(self.socket()?.queries()?),
            Step::Query(name) => json!(self.socket()?.query(&name)?),
            Step::Header(name) => json!(self.socket()?.header(&name)?),
            Step::Fetch(room) => self.fetch(&room)?,
            Step::FetchFields(room, fields) => self.fetch_fields(&room, &fields)?,
            Step::Count(room, local) => json!(self.members(&room, local)?.count()?),
            Step::Ids(room, local) => json!(self.members(&room, local)?.ids()?),
            Step::RoomNames(prefix, local) => {
                let namespace = self.socket()?.nsp();
                json!(if local { namespace.local() } else { namespace }.rooms_with_prefix(&prefix)?)
            }
            Step::Ask(name, timeout) => self.ask(&name, timeout)?,
            Step::AskRoom(room, name, timeout) => self.ask_room(room, &name, timeout)?,
            Step::Set(key, value, None) => json!(bucket.set(&key, &self.fill(value)?)?),
            Step::Set(key, value, Some(ttl)) => json!(bucket.set_for(&key, &self.fill(value)?, ms(ttl))?),
            Step::Get(key) => json!(bucket.get::<Value>(&key)?),
            Step::GetOf(bucket, key) => json!(store::bucket(bucket).get::<Value>(&key)?),
            Step::Delete(key) => json!(bucket.delete(&key)?),
            Step::Increment(key, by) => bucket.increment(&key, by).map_or_else(|error| json!(error.code_str()), |sum| json!(sum)),
            Step::Swap(key, expected, value) => {
                let [expected, value] = [expected, value].map(|value| value.map(|value| self.fill(value)).transpose());
                json!(bucket.compare_and_swap(&key, expected?.as_ref(), value?.as_ref())?)
            }
            Step::Scan(prefix, after, limit) => json!(bucket.scan::<Value>(&prefix, after.as_deref(), limit)?),
            Step::ScanCount(prefix, limit) => json!(bucket.scan_bytes(&prefix, None, limit)?.len()),
            Step::Entries(prefix) => {
                let keys = bucket.entries::<String>(&prefix).map(|entry| match entry {
                    Err(error) if error.is_host() => Err(error),
                    entry => Ok(entry.ok().map(|(key, _)| key)),
                });
                json!(keys.collect::<Result<Vec<_>>>()?)
            }
            Step::Consume(key, points, limit, window) => {
                let came = consume(&key, points, Limit { points: limit, window: ms(window) })?;
                json!([came.allowed, came.remaining_points, came.consumed_points, came.before_next.as_millis() as u64])
            }
            _ => Value::Null,
        })
    }

    fn ask(&self, name: &str, timeout: Option<u64>) -> Result<Value> {
        let socket = self.socket()?;
        let answer = match timeout {
            Some(timeout) => socket.timeout(ms(timeout)).emit_with_ack::<Value>(name, ()),
            None => socket.emit_with_ack(name, ()),
        };
        Ok(answer.unwrap_or_else(|error| json!({"code": error.code_str()})))
    }

    fn ask_room(&self, room: String, name: &str, timeout: Option<u64>) -> Result<Value> {
        let target = self.socket()?.nsp().to(room);
        let target = if let Some(timeout) = timeout { target.timeout(ms(timeout)) } else { target };
        let mut answers = target.emit_with_ack(name, ())?;
        answers.missing.sort();
        answers.timed_out.sort();
        let read = |(id, payload): (Option<String>, Payload)| Ok((id, payload.read::<(Value,)>()?.0));
        let responses = answers.responses.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(json!({"responses": responses, "missing": answers.missing, "timed_out": answers.timed_out,
            "elsewhere": [answers.unanswered, answers.nodes_missing]}))
    }

    fn members(&self, room: &str, local: bool) -> Result<Broadcast> {
        let members = self.socket()?.nsp().to(room);
        Ok(if local { members.local() } else { members })
    }

    fn fetch_fields(&self, room: &str, names: &[String]) -> Result<Value> {
        let fields = names.iter().filter_map(|name| match name.as_str() {
            "rooms" => Some(Field::Rooms),
            "data" => Some(Field::Data),
            "handshake" => Some(Field::Handshake),
            "auth" => Some(Field::Auth),
            "headers" => Some(Field::Headers),
            _ => None,
        });
        let fetched = self.socket()?.nsp().to(room).fetch(fields)?;
        let shown = |socket: &innkeeper_plugin::RemoteSocket| {
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
        fetched.sockets.iter().map(shown).collect::<Result<Vec<_>>>().map(Value::from)
    }

    fn fetch(&self, room: &str) -> Result<Value> {
        let mut found = self.socket()?.nsp().to(room).fetch_sockets()?;
        found.sort_by(|one, other| one.id().cmp(other.id()));
        let shown = |socket: &innkeeper_plugin::RemoteSocket| {
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

export!(plugin);

/// Compiles the plugin in the project's README. The SDK cannot: a published crate reads no file outside of its own folder.
#[cfg(doctest)]
#[doc = include_str!("../../../../README.md")]
struct Readme;
