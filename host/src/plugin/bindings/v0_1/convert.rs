//! Conversions between the types that every interface of this version uses and the host's own.

use innkeeper_contract::Refusal;

use super::generated::innkeeper::plugin::types;
use crate::packet::Payload;
use crate::plugin::contract::ExportResult;
use crate::plugin::failure::Failure;
use crate::plugin::host::{GuestTarget, InstanceState};

impl types::Host for InstanceState {}

impl From<types::PayloadResult> for Payload {
    fn from(payload: types::PayloadResult) -> Self {
        Self { args: payload.args, attachments: payload.attachments }
    }
}

impl From<Payload> for types::PayloadResult {
    fn from(payload: Payload) -> Self {
        Self { args: payload.args, attachments: payload.attachments }
    }
}

impl From<types::Target> for GuestTarget {
    fn from(target: types::Target) -> Self {
        Self { namespace: target.namespace, rooms: target.rooms, except: target.except, flags: target.flags }
    }
}

impl InstanceState {
    /// What the guest gets of a refusal; one for a limit is counted. The only way from one to the other.
    pub(super) fn refused(&self, refusal: Refusal) -> types::Failure {
        self.count_refusal(&refusal);
        types::Failure { code: refusal.code.into(), message: refusal.message.into_owned(), data: None }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        Self { code: failure.code, message: failure.message, data: failure.data }
    }
}

impl From<types::Outcome> for ExportResult {
    fn from(outcome: types::Outcome) -> Self {
        match outcome {
            types::Outcome::Done(reply) => Self::Done(reply.map(Into::into)),
            types::Outcome::Failed(failure) => Self::Failed(failure.into()),
            types::Outcome::Waiting => Self::Waiting,
        }
    }
}

impl From<types::Verdict> for ExportResult {
    fn from(verdict: types::Verdict) -> Self {
        match verdict {
            types::Verdict::Pass => Self::Done(None),
            types::Verdict::Rewrite(types::Rewrite { name, payload }) => Self::Rewritten { name, payload: payload.into() },
            types::Verdict::Reject(failure) => Self::Rejected(failure.into()),
            types::Verdict::Failed(failure) => Self::Failed(failure.into()),
            types::Verdict::Waiting => Self::Waiting,
        }
    }
}
