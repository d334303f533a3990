//! The state of one instance, and of the call that it runs.

use std::sync::Arc;

use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime::{StoreLimits, StoreLimitsBuilder};
use wasmtime_wasi::WasiCtx;

use super::GuestLog;
use super::jwt::KeyAccess;
use super::store::StoreAccess;
use super::ticket::Tickets;
use super::wasi;
use crate::adapter::{Adapter, Namespace, Rooms, Socket, SocketId};
use crate::effect::{Overlay, Target, Write};
use crate::plugin::bindings::v0_1::types;
use crate::plugin::validate::{self, refusal};
use crate::plugin::{Call, PluginTimers, capability};
use crate::rate_limit::RateLimitTable;

/// What is the same for all instances of one generation.
#[derive(Clone)]
pub(crate) struct PluginContext {
    pub(crate) sockets: Arc<Adapter>,
    /// None if the plugin did not ask for it.
    pub(crate) store: Option<StoreAccess>,
    /// What tokens are verified with.
    pub(crate) keys: KeyAccess,
    /// What this plugin's keys have consumed.
    pub(crate) rate_limits: Arc<RateLimitTable>,
    /// `plugin@generation`, for the log.
    pub(crate) label: Arc<str>,
    /// What the registration asked for and the operator granted.
    pub(crate) capabilities: Vec<String>,
    /// The namespaces that it serves.
    pub(crate) namespaces: Vec<Box<str>>,
    /// `[plugins.<name>.config]` as JSON.
    pub(crate) config: String,
    pub(crate) limits: CallLimits,
    pub(crate) log: Arc<GuestLog>,
    /// Of the plugin, not of this generation.
    pub(crate) timers: Arc<PluginTimers>,
    pub(crate) has_timer_hook: bool,
}

/// How much one call may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallLimits {
    pub(crate) writes: usize,
    pub(crate) write_bytes: usize,
    pub(crate) attachments: usize,
    pub(crate) rooms_per_socket: usize,
    pub(crate) data_bytes: usize,
    pub(crate) log_lines: usize,
    pub(crate) memory_bytes: usize,
}

/// Reads look at all that was recorded before them, in the host's time. Nobody needs more looks than this between two flushes.
const OVERLAY_WRITES_MAX: usize = 20_000_000;

/// WASI resources of one instance: streams, pollables. The host keeps them, so a guest may not pile them up.
const RESOURCES_MAX: usize = 10_000;

/// Lives in the instance's store.
pub(crate) struct InstanceState {
    pub(crate) context: Arc<PluginContext>,
    /// None between calls, and while `register` answers.
    pub(crate) active: Option<ActiveCall>,
    pub(crate) limits: StoreLimits,
    pub(crate) clock: RunClock,
    pub(super) wasi: WasiCtx,
    pub(super) table: ResourceTable,
}

/// The call that runs.
pub(crate) struct ActiveCall {
    pub(crate) call: Call,
    pub(crate) recorded: Vec<Write>,
    pub(super) recorded_bytes: usize,
    pub(super) tickets: Tickets,
    pub(super) log_lines: usize,
    /// Recorded writes that reads had to look at.
    overlay_writes: usize,
    /// When the call fails, whatever it is doing.
    pub(super) ends_at: Instant,
}

/// Running time in ticks of the engine's clock. It stands still while the guest waits.
#[derive(Debug, Default)]
pub(crate) struct RunClock {
    pub(crate) ticks: u64,
    /// Set after a wait: the tick that fell into it does not count.
    pub(crate) waited: bool,
}

impl InstanceState {
    pub(crate) fn new(context: Arc<PluginContext>) -> Self {
        let limits = StoreLimitsBuilder::new().memory_size(context.limits.memory_bytes).build();
        let (wasi, mut table) = (wasi::empty_context(&context), ResourceTable::new());
        table.set_max_capacity(RESOURCES_MAX);
        Self { context, active: None, limits, clock: RunClock::default(), wasi, table }
    }

    /// A call begins.
    pub(crate) fn begin(&mut self, call: Call, ends_at: Instant) {
        self.clock = RunClock::default();
        let (recorded, tickets) = (Vec::new(), Tickets::default());
        self.active = Some(ActiveCall { call, recorded, recorded_bytes: 0, tickets, log_lines: 0, overlay_writes: 0, ends_at });
    }

    /// The running call. Outside of one, `register` for instance, nothing can be done.
    pub(super) fn active(&mut self) -> Result<&mut ActiveCall, types::Failure> {
        self.active.as_mut().ok_or_else(|| refusal("invalid", "there is no call in which this could be done"))
    }

