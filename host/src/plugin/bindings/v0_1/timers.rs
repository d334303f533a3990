//! The interface `timers`.

use innkeeper_contract::options::KEEP;

use super::generated::innkeeper::plugin::timers::{Host, Setting};
use super::generated::innkeeper::plugin::types::Failure;
use crate::plugin::host::{InstanceState, TimerSetting};

impl Host for InstanceState {
    fn set(&mut self, setting: Setting) -> Result<(), Failure> {
        let Setting { name, key, socket, delay_ms, every_ms, data, options } = setting;
        let keep = options.iter().any(|option| option == KEEP);
        Ok(self.set_timer(TimerSetting { name, key, socket, delay_ms, every_ms, data, keep })?)
    }

    fn clear(&mut self, name: String, key: Option<String>, socket: Option<String>) -> Result<(), Failure> {
        Ok(self.clear_timer(name, key, socket.as_deref())?)
    }

    fn ask_sleep(&mut self, delay_ms: u64) -> Result<u64, Failure> {
        Ok(Self::ask_sleep(self, delay_ms)?)
    }
}
