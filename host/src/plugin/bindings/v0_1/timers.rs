//! The interface `timers`.

use innkeeper_contract::options::KEEP;

use super::generated::innkeeper::plugin::timers::{Host, Setting};
use super::generated::innkeeper::plugin::types::Failure;
use crate::plugin::host::{InstanceState, TimerSetting};

impl Host for InstanceState {
    fn set(&mut self, setting: Setting) -> Result<(), Failure> {
        let Setting { name, key, socket, delay_ms, every_ms, data, options } = setting;
        let keep = options.iter().any(|option| option == KEEP);
        self.set_timer(TimerSetting { name, key, socket, delay_ms, every_ms, data, keep })
            .map_err(|refusal| self.refused(refusal))
    }

    fn clear(&mut self, name: String, key: Option<String>, socket: Option<String>) -> Result<(), Failure> {
        self.clear_timer(name, key, socket.as_deref()).map_err(|refusal| self.refused(refusal))
    }

    fn ask_sleep(&mut self, delay_ms: u64) -> Result<u64, Failure> {
        Self::ask_sleep(self, delay_ms).map_err(|refusal| self.refused(refusal))
    }
}
