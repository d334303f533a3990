//! Awaiting the end of a call that is with an instance in `shared` mode.

use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::mailbox::Mailbox;
use crate::adapter::Socket;
use crate::limit_hits::LimitHit;
use crate::plugin::call::{CallOutcome, Export};
use crate::plugin::failure::Failure;
use crate::plugin::host::{CallTimeExceeded, GenerationContext};
use crate::plugin::open_call::{EndOfCall, GivenUp, OpenCall};
use crate::plugin::report;

/// The call, as long as somebody awaits its end. Dropping it gives the call up.
struct Awaited<'a> {
    home: Arc<OpenCall>,
    mailbox: &'a Mailbox,
}

impl Awaited<'_> {
    fn give_up(&self) -> GivenUp {
        let given_up = self.home.give_up();
        if let GivenUp::Begun(id) = given_up {
            self.mailbox.give_up(id);
        }
        given_up
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.give_up();
    }
}

/// What became of the call. At `ends_at` it fails, alone: its instance goes on.
pub(super) async fn await_end(
    context: &GenerationContext,
    mailbox: &Mailbox,
    home: Arc<OpenCall>,
    export: &Export,
    socket: Option<&Socket>,
    ends_at: Instant,
) -> EndOfCall {
    let awaited = Awaited { home, mailbox };
    if let Ok(ending) = timeout_at(ends_at, awaited.home.ended()).await {
        return ending;
    }
    EndOfCall::Ended(match awaited.give_up() {
        GivenUp::Ended(outcome) => outcome,
        GivenUp::Queued => report::saturated(context, LimitHit::CallTime, export, socket),
        GivenUp::Begun(_) | GivenUp::Over => {
            let (kind, cause) = report::cause(context, CallTimeExceeded.into());
            report::failed(context, export, socket, || cause.to_string());
            CallOutcome::Failed { failure: Failure::neutral(), kind }
        }
    })
}
