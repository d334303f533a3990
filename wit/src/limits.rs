//! Limits that the contract fixes. Those that an operator may change are in [`defaults`](crate::defaults).

use std::time::Duration;

/// Bytes of an event's name. It is part of every frame.
pub const EVENT_NAME_BYTES_MAX: usize = 1_024;
/// Bytes of a room's name. A namespace keeps it as long as a socket is in the room.
pub const ROOM_NAME_BYTES_MAX: usize = 1_024;
/// Bytes of the name of a namespace by pattern: clients choose it, and every packet of such a namespace begins with it.
pub const NAMESPACE_NAME_BYTES_MAX: usize = 256;
/// Different names of rooms in one list: the rooms of a target, those that it excepts, and those that are joined or left.
pub const ROOM_NAMES_MAX: usize = 10_000;
/// What a write counts for beside its texts and bytes, in the bound on the bytes of a call's writes: what a host keeps for it at least.
pub const WRITE_BYTES: usize = 64;
/// The same for each name of a room: an empty one is not for nothing.
pub const NAME_BYTES: usize = 32;
/// Levels of nested JSON, the array of the arguments included. Parsers with recursion overflow their stack somewhere beyond.
pub const JSON_DEPTH_MAX: usize = 512;
/// Bytes of a client's `auth`. Every socket keeps it, and one connection may have a hundred sockets.
pub const AUTH_BYTES_MAX: usize = 64 << 10;
/// The greatest id of an ack: the greatest whole number that JavaScript holds exactly.
pub const ACK_ID_MAX: u64 = (1 << 53) - 1;
/// Bytes of all answers to one question.
pub const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Names of rooms, ids of sockets, or sockets, that one call of the contract returns.
pub const PAGE_ENTRIES_MAX: u32 = 10_000;
/// Bytes of a page of fetched sockets, unless its first socket alone has more.
pub const PAGE_BYTES_MAX: usize = 4 << 20;
/// Fields that a handshake is asked for at once.
pub const HANDSHAKE_FIELDS_MAX: usize = 100;
/// Keys of a socket's data. Each costs the host more than its bytes, and more with each write.
pub const DATA_KEYS_MAX: usize = 1_000;
/// Open questions of a call, and tickets of one wait.
pub const OPEN_TICKETS_MAX: usize = 1_000;
/// Open questions of an instance in `shared` mode, `setTimeout` of its runtime included: some for each of as many calls as may be open.
pub const INSTANCE_TICKETS_MAX: usize = 65_536;

/// Bytes of a timer's name, and of its key.
pub const TIMER_NAME_BYTES_MAX: usize = 256;
/// Bytes of a timer's data.
pub const TIMER_DATA_BYTES_MAX: usize = 64 << 10;
/// The shortest interval of a timer: with 0 it would be due for ever.
pub const TIMER_EVERY_MIN: Duration = Duration::from_millis(1);
/// The longest delay and interval of a timer: longer than a host runs.
pub const TIMER_DELAY_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Bytes of a bucket's name.
pub const BUCKET_NAME_BYTES_MAX: usize = 64;
/// Bytes of a key in the store.
pub const STORE_KEY_BYTES_MAX: usize = 1_024;
/// Bytes of a value in the store.
pub const STORE_VALUE_BYTES_MAX: usize = 1 << 20;
/// Entries of one scan.
pub const SCAN_ENTRIES_MAX: u32 = 1_000;
/// Bytes of the entries of one scan: until the plugin takes the answer, the host keeps it.
pub const SCAN_BYTES_MAX: usize = 4 << 20;

/// Bytes of a key of a rate limit.
pub const RATE_LIMIT_KEY_BYTES_MAX: usize = 256;
/// The longest window of a rate limit: longer than a host runs.
pub const RATE_LIMIT_WINDOW_MAX: Duration = Duration::from_secs(366 * 86_400);

/// Bytes of a token.
pub const TOKEN_BYTES_MAX: usize = 64 << 10;
/// Bytes of a message in the log; a longer one is cut.
pub const LOG_MESSAGE_BYTES_MAX: usize = 4_096;
/// Bytes of an HTTP body without a grant that says more.
pub const HTTP_BODY_BYTES_MAX: usize = 1 << 20;
