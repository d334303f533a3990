//! `timers`: setting and clearing are writes; sleeping is a question.

use std::time::Duration;

use super::InstanceState;
use super::ticket::Ticket;
use crate::effect::{Timer, Write};
use crate::plugin::bindings::v0_1::timers::{Host, Setting};
use crate::plugin::bindings::v0_1::types::Failure;
use crate::plugin::validate::refusal;

const NAME_BYTES_MAX: usize = 256;
const DATA_BYTES_MAX: usize = 64 << 10;
/// Longer than any host runs.
const DELAY_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Host for InstanceState {
    fn set(&mut self, setting: Setting) -> Result<(), Failure> {
        if !self.context.has_timer_hook {
            return Err(refusal("invalid", "a plugin that sets timers registers the hook `timer`"));
        }
        if setting.name.len() > NAME_BYTES_MAX || setting.data.len() > DATA_BYTES_MAX {
            let message = format!("a timer's name has at most {NAME_BYTES_MAX} bytes, its data {DATA_BYTES_MAX}");
            return Err(refusal("limit", message));
        }
        let socket = match setting.socket {
            None => None,
            Some(id) => match self.find(&id)? {
                Some(socket) => Some(socket),
                None => return Ok(()),
            },
        };
        let duration = |ms: u64| Duration::from_millis(ms).min(DELAY_MAX);
        let timer = Timer {
            name: setting.name.into(),
            socket,
            delay: duration(setting.delay_ms),
            every: setting.every_ms.map(duration),
            data: setting.data.into(),
        };
        let timers = self.context.timers.clone();
        self.record(Write::SetTimer { timers, timer })
    }

    fn clear(&mut self, name: String, socket: Option<String>) -> Result<(), Failure> {
        let socket = match socket {
            None => None,
            Some(id) => match self.find(&id)? {
                Some(socket) => Some(socket),
                None => return Ok(()),
            },
        };
        let timers = self.context.timers.clone();
        self.record(Write::ClearTimer { timers, name: name.into(), socket })
    }

    fn ask_sleep(&mut self, delay_ms: u64) -> Result<u64, Failure> {
        let active = self.active()?;
        active.tickets.check_count()?;
        active.flush();
        Ok(active.tickets.add(Ticket::sleep(Duration::from_millis(delay_ms))))
    }
}
