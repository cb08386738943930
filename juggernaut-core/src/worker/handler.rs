//! What carries out a task's work: the typed trait for embedders, and the erased one the engine calls.

use super::context::Context;
use crate::base::time::Time;
use crate::task::TaskType;
use crate::task::evidence::{Demand, Facts, Hearing, NamedCheck, Refused, Verified, judge};
use crate::{Error, Result};
use async_trait::async_trait;
use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Why a handler did not get to the end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Trying again may help: counts as a failure, and comes back after the backoff.
    #[error("{0}")]
    Retry(String),
    /// Trying again cannot help: the task fails.
    #[error("{0}")]
    Fatal(String),
    /// Something outside is not to be had now: comes back later, and no attempt is burnt.
    #[error("{reason}")]
    Park {
        /// How long to wait.
        wait: std::time::Duration,
        /// What for.
        reason: String,
    },
}

/// What an embedder's verifier read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// Named checks and what was seen. All must hold, and there must be at least one.
    Checks(Vec<NamedCheck>),
    /// This type needs no outside proof, for this reason. It is recorded with the completion.
    NotDemanded(String),
}

/// An embedder's own kind of task.
///
/// `run` does the work and says where its proof is; `verify` is called afterwards and must read that proof itself.
/// The task completes only if what `verify` read passes [`crate::task::evidence::judge`].
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The task's payload. Its JSON schema is offered to whoever enqueues.
    type Payload: DeserializeOwned + JsonSchema + Send + Sync;
    /// Where the proof is: an id, a path, a number.
    type Proof: Send + Sync;

    /// The type of task it handles.
    fn task_type(&self) -> TaskType;

    /// Does the work. Called again after a failure or a crash: use [`Context::key`] to make outside acts idempotent.
    ///
    /// # Errors
    /// A [`Failure`] that says what to do next.
    async fn run(&self, context: &Context, payload: &Self::Payload) -> Result<Self::Proof, Failure>;

    /// Reads the proof.
    ///
    /// # Errors
    /// A [`Failure`] when the proof cannot be read now. A proof that does not hold is a failed check, not an error.
    async fn verify(&self, payload: &Self::Payload, proof: Self::Proof) -> Result<Reading, Failure>;
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With proof that was read and holds.
    Verified(Box<Verified>),
    /// Without. `retry` says whether another attempt may help.
    Failed {
        /// What went wrong.
        error: String,
        /// May another attempt help?
        retry: bool,
    },
    /// Its change waits to be merged.
    AwaitMerge {
        /// How long until the next look.
        wait: TimeDelta,
        /// What it waits for.
        reason: String,
    },
    /// Something outside is not to be had.
    Parked {
        /// How long to wait.
        wait: TimeDelta,
        /// What for.
        reason: String,
    },
}

/// A handler as the engine sees it.
#[async_trait]
pub(crate) trait Work: Send + Sync {
    fn task_type(&self) -> TaskType;
    fn payload_schema(&self) -> Option<Value> {
        None
    }
    fn check_payload(&self, _payload: &Value) -> Result<()> {
        Ok(())
    }
    async fn attempt(&self, context: &Context) -> Result<Ending>;
}

/// Every handler of an engine, by type.
pub(crate) type Registry = BTreeMap<TaskType, Arc<dyn Work>>;

/// Makes the engine's view of a typed handler.
pub(crate) struct Typed<H>(pub(crate) H);

impl<H: Handler> Typed<H> {
    fn read(&self, payload: &Value) -> Result<H::Payload> {
        serde_json::from_value(payload.clone())
            .map_err(|e| Error::invalid(format!("the payload does not fit task type {}: {e}", self.0.task_type())))
    }
}

#[async_trait]
impl<H: Handler> Work for Typed<H> {
    fn task_type(&self) -> TaskType {
        self.0.task_type()
    }

    fn payload_schema(&self) -> Option<Value> {
        Some(schemars::schema_for!(H::Payload).to_value())
    }

    fn check_payload(&self, payload: &Value) -> Result<()> {
        self.read(payload).map(drop)
    }

    async fn attempt(&self, context: &Context) -> Result<Ending> {
        let payload = self.read(&context.task().spec.payload)?;
        let reading = match self.0.run(context, &payload).await {
            Ok(proof) => self.0.verify(&payload, proof).await,
            Err(failure) => Err(failure),
        };
        let (demand, facts) = match reading {
            Ok(Reading::Checks(checks)) => (Demand::NamedChecks, Facts::NamedChecks { checks }),
            Ok(Reading::NotDemanded(reason)) => (Demand::NotDemanded { reason }, Facts::Nothing),
            Err(failure) => return Ok(failure.into()),
        };
        Ok(match judge(&demand, facts, context.hearing(), context.now()) {
            Ok(verified) => Ending::Verified(Box::new(verified)),
            Err(refused) => context.refused(&refused).await?,
        })
    }
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Retry(error) => Self::Failed { error, retry: true },
            Failure::Fatal(error) => Self::Failed { error, retry: false },
            Failure::Park { wait, reason } => {
                Self::Parked { wait: TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX), reason }
            }
        }
    }
}

/// What an error of a port means for the attempt that met it. `None` for a lost lease: then nothing may be written.
pub(crate) fn ending_of(error: Error) -> Option<Ending> {
    const DENIED_WAIT: TimeDelta = TimeDelta::minutes(5);
    const TRANSIENT_WAIT: TimeDelta = TimeDelta::seconds(30);
    Some(match error {
        Error::LeaseLost { .. } => return None,
        Error::Transient { reason, retry_after, .. } => {
            let asked = retry_after.and_then(|d| TimeDelta::from_std(d).ok());
            Ending::Parked { wait: asked.unwrap_or(TRANSIENT_WAIT), reason }
        }
        // A person must act (a key, credit, a protection rule); the work goes on when they did.
        Error::Denied { reason } => Ending::Parked { wait: DENIED_WAIT, reason },
        Error::Invalid { reason } => Ending::Failed { error: reason, retry: false },
        Error::NotFound { what } => Ending::Failed { error: format!("{what} not found"), retry: false },
        Error::Conflict { reason } => Ending::Failed { error: reason, retry: true },
        Error::OutcomeUnknown { reason, .. } => {
            Ending::Failed { error: format!("outcome unknown: {reason}"), retry: true }
        }
    })
}

impl Context {
    /// Who executed, who verifies, for which attempt.
    pub(crate) fn hearing(&self) -> Hearing {
        Hearing {
            attempt: self.lease().attempt,
            executor: self.lease().worker.clone(),
            verifier: format!("verifier:{}", self.task().spec.task_type),
        }
    }

    /// Records a refused proof; the attempt fails and may be tried again.
    pub(crate) async fn refused(&self, refused: &Refused) -> Result<Ending> {
        self.record_refusal(refused).await?;
        Ok(Ending::Failed { error: refused.to_string(), retry: true })
    }
}

/// The moment `elapsed` after the store's clock said `then`: the store's time without asking it again.
pub(crate) fn later(then: Time, elapsed: std::time::Duration) -> Time {
    TimeDelta::from_std(elapsed).ok().and_then(|d| then.checked_add_signed(d)).unwrap_or(then)
}
