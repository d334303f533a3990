//! The interface `log`.

use super::generated::innkeeper::plugin::log::Host;
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn write(&mut self, level: String, message: String, fields: Vec<(String, String)>) {
        self.write_log(&level, &message, &fields);
    }
}
