//! Attacks of a plugin on its host and on its neighbours, one for each name in [`ATTACKS`]. `tests/e2e/zoo.test.mjs` makes each of
//! them; a name without a test fails there.
//!
//! Most attacks begin with the event `attack` of a client. Those of `register`, `start` and timers begin with the configuration.

mod computing;
mod flooding;
mod forging;
mod hoarding;
mod probing;

use std::time::Duration;

use innkeeper_plugin::{Plugin, Reply, Result, Socket, Timer, config, config_once, export, timer};
use serde::Deserialize;
use serde_json::Value;

/// What an attack tells its client, if it comes to an end.
type Attack = fn(&Socket) -> Result<Value>;

/// All attacks that a client can start.
const ATTACKS: &[(&str, Attack)] = &[
    ("spin", computing::spin),
    ("slices", computing::slices),
    ("naps", computing::naps),
    ("randomness", computing::randomness),
    ("recursion", computing::recursion),
    ("wait-for-millions", computing::wait_for_millions),
    ("trap", computing::trap),
    ("memory", hoarding::memory),
    ("big-ack", hoarding::big_ack),
    ("big-failure", hoarding::big_failure),
    ("big-code", hoarding::big_code),
    ("data-of-all", hoarding::data_of_all),
    ("fetch-tickets", hoarding::fetch_tickets),
    ("scan-tickets", hoarding::scan_tickets),
    ("silent-questions", hoarding::silent_questions),
    ("timers", hoarding::timers),
    ("due-at-once", hoarding::due_at_once),
    ("keys-of-limits", hoarding::keys_of_limits),
    ("store-bytes", hoarding::store_bytes),
    ("set-and-cancel", hoarding::set_and_cancel),
    ("emits", flooding::emits),
    ("empty-names", flooding::empty_names),
    ("rooms-times-except", flooding::rooms_times_except),
    ("one-room-often", flooding::one_room_often),
    ("leave-many", flooding::leave_many),
    ("join-all", flooding::join_all),
    ("reads-behind-join-all", flooding::reads_behind_join_all),
    ("broadcasts", flooding::broadcasts),
    ("log-lines", flooding::log_lines),
    ("log-fields", flooding::log_fields),
    ("print", flooding::print),
    ("control-codes", flooding::control_codes),
    ("framing", forging::framing),
    ("event-names", forging::event_names),
    ("foreign-tickets", forging::foreign_tickets),
    ("foreign-acks", forging::foreign_acks),
    ("foreign-sockets", forging::foreign_sockets),
    ("foreign-namespaces", forging::foreign_namespaces),
    ("system", probing::system),
];

#[derive(Default, Deserialize)]
#[serde(default)]
struct Config {
    /// What `register` does instead of registering.
    register: String,
    /// What `start` does.
    start: String,
    /// What a timer of each socket does, every millisecond.
    timers: String,
    /// The capabilities to request.
    asks: Vec<String>,
}

fn plugin() -> Result<Plugin> {
    let configured = config::<Config>()?;
    match &*configured.register {
        "spin" => computing::spin_for_ever(),
        "trap" => computing::break_down(),
        "namespaces" => return Ok(flooding::namespaces(Plugin::new())),
        "events" => return Ok(flooding::events(Plugin::new().namespace("/zoo"))),
        _ => {}
    }
    let plugin = configured.asks.into_iter().fold(Plugin::new(), Plugin::capability);
    let plugin = if configured.start.is_empty() { plugin } else { plugin.start(start) };
    Ok(plugin
        .timer("attack", due)
        .timer("idle", |_: &Timer| ())
        .namespace("/zoo")
        .connection(connection)
        .on("attack", attack)
        .on("remind", |socket: &Socket, milliseconds: u64| -> Result<_> {
            socket.timer("idle").key(milliseconds.to_string()).after(Duration::from_millis(milliseconds)).set()?;
            Ok(Reply(true))
        })
        .on("number", |_: &Socket, number: u64| Reply(number)))
}

fn attack(socket: &Socket, name: String) -> Result<Reply<Value>> {
    let (_, attack) = ATTACKS.iter().find(|(known, _)| *known == name).ok_or("there is no such attack")?;
    attack(socket).map(Reply)
}

fn start() -> Result<()> {
    match &*config_once::<Config>()?.start {
        "spin" => computing::spin_for_ever(),
        "trap" => computing::break_down(),
        _ => timer("attack").every(Duration::from_millis(1)).set(),
    }
}

fn connection(socket: &Socket) -> Result<()> {
    let configured = config_once::<Config>()?;
    if configured.timers.is_empty() { Ok(()) } else { socket.timer("attack").every(Duration::from_millis(1)).set() }
}

fn due(_timer: &Timer) -> Result<()> {
    match &*config_once::<Config>()?.timers {
        "trap" => computing::break_down(),
        _ => computing::spin_for_ever(),
    }
}

export!(plugin);
