//! Timers to set: what a program does with `setTimeout` and `setInterval`. The host keeps them, since the memory of a plugin is a cache.

use crate::error::{Error, Result};
use crate::host::{Setting, host};
use innkeeper_contract::options;
use serde::Serialize;
use std::time::Duration;

/// A timer of the plugin itself, to be set or cleared. It is called without a socket; [`Socket::timer`](crate::Socket::timer) makes one
/// that belongs to a socket.
///
/// Unlike `setTimeout`, setting the same name again **replaces** the timer that is set: several of one name need a
/// [`key`](TimerSetting::key) each.
///
/// ```no_run
/// use innkeeper_plugin::{Plugin, Result, Timer, io, timer};
/// use std::time::Duration;
///
/// fn plugin() -> Plugin {
///     Plugin::new()
///         .start(|| timer("tick").after(Duration::from_secs(1)).every(Duration::from_secs(60)).set())
///         .timer("tick", |_: &Timer| io().emit("tick", ()))
/// }
/// ```
pub fn timer(name: impl Into<String>) -> TimerSetting {
    TimerSetting::new(name.into(), None)
}

/// A timer to set. The same name and key, for the same socket, is the same timer: setting it again replaces it, and what the first one
/// was to do is not done.
#[derive(Debug, Clone)]
#[must_use = "a timer is set by `set`"]
pub struct TimerSetting {
    setting: Setting,
}

impl TimerSetting {
    pub(crate) fn new(name: String, socket: Option<String>) -> Self {
        // What was not given reads as JSON's null.
        Self {
            setting: Setting {
                name,
                key: None,
                socket,
                delay_ms: 0,
                every_ms: None,
                data: "null".to_owned(),
                options: Vec::new(),
            },
        }
    }

    /// Distinguishes timers of one name: with a key each, they all run. Without a key, the timer is the one of its name that has none, and
    /// replaces it.
    ///
    /// An ack that is to be answered later is one timer for each ack, so its token is the key:
    ///
    /// ```
    /// use innkeeper_plugin::{Ack, Plugin, Result, Socket, Timer};
    /// use std::time::Duration;
    ///
    /// fn plugin() -> Plugin {
    ///     Plugin::new().on("later", later).timer("answer", answer)
    /// }
    ///
    /// fn later(socket: &Socket, ack: Ack) -> Result<()> {
    ///     socket.timer("answer").key(ack.token()).after(Duration::from_secs(1)).data(&ack.token())?.set()
    /// }
    ///
    /// fn answer(timer: &Timer) -> Result<()> {
    ///     Ack::from_token(&timer.data::<String>()?)?.reply("now")
    /// }
    /// # let host = innkeeper_plugin::testing::Host::new(plugin);
    /// # let client = host.socket("/").connect().unwrap();
    /// # let acks = [client.emit_for_ack("later", ()), client.emit_for_ack("later", ())];
    /// # host.advance(Duration::from_secs(1));
    /// # assert!(acks.iter().all(|ack| ack.value::<String>() == "now"));
    /// ```
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.setting.key = Some(key.into());
        self
    }

    /// When the timer first runs; at once if this is left out.
    pub fn after(mut self, delay: Duration) -> Self {
        self.setting.delay_ms = millis(delay);
        self
    }

    /// Repeats the timer. A late timer runs once, not as often as it was missed.
    pub fn every(mut self, interval: Duration) -> Self {
        self.setting.every_ms = Some(millis(interval));
        self
    }

    /// Leaves the timer that this one would replace alone, if there is one that repeats as often. For timers that are set at the start
    /// of each generation, and are to go on through a reload as they were.
    pub fn keep(mut self) -> Self {
        self.setting.options = vec![options::KEEP.to_owned()];
        self
    }

    /// What [`Timer::data`](crate::Timer::data) returns when the timer runs.
    ///
    /// # Errors
    /// If the data cannot be written as JSON.
    pub fn data<T: Serialize>(mut self, data: &T) -> Result<Self> {
        let name = &self.setting.name;
        self.setting.data = serde_json::to_string(data).map_err(|why| Error::internal(format!("timer {name:?}: {why}")))?;
        Ok(self)
    }

    /// Sets the timer: a write, done when the handler ends well.
    ///
    /// # Errors
    /// If the plugin has no function for timers, the name, the key or the data is too long, or the call has recorded as many
    /// writes as it may.
    pub fn set(self) -> Result<()> {
        host().set_timer(&self.setting)
    }

    /// Clears the timer: a write, which does nothing if there is no such timer.
    ///
    /// # Errors
    /// If the call has recorded as many writes as it may.
    pub fn clear(self) -> Result<()> {
        host().clear_timer(&self.setting.name, self.setting.key.as_deref(), self.setting.socket.as_deref())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::timer;
    use std::time::Duration;

    #[test]
    fn a_setting_is_what_was_given() {
        let setting = timer("tick").after(Duration::from_secs(1)).every(Duration::from_millis(5)).data(&[1, 2]).unwrap().setting;
        assert_eq!((&*setting.name, setting.delay_ms, setting.every_ms, &*setting.data), ("tick", 1000, Some(5), "[1,2]"));
    }
}
