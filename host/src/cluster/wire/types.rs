//! The numbers of the types of requests and responses.

pub(super) const SOCKETS: u64 = 0;
pub(super) const ALL_ROOMS: u64 = 1;
pub(super) const REMOTE_JOIN: u64 = 2;
pub(super) const REMOTE_LEAVE: u64 = 3;
pub(super) const REMOTE_DISCONNECT: u64 = 4;
pub(super) const REMOTE_FETCH: u64 = 5;
pub(super) const SERVER_SIDE_EMIT: u64 = 6;
pub(super) const BROADCAST: u64 = 7;
pub(super) const BROADCAST_CLIENT_COUNT: u64 = 8;
pub(super) const BROADCAST_ACK: u64 = 9;
