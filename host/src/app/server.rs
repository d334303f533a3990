//! The modules of a server that is built.

use std::sync::Arc;

use super::metrics::Sources;
use crate::effect::LocalEffects;
use crate::engine::Engine;
use crate::generations::Generations;
use crate::protocol::SocketIo;

/// The modules, put together.
pub(crate) struct Server {
    pub(crate) engine: Arc<Engine>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) generations: Generations,
    pub(crate) socket_io: Arc<SocketIo>,
    pub(crate) effects: Arc<LocalEffects>,
}
