//! What a test writes over in the bytes of the component: the number of the version, and its plan.

use std::hint::black_box;

use innkeeper_plugin::{Error, Result, now_ms};
use serde::Deserialize;

/// `@@version:` and four digits.
static VERSION: [u8; 14] = *b"@@version:0000";

/// `@@plan:` and a JSON object, padded with spaces.
static PLAN: [u8; 128] = *b"@@plan:{}                                                                                                                       ";

/// What this version does otherwise than others.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Plan {
    /// It serves this namespace, too.
    pub(crate) namespace: Option<String>,
    /// It does not serve `/`.
    pub(crate) without_main: bool,
    /// It does not serve `/side`.
    pub(crate) without_side: bool,
    /// It has a handler for this event, too.
    pub(crate) event: Option<String>,
    pub(crate) no_middleware: bool,
    /// It requests this capability, too.
    pub(crate) capability: Option<String>,
    /// Of so many `work` events in one instance, one traps.
    pub(crate) trap: u32,
    /// One of so many is refused.
    pub(crate) refuse: u32,
    /// A new instance meets the sockets by itself.
    pub(crate) eager: bool,
    /// A rollback from it takes its state along.
    pub(crate) keep: bool,
    /// So many milliseconds `connection` waits at its end.
    pub(crate) nap: u64,
    /// For so many milliseconds each `work` event computes.
    pub(crate) slow: u64,
    pub(crate) register: Act,
    pub(crate) start: Act,
    pub(crate) snapshot: Act,
    pub(crate) restore: Act,
}

/// What an export does.
#[derive(Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Act {
    #[default]
    Well,
    Fail,
    Trap,
    /// It never returns.
    Endless,
    /// It takes a while.
    Slow,
    /// Where something is returned, it is too large.
    Large,
}

impl Act {
    pub(crate) fn follow(self) -> Result<()> {
        match self {
            Self::Well | Self::Large => Ok(()),
            Self::Slow => {
                compute(300);
                Ok(())
            }
            Self::Fail => Err(Error::new("as planned")),
            Self::Trap => trap(),
            Self::Endless => loop {
                black_box(());
            },
        }
    }
}

/// The number of this version. (The constants are read so that the compiler cannot know them.)
pub(crate) fn version() -> u32 {
    let digits = black_box(&VERSION).iter().skip(b"@@version:".len());
    digits.fold(0, |number, digit| number * 10 + u32::from(digit.saturating_sub(b'0')))
}

/// The plan of this version.
pub(crate) fn plan() -> Result<Plan> {
    let text = black_box(&PLAN).get(b"@@plan:".len()..).unwrap_or_default();
    Ok(serde_json::from_slice(text)?)
}

/// Computes for so long.
pub(crate) fn compute(milliseconds: u64) {
    let end = now_ms() + milliseconds;
    while now_ms() < end {}
}

#[expect(clippy::panic, reason = "the host shall see a trap")]
pub(crate) fn trap() -> ! {
    panic!("as planned")
}
