//! What travels between nodes, in the format of `@socket.io/redis-adapter` 8: broadcasts and what has binary in it as msgpack, all else as
//! JSON. Whatever comes is checked here, under the bounds that plugins have.

mod broadcast;
mod ignored;
mod kinds;
mod list;
mod names;
mod nodes;
mod python;
mod question;
mod request;
mod response;
mod sockets;
mod types;

pub(super) use broadcast::{Broadcast, encode_broadcast, only_room};
pub(super) use ignored::Ignored;
pub(super) use kinds::{OwnResponse, Request, RequestKind, Response, ResponseKind};
pub(super) use list::ListResponse;
pub(super) use nodes::{NodesMessage, decode_nodes, encode_node, encode_nodes_question};
pub(super) use python::{PythonKind, PythonMessage, python_message};
pub(super) use request::{decode_request, encode_request};
pub(super) use response::{decode_response, encode_response};
pub(super) use sockets::push_socket;
