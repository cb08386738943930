//! What a handler is given: its task, its lease, and the one way to write.

use super::engine::Engine;
use super::handler::later;
use super::lease::Guard;
use crate::Result;
use crate::base::effect::EffectKey;
use crate::base::risk::Risk;
use crate::base::time::Time;
use crate::port::store::{Commit, Fence, NewEvent};
use crate::task::Task;
use crate::task::evidence::Refused;
use crate::task::lifecycle::Lease;
use serde_json::json;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// One attempt at one task.
pub struct Context {
    pub(crate) engine: Arc<Engine>,
    pub(crate) guard: Guard,
    pub(crate) risk: Risk,
    task: Task,
    claimed: Instant,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("lease", self.lease()).finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) const fn new(engine: Arc<Engine>, guard: Guard, risk: Risk, task: Task, claimed: Instant) -> Self {
        Self { engine, guard, risk, task, claimed }
    }

    /// The task, as it was claimed.
    #[must_use]
    pub const fn task(&self) -> &Task {
        &self.task
    }

    /// The lease of this attempt.
    #[must_use]
    pub const fn lease(&self) -> &Lease {
        self.guard.lease()
    }

    /// The idempotency key of one outward step of this task: the same in every attempt.
    #[must_use]
    pub fn key(&self, step: &str) -> EffectKey {
        EffectKey::of_step(self.task.id(), step, self.task.spec.task_type.as_str())
    }

    /// The present moment on the store's clock: the claim's time plus what passed since.
    #[must_use]
    pub fn now(&self) -> Time {
        later(self.task.life.started_at.unwrap_or(self.task.created_at), self.claimed.elapsed())
    }

    /// Is the lease still to be trusted? Call before an outside act of your own.
    ///
    /// # Errors
    /// [`crate::Error::LeaseLost`]: stop, and do nothing outside.
    pub fn check_lease(&self) -> Result<()> {
        self.guard.check()
    }

    /// Writes a line to the task's log.
    ///
    /// # Errors
    /// Those of the store; [`crate::Error::LeaseLost`] when the task has passed on.
    pub async fn log(&self, message: impl Into<String>) -> Result<()> {
        self.event(NewEvent::new("log", self.lease().worker.as_str(), message)).await
    }

    pub(crate) async fn event(&self, event: NewEvent) -> Result<()> {
        self.write(|commit| commit.events.push(event)).await
    }

    /// A commit under this lease.
    pub(crate) fn commit(&self) -> Commit {
        Commit::new(Fence::Lease(self.lease().clone()), self.lease().worker.as_str())
    }

    /// Writes one commit under this lease; the task stays in progress.
    pub(crate) async fn write(&self, fill: impl FnOnce(&mut Commit) + Send) -> Result<()> {
        let mut commit = self.commit();
        fill(&mut commit);
        self.guard.check()?;
        self.engine.commit(commit).await
    }

    pub(crate) async fn record_refusal(&self, refused: &Refused) -> Result<()> {
        let event = NewEvent::new("evidence_refused", self.hearing().verifier, refused.to_string());
        self.event(event.with(json!({ "reasons": refused.reasons }))).await
    }
}