    /// Records a write, unless the call has had its share.
    pub(super) fn record(&mut self, write: Write) -> Result<(), types::Failure> {
        let limits = self.context.limits;
        let active = self.active()?;
        if active.recorded.len() >= limits.writes {
            return Err(refusal("limit", format!("a call records at most {} writes (writes_per_call_max)", limits.writes)));
        }
        if active.recorded_bytes + write.len() > limits.write_bytes {
            return Err(refusal(
                "limit",
                format!("a call records at most {} bytes (write_bytes_per_call_max)", limits.write_bytes),
            ));
        }
        active.recorded_bytes += write.len();
        active.recorded.push(write);
        Ok(())
    }

    /// The socket of this id, if this plugin may know it.
    pub(super) fn socket(&mut self, id: &str) -> Result<Arc<Socket>, types::Failure> {
        self.find(id)?.ok_or_else(|| refusal("unknown", format!("there is no socket {id:?}")))
    }

    /// The same for writes, which do nothing if the socket is gone.
    pub(super) fn find(&mut self, id: &str) -> Result<Option<Arc<Socket>>, types::Failure> {
        let active = self.active()?;
        if let Some(own) = active.call.socket.as_ref().filter(|own| own.id().as_str() == id) {
            return Ok(Some(own.clone()));
        }
        let Some(id) = SocketId::parse(id) else { return Ok(None) };
        let Some(found) = self.context.sockets.find(id) else { return Ok(None) };
        self.may_touch(found.namespace().name())?;
        Ok(Some(found))
    }

    /// The sockets that a guest names.
    pub(super) fn target(&mut self, target: types::Target) -> Result<(Target, Flags), types::Failure> {
        let flags = Flags { volatile: target.flags.iter().any(|flag| flag == "volatile") };
        let rooms = Rooms { any: validate::rooms(target.rooms)?, except: validate::rooms(target.except)? };
        let namespace = self.namespace(&target.namespace)?;
        Ok((Target { namespace, rooms }, flags))
    }

    /// What a read of this call sees.
    pub(super) fn overlay(&mut self) -> Result<Overlay<'_>, types::Failure> {
        let active = self.active()?;
        active.overlay_writes += active.recorded.len();
        if active.overlay_writes > OVERLAY_WRITES_MAX {
            return Err(refusal("limit", "too many reads behind too many writes of one call: flush in between"));
        }
        Ok(Overlay { effects: &*active.call.effects, recorded: &active.recorded })
    }

    fn namespace(&mut self, name: &str) -> Result<Arc<Namespace>, types::Failure> {
        let own = self.active()?.call.socket.as_ref().map(|socket| socket.namespace());
        if let Some(own) = own.filter(|own| own.name() == name) {
            return Ok(own.clone());
        }
        self.may_touch(name)?;
        let existing =
            if self.serves(name) { Some(self.context.sockets.namespace(name)) } else { self.context.sockets.existing(name) };
        existing.ok_or_else(|| refusal("unknown", format!("there is no namespace {name:?}")))
    }

    fn may_touch(&self, namespace: &str) -> Result<(), types::Failure> {
        if self.serves(namespace) || self.has(capability::NAMESPACES) {
            return Ok(());
        }
        let message = format!("{namespace:?} is not served by this plugin; that needs the capability \"namespaces\"");
        Err(refusal("denied", message))
    }

    fn serves(&self, namespace: &str) -> bool {
        self.context.namespaces.iter().any(|served| **served == *namespace)
    }

    /// Refuses what needs a capability that the plugin did not ask for. (One that was not granted is refused at load.)
    pub(super) fn need(&self, capability: &str) -> Result<(), types::Failure> {
        if self.has(capability) {
            return Ok(());
        }
        Err(refusal("denied", format!("that needs the capability {capability:?}, and the registration does not ask for it")))
    }

    pub(super) fn has(&self, capability: &str) -> bool {
        self.context.capabilities.iter().any(|granted| granted == capability)
    }
}

/// The flags of a target that mean something here. `local` is all there is on one node.
pub(super) struct Flags {
    pub(super) volatile: bool,
}

impl ActiveCall {
    /// Sends what was recorded. From here on it is beyond recall.
    pub(super) fn flush(&mut self) {
        (self.recorded_bytes, self.overlay_writes) = (0, 0);
        self.call.effects.apply(&mut self.recorded);
        self.call.effects.release();
    }
}
