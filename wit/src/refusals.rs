//! What a host refuses: code and sentence together, so that a test against one host says what the other says too.

use crate::{capabilities, codes, hooks, limits};
use std::borrow::Cow;
use std::fmt;

/// A refused call of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// One of [`codes`].
    pub code: &'static str,
    /// For the plugin's author and the log.
    pub message: Cow<'static, str>,
    /// The limit that was hit, if it was one: its key in the configuration, else its constant.
    pub limit: Option<&'static str>,
}

/// The message for a client whose call failed for a reason that is for the log alone.
pub const INTERNAL_ERROR: &str = "internal error";
/// The message for a client that connects to a namespace which no plugin registered.
pub const INVALID_NAMESPACE: &str = "Invalid namespace";
/// What a client reads whose `auth` is too long.
pub const AUTH_TOO_LARGE: &str = "The auth payload is too large";

impl Refusal {
    /// A refusal with a sentence of the host's own.
    pub fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), limit: None }
    }

    /// The refusal of what goes beyond the limit of this name: its key in the configuration, else its constant.
    pub fn limit(name: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { limit: Some(name), ..Self::new(codes::LIMIT, message) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

/// Outside of a call, in `register` for instance.
pub fn no_call() -> Refusal {
    Refusal::new(codes::INVALID, "there is no call in which this could be done")
}

/// An emit with a reserved name.
pub fn reserved_event(name: &str) -> Refusal {
    Refusal::new(codes::INVALID, format!("{name:?} is a reserved event name"))
}

/// An event between servers that has binary.
pub fn server_event_binary() -> Refusal {
    Refusal::new(codes::INVALID, "an event between servers has no binary: it travels as JSON")
}

/// An emit with a name that is too long.
pub fn event_name() -> Refusal {
    Refusal::limit("EVENT_NAME_BYTES_MAX", format!("an event's name has at most {} bytes", limits::EVENT_NAME_BYTES_MAX))
}

/// JSON that nests too deep. `what` it is: the arguments (`args`), or a `value` of the data.
pub fn json_depth(what: &str) -> Refusal {
    let message = format!("{what}: nests more than {} deep", limits::JSON_DEPTH_MAX);
    Refusal { limit: Some("JSON_DEPTH_MAX"), ..Refusal::new(codes::INVALID, message) }
}

/// A payload with too many binary arguments (`attachments_max`).
pub fn attachments(most: usize) -> Refusal {
    Refusal::limit("attachments_max", format!("a packet has at most {most} attachments"))
}

/// A room with a name that is too long.
pub fn room_name() -> Refusal {
    Refusal::limit("ROOM_NAME_BYTES_MAX", format!("a room's name has at most {} bytes", limits::ROOM_NAME_BYTES_MAX))
}

/// A list with too many names of rooms.
pub fn room_names() -> Refusal {
    Refusal::limit("ROOM_NAMES_MAX", format!("a list has at most {} different names of rooms", limits::ROOM_NAMES_MAX))
}

/// A join that would exceed `rooms_per_socket_max`.
pub fn rooms_per_socket(most: usize) -> Refusal {
    Refusal::limit("rooms_per_socket_max", format!("a socket is in at most {most} rooms (rooms_per_socket_max)"))
}

/// Data that would exceed `data_bytes_max`.
pub fn data_bytes(most: usize) -> Refusal {
    Refusal::limit("data_bytes_max", format!("the data of a socket has at most {most} bytes (data_bytes_max)"))
}

/// Data with too many keys.
pub fn data_keys() -> Refusal {
    Refusal::limit("DATA_KEYS_MAX", format!("the data of a socket has at most {} keys", limits::DATA_KEYS_MAX))
}

/// A write beyond `writes_per_call_max`.
pub fn writes_per_call(most: usize) -> Refusal {
    Refusal::limit("writes_per_call_max", format!("a call records at most {most} writes (writes_per_call_max)"))
}

/// A write beyond `write_bytes_per_call_max`.
pub fn write_bytes_per_call(most: usize) -> Refusal {
    Refusal::limit("write_bytes_per_call_max", format!("a call records at most {most} bytes (write_bytes_per_call_max)"))
}

/// A handshake that is asked for too many fields.
pub fn handshake_fields() -> Refusal {
    Refusal::limit(
        "HANDSHAKE_FIELDS_MAX",
        format!("a handshake is asked for at most {} fields at once", limits::HANDSHAKE_FIELDS_MAX),
    )
}

/// A write or a question beyond what the host holds for all calls of a plugin (`plugin_bytes_max`).
pub fn plugin_bytes(most: usize) -> Refusal {
    let message = format!(
        "the host holds at most {most} bytes for the calls of a plugin: writes that have not left, and answers that were not taken \
         (plugin_bytes_max)"
    );
    Refusal::limit("plugin_bytes_max", message)
}

/// A write to all sockets of a room or a namespace beyond `deliveries_per_call_max`.
pub fn deliveries_per_call(most: usize) -> Refusal {
    let message =
        format!("the broadcasts, joins and leaves of a call reach at most {most} sockets together (deliveries_per_call_max)");
    Refusal::limit("deliveries_per_call_max", message)
}

/// A question beyond the open ones that a call may have.
pub fn open_tickets() -> Refusal {
    Refusal::limit("OPEN_TICKETS_MAX", format!("a call has at most {} open questions", limits::OPEN_TICKETS_MAX))
}

/// A question beyond the open ones that an instance in `shared` mode may have.
pub fn instance_tickets() -> Refusal {
    let message =
        format!("an instance has at most {} open questions, timers of its runtime included", limits::INSTANCE_TICKETS_MAX);
    Refusal::limit("INSTANCE_TICKETS_MAX", message)
}

/// A question that would change something, in a `resumed` run.
pub fn resumed() -> Refusal {
    Refusal::new(codes::RESUMED, "in a `resumed` run nobody can be asked: the socket was connected before")
}

/// A page with more entries than one call of the contract returns.
pub fn page_entries(wanted: u32) -> Refusal {
    Refusal::limit("PAGE_ENTRIES_MAX", format!("a page has at most {} entries, not {wanted}", limits::PAGE_ENTRIES_MAX))
}

/// A read of a socket that is not there.
pub fn no_socket(id: &str) -> Refusal {
    Refusal::new(codes::UNKNOWN, format!("there is no socket {id:?}"))
}

/// A namespace that does not exist.
pub fn no_namespace(name: &str) -> Refusal {
    Refusal::new(codes::UNKNOWN, format!("there is no namespace {name:?}"))
}

/// A target with the flag `pattern` whose namespace is no pattern of the plugin.
pub fn no_pattern(text: &str) -> Refusal {
    Refusal::new(codes::UNKNOWN, format!("the plugin registers no pattern {text:?}"))
}

/// A target with the flag `pattern`, for something else than an emit.
pub fn only_emits_to_patterns() -> Refusal {
    Refusal::new(codes::INVALID, "a pattern can be the target of an emit, and of nothing else: name a namespace")
}

/// A ticket that is not open, or whose answer another function takes.
pub fn no_ticket(ticket: u64) -> Refusal {
    Refusal::new(codes::UNKNOWN, format!("ticket {ticket} is not open, or not of this kind"))
}

/// A ticket whose answer is not there yet.
pub fn unanswered(ticket: u64) -> Refusal {
    Refusal::new(codes::UNANSWERED, format!("ticket {ticket} has no answer yet: wait for it"))
}

/// A question to a socket whose connect middleware has not ended.
pub fn pending() -> Refusal {
    Refusal::new(codes::PENDING, "the socket's connect middleware has not ended: its client cannot be asked yet")
}

/// A question to one client that did not answer in time.
pub fn timed_out() -> Refusal {
    Refusal::new(codes::TIMEOUT, "operation has timed out")
}

/// A question to one client that disconnected before it answered.
pub fn disconnected() -> Refusal {
    Refusal::new(codes::DISCONNECTED, "socket has been disconnected")
}

/// A namespace that the plugin does not serve, without the capability for it.
pub fn namespace_denied(name: &str) -> Refusal {
    let message = format!("{name:?} is not served by this plugin; that needs the capability {:?}", capabilities::NAMESPACES);
    Refusal::new(codes::DENIED, message)
}

/// Something for which the registration does not request the capability.
pub fn not_requested(capability: &str) -> Refusal {
    let message = format!("that needs the capability {capability:?}, and the registration does not request it");
    Refusal::new(codes::DENIED, message)
}

/// A timer beyond those that the host keeps for one plugin. `limit` is the one that was hit.
pub fn timers(limit: &'static str, most: usize, bytes: usize) -> Refusal {
    Refusal::limit(limit, format!("a plugin has at most {most} timers, and they have at most {bytes} bytes together"))
}

/// A timer of a plugin that has no function for timers.
pub fn no_timer_hook() -> Refusal {
    Refusal::new(codes::INVALID, format!("a plugin that sets timers registers the hook `{}`", hooks::TIMER))
}

/// A timer whose name, key or data is too long.
pub fn timer_bytes() -> Refusal {
    let (name, data) = (limits::TIMER_NAME_BYTES_MAX, limits::TIMER_DATA_BYTES_MAX);
    Refusal::limit("TIMER_DATA_BYTES_MAX", format!("a timer's name has at most {name} bytes, its data {data}"))
}

/// A key of a rate limit that is too long.
pub fn rate_limit_key() -> Refusal {
    Refusal::limit("RATE_LIMIT_KEY_BYTES_MAX", format!("a key has at most {} bytes", limits::RATE_LIMIT_KEY_BYTES_MAX))
}

/// A window of a rate limit without length.
pub fn rate_limit_window() -> Refusal {
    Refusal::new(codes::INVALID, "a window needs a length")
}

/// A bucket whose name is empty or too long.
pub fn bucket_name(bytes: usize) -> Refusal {
    Refusal::limit(
        "BUCKET_NAME_BYTES_MAX",
        format!("a bucket's name has 1 to {} bytes, not {bytes}", limits::BUCKET_NAME_BYTES_MAX),
    )
}

/// A key of the store that is too long.
pub fn store_key(bytes: usize) -> Refusal {
    Refusal::limit("STORE_KEY_BYTES_MAX", format!("a key has at most {} bytes, not {bytes}", limits::STORE_KEY_BYTES_MAX))
}

/// A value of the store that is too long.
pub fn store_value(bytes: usize) -> Refusal {
    Refusal::limit("STORE_VALUE_BYTES_MAX", format!("a value has at most {} bytes, not {bytes}", limits::STORE_VALUE_BYTES_MAX))
}

/// A scan for too many entries.
pub fn scan_entries(wanted: u32) -> Refusal {
    Refusal::limit("SCAN_ENTRIES_MAX", format!("a scan gives at most {} entries, not {wanted}", limits::SCAN_ENTRIES_MAX))
}

/// A scan whose entries are too long together.
pub fn scan_bytes() -> Refusal {
    Refusal::limit(
        "SCAN_BYTES_MAX",
        format!("the entries of a scan have at most {} bytes together: ask for fewer", limits::SCAN_BYTES_MAX),
    )
}

/// An increment of what is no number.
pub fn not_a_number() -> Refusal {
    Refusal::new(codes::INVALID, "the value is not a whole number of 64 bits")
}

/// An increment whose sum does not fit.
pub fn sum_too_large() -> Refusal {
    Refusal::new(codes::INVALID, "the sum does not fit 64 bits")
}
