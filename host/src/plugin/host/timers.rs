//! `timers`: setting and clearing are writes; sleeping is a question.

use std::time::Duration;

use innkeeper_contract::limits::{TIMER_DATA_BYTES_MAX, TIMER_DELAY_MAX, TIMER_NAME_BYTES_MAX};
use innkeeper_contract::{Refusal, refusals};

use super::state::InstanceState;
use super::ticket::Ticket;
use crate::adapter::TimerId;
use crate::effect::{Timer, TimerChange, Write};
use crate::fixed_limits::{TIMER_BYTES_MAX, TIMERS_MAX};
use crate::plugin::timer_table::cost;

/// A timer to set, as a guest describes it.
pub(crate) struct TimerSetting {
    pub(crate) name: String,
    pub(crate) key: Option<String>,
    pub(crate) socket: Option<String>,
    pub(crate) delay_ms: u64,
    pub(crate) every_ms: Option<u64>,
    pub(crate) data: String,
    /// Whether an equal timer that is set already is left alone.
    pub(crate) keep: bool,
}

impl InstanceState {
    /// Sets a timer.
    pub(crate) fn set_timer(&mut self, setting: TimerSetting) -> Result<(), Refusal> {
        if !self.context.has_timer_hook {
            return Err(refusals::no_timer_hook());
        }
        let key_bytes = setting.key.as_ref().map_or(0, String::len);
        if setting.name.len().max(key_bytes) > TIMER_NAME_BYTES_MAX || setting.data.len() > TIMER_DATA_BYTES_MAX {
            return Err(refusals::timer_bytes());
        }
        let Some(socket) = self.find_optional(setting.socket.as_deref())? else { return Ok(()) };
        let timer = Timer {
            id: timer_id(setting.name, setting.key),
            socket,
            delay: duration(setting.delay_ms),
            every: setting.every_ms.map(duration),
            data: setting.data.into(),
            keep: setting.keep,
        };
        let timers = self.context.plugin.timers.clone();
        let recorded = &mut self.active()?.recorded_timers;
        let more = (recorded.0 + 1, recorded.1 + cost(&timer.id, &timer.data));
        if let Some(limit) = timers.exceeded_by(more.0, more.1) {
            return Err(refusals::timers(limit.label(), TIMERS_MAX, TIMER_BYTES_MAX));
        }
        self.active()?.recorded_timers = more;
        self.record(Write::Timer { timers, change: TimerChange::Set(timer) })
    }

    /// Ends a timer, or does nothing if there is none.
    pub(crate) fn clear_timer(&mut self, name: String, key: Option<String>, socket: Option<&str>) -> Result<(), Refusal> {
        let Some(socket) = self.find_optional(socket)? else { return Ok(()) };
        let timers = self.context.plugin.timers.clone();
        let change = TimerChange::Clear { id: timer_id(name, key), socket };
        self.record(Write::Timer { timers, change })
    }

    /// A question that is answered after so many milliseconds.
    pub(crate) fn ask_sleep(&mut self, delay_ms: u64) -> Result<u64, Refusal> {
        let active = self.begin_question()?;
        Ok(active.tickets.add(Ticket::sleep(Duration::from_millis(delay_ms))))
    }
}

/// A delay or an interval. One that is longer than a host runs is cut, because a point in time so far away has no number.
fn duration(ms: u64) -> Duration {
    Duration::from_millis(ms).min(TIMER_DELAY_MAX)
}

fn timer_id(name: String, key: Option<String>) -> TimerId {
    TimerId { name: name.into(), key: key.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use innkeeper_contract::limits::TIMER_DELAY_MAX;

    use super::duration;

    #[test]
    fn a_delay_is_cut_and_not_refused() {
        let longest = u64::try_from(TIMER_DELAY_MAX.as_millis()).unwrap();
        for (ms, expected) in [(7, Duration::from_millis(7)), (longest, TIMER_DELAY_MAX), (longest + 1, TIMER_DELAY_MAX)] {
            assert_eq!(duration(ms), expected);
        }
        assert_eq!(duration(u64::MAX), TIMER_DELAY_MAX);
    }
}
