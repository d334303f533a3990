//! Limits that an operator may change, as they are without a word of the configuration. Each is named like its key there.

use std::time::Duration;

/// How long a call may take with all its waiting.
pub const CALL: Duration = Duration::from_secs(10);
/// How long a question waits for other nodes, if it names no time.
pub const REQUESTS_TIMEOUT: Duration = Duration::from_secs(5);
/// Binary attachments of one packet, as in Socket.IO's parser.
pub const ATTACHMENTS_MAX: usize = 10;
/// Writes that a call records between two flushes.
pub const WRITES_PER_CALL_MAX: usize = 50_000;
/// Bytes of those writes: the names, arguments, attachments and data that the plugin gave.
pub const WRITE_BYTES_PER_CALL_MAX: usize = 8 << 20;
/// Calls of one socket that are open at once while all of them wait for clients.
pub const OPEN_CALLS_PER_SOCKET: usize = 16;
/// Rooms of one socket, its own included.
pub const ROOMS_PER_SOCKET_MAX: usize = 1_000;
/// Bytes of a socket's data, keys and values together.
pub const DATA_BYTES_MAX: usize = 64 << 10;
/// Lines that a call writes to the log.
pub const LOG_LINES_PER_CALL_MAX: usize = 100;
