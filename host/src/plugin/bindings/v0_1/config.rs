//! The interface `config`.

use super::generated::innkeeper::plugin::config::Host;
use crate::plugin::host::InstanceState;

impl Host for InstanceState {
    fn all(&mut self) -> String {
        self.configuration()
    }
}
