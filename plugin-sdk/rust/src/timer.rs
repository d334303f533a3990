//! Timers that are due.

use crate::error::{Error, Result};
use crate::socket::Socket;
use serde::de::DeserializeOwned;

/// A timer that is due, as the function given to [`Plugin::timer`](crate::Plugin::timer) gets it.
#[derive(Debug, Clone)]
pub struct Timer {
    name: String,
    key: Option<String>,
    socket: Option<Socket>,
    data: String,
}

impl Timer {
    pub(crate) fn new(name: String, key: Option<String>, socket: Option<Socket>, data: String) -> Self {
        Self { name, key, socket, data }
    }

    /// The name of the timer.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was given to [`TimerSetting::key`](crate::TimerSetting::key).
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The socket that it belongs to, if it was set with [`Socket::timer`]. It runs in the order of that socket's events.
    pub fn socket(&self) -> Option<&Socket> {
        self.socket.as_ref()
    }

    /// What was given to [`TimerSetting::data`](crate::TimerSetting::data).
    ///
    /// # Errors
    /// If the data is of another type.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.data).map_err(|error| Error::internal(format!("timer {:?}: data: {error}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::Timer;

    #[test]
    fn data_of_another_type_is_named() {
        let due = Timer::new("tick".into(), None, None, "[1,2]".into());
        assert_eq!(due.data::<Vec<i32>>().unwrap(), [1, 2]);
        assert!(due.data::<String>().unwrap_err().message().starts_with("timer \"tick\": data: "));
    }
}
