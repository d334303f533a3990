//! The host of the plugin. A component has one, known when it is compiled; a unit test has one in memory.

#[cfg(not(target_family = "wasm"))]
mod interface;
#[cfg(not(target_family = "wasm"))]
mod native;
mod types;
#[cfg(target_family = "wasm")]
mod wit;

#[cfg(not(target_family = "wasm"))]
pub(crate) use interface::Host;
#[cfg(not(target_family = "wasm"))]
pub(crate) use native::{host, with_host};
#[cfg(not(target_family = "wasm"))]
pub(crate) use types::ServersAnswers;
pub(crate) use types::{Answers, Handshake, Page, RemoteSocket, Setting};
#[cfg(target_family = "wasm")]
pub(crate) use wit::host;
