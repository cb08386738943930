//! The task's state machine: every state, every event, and which pairs are steps.
//!
//! [`apply`] is the only place that makes a [`Transition`], and a store writes a task's state only from one. So no
//! code path can complete a task without a [`Verified`] value, or move a finished one without an explicit re-open.

use super::evidence::Verified;
use crate::base::id::{TaskId, WorkerId};
use crate::base::time::Time;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a task stands, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits to be claimed, from `run_at` on.
    Pending,
    /// Leased to a worker.
    InProgress,
    /// Waits for a person.
    WaitingApproval,
    /// Its change is proposed and cannot be merged yet; looked at again from `run_at` on.
    AwaitingPrMerge,
    /// Done, with verified evidence.
    Completed,
    /// Ended without success: rejected, or failed in a way that trying again cannot mend.
    Failed,
    /// Called off.
    Cancelled,
    /// Failed as often as it may; waits for a person to replay or drop it.
    DeadLetter,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::InProgress,
        Self::WaitingApproval,
        Self::AwaitingPrMerge,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::DeadLetter,
    ];
    /// The state's name, as stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in_progress",
            Self::WaitingApproval => "waiting_approval",
            Self::AwaitingPrMerge => "awaiting_pr_merge",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::DeadLetter => "dead_letter",
        }
    }
    /// The state with that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
    /// Is this an end, left only by an explicit re-open or retry?
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::DeadLetter)
    }
    /// May a worker claim a task in this state, once its `run_at` has come?
    #[must_use]
    pub const fn is_claimable(self) -> bool {
        matches!(self, Self::Pending | Self::AwaitingPrMerge)
    }
}

/// Where a task stands, as people see it: the stored states and `blocked`, which is derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of `State`, plus `Blocked`: pending with an unmet dependency")]
pub enum Status {
    Pending,
    InProgress,
    WaitingApproval,
    AwaitingPrMerge,
    Blocked,
    Completed,
    Failed,
    Cancelled,
    DeadLetter,
}

impl Status {
    /// Every status, in the order people read them.
    pub const ALL: [Self; 9] = [
        Self::Pending,
        Self::InProgress,
        Self::WaitingApproval,
        Self::AwaitingPrMerge,
        Self::Blocked,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::DeadLetter,
    ];
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => State::Pending.as_str(),
            Self::InProgress => State::InProgress.as_str(),
            Self::WaitingApproval => State::WaitingApproval.as_str(),
            Self::AwaitingPrMerge => State::AwaitingPrMerge.as_str(),
            Self::Blocked => "blocked",
            Self::Completed => State::Completed.as_str(),
            Self::Failed => State::Failed.as_str(),
            Self::Cancelled => State::Cancelled.as_str(),
            Self::DeadLetter => State::DeadLetter.as_str(),
        }
    }
}

impl From<State> for Status {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::InProgress => Self::InProgress,
            State::WaitingApproval => Self::WaitingApproval,
            State::AwaitingPrMerge => Self::AwaitingPrMerge,
            State::Completed => Self::Completed,
            State::Failed => Self::Failed,
            State::Cancelled => Self::Cancelled,
            State::DeadLetter => Self::DeadLetter,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The right to write to one task during one attempt, until it expires on the store's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The task.
    pub task: TaskId,
    /// The attempt: it grows with every claim, so an old lease never fits again.
    pub attempt: u32,
    /// Who holds it.
    pub worker: WorkerId,
    /// When it ends unless renewed, on the store's clock.
    pub expires_at: Time,
}

/// The part of a task that the machine moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// The state.
    pub state: State,
    /// Grows by one with every transition; operators' writes are conditional on it.
    pub revision: u64,
    /// Claims so far; the fencing token of the present lease.
    pub attempt: u32,
    /// Failures so far, crashes included. Waiting for people, merges or providers burns none.
    pub failures: u32,
    /// Failures allowed.
    pub max_attempts: u32,
    /// Not claimable before this moment.
    pub run_at: Time,
    /// The present lease, while in progress.
    pub lease: Option<Lease>,
    /// The worker of the present or last attempt.
    pub worker: Option<WorkerId>,
    /// When the present or last attempt began.
    pub started_at: Option<Time>,
    /// When it came to its end.
    pub completed_at: Option<Time>,
    /// Why it failed, waits or was called off; the newest reason.
    pub error: Option<String>,
}

impl Life {
    /// A new task's life.
    #[must_use]
    pub const fn new(run_at: Time, max_attempts: u32) -> Self {
        Self {
            state: State::Pending,
            revision: 0,
            attempt: 0,
            failures: 0,
            max_attempts,
            run_at,
            lease: None,
            worker: None,
            started_at: None,
            completed_at: None,
            error: None,
        }
    }
}

/// Everything that can happen to a task.
#[derive(Debug, Clone)]
pub enum Event {
    /// A worker took it.
    Claimed {
        /// The task (for the lease).
        task: TaskId,
        /// Who.
        worker: WorkerId,
        /// Until when, unless renewed.
        until: Time,
    },
    /// A verifier read the proof.
    Completed(Box<Verified>),
    /// The attempt failed.
    Failed {
        /// What went wrong.
        error: String,
        /// When to try again; none when trying again cannot help.
        retry_in: Option<TimeDelta>,
    },
    /// The lease ran out: the worker died or stalled.
    LeaseExpired,
    /// A person must say yes first.
    ApprovalAsked {
        /// Why.
        reason: String,
    },
    /// A person said yes.
    Approved,
    /// A person said no.
    Rejected {
        /// Who, and why.
        reason: String,
    },
    /// The change is proposed but cannot be merged yet.
    MergeAwaited {
        /// When to look again.
        look_at: Time,
        /// What it waits for.
        reason: String,
    },
    /// Something outside is not to be had now (a provider's limit, an outage): no attempt is burnt.
    Parked {
        /// When to go on.
        until: Time,
        /// What it waits for.
        reason: String,
    },
    /// The worker gives it back unfinished, because it shuts down.
    HandedBack,
    /// An operator calls it off.
    Cancelled {
        /// Who, and why.
        reason: String,
    },
    /// An operator has it run again.
    Retried,
    /// What was proven is no longer true (a revert).
    Reopened {
        /// What was found.
        reason: String,
    },
}

impl Event {
    /// The event's name in the record.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Claimed { .. } => "claimed",
            Self::Completed(_) => "completed",
            Self::Failed { .. } => "failed",
            Self::LeaseExpired => "lease_expired",
            Self::ApprovalAsked { .. } => "approval_asked",
            Self::Approved => "approved",
            Self::Rejected { .. } => "rejected",
            Self::MergeAwaited { .. } => "merge_awaited",
            Self::Parked { .. } => "parked",
            Self::HandedBack => "handed_back",
            Self::Cancelled { .. } => "cancelled",
            Self::Retried => "retried",
            Self::Reopened { .. } => "reopened",
        }
    }
}

/// A pair that is not a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a task that is {} cannot be {event}", state.as_str())]
pub struct Rejected {
    /// The state it was in.
    pub state: State,
    /// The event's name.
    pub event: &'static str,
}

impl From<Rejected> for crate::Error {
    fn from(rejected: Rejected) -> Self {
        Self::conflict(rejected.to_string())
    }
}

/// A step that [`apply`] allowed: what a store writes. It cannot be made elsewhere.
#[derive(Debug, Clone)]
pub struct Transition {
    from: State,
    next: Life,
    event: &'static str,
    verified: Option<Box<Verified>>,
}

impl Transition {
    /// The state before.
    #[must_use]
    pub const fn from(&self) -> State {
        self.from
    }
    /// The life after.
    #[must_use]
    pub const fn next(&self) -> &Life {
        &self.next
    }
    /// The event's name.
    #[must_use]
    pub const fn event(&self) -> &'static str {
        self.event
    }
    /// The proof, when this completes the task.
    #[must_use]
    pub fn verified(&self) -> Option<&Verified> {
        self.verified.as_deref()
    }
}

/// Decides what an event does to a task.
///
/// # Errors
/// [`Rejected`] for every pair of state and event that is not a step.
pub fn apply(life: &Life, event: Event, now: Time) -> Result<Transition, Rejected> {
    let name = event.name();
    let refused = || Err(Rejected { state: life.state, event: name });
    let mut next = life.clone();
    next.revision += 1;
    let mut verified = None;
    match (life.state, event) {
        (State::Pending | State::AwaitingPrMerge, Event::Claimed { task, worker, until }) => {
            next.state = State::InProgress;
            next.attempt += 1;
            next.started_at = Some(now);
            next.worker = Some(worker.clone());
            next.lease = Some(Lease { task, attempt: next.attempt, worker, expires_at: until });
        }
        (State::InProgress, Event::Completed(proof)) => {
            end(&mut next, State::Completed, None, now);
            verified = Some(proof);
        }
        (State::InProgress, Event::Failed { error, retry_in: None }) => end(&mut next, State::Failed, Some(error), now),
        (State::InProgress, Event::Failed { error, retry_in: Some(delay) }) => fail(&mut next, error, delay, now),
        (State::InProgress, Event::LeaseExpired) => {
            let worker = life.worker.as_ref().map_or("a worker", WorkerId::as_str);
            let error = format!("the lease of {worker} expired in attempt {}", life.attempt);
            fail(&mut next, error, TimeDelta::zero(), now);
        }
        (State::InProgress, Event::ApprovalAsked { reason }) => {
            release(&mut next, State::WaitingApproval, now, Some(reason));
        }
        (State::InProgress, Event::MergeAwaited { look_at, reason }) => {
            release(&mut next, State::AwaitingPrMerge, look_at, Some(reason));
        }
        (State::InProgress, Event::Parked { until, reason }) => {
            release(&mut next, State::Pending, until, Some(reason));
        }
        (State::InProgress, Event::HandedBack) => release(&mut next, State::Pending, now, None),
        (State::WaitingApproval, Event::Approved) => release(&mut next, State::Pending, now, None),
        (State::WaitingApproval, Event::Rejected { reason }) => end(&mut next, State::Failed, Some(reason), now),
        (
            State::Pending | State::InProgress | State::WaitingApproval | State::AwaitingPrMerge | State::DeadLetter,
            Event::Cancelled { reason },
        ) => end(&mut next, State::Cancelled, Some(reason), now),
        (State::Failed | State::Cancelled | State::DeadLetter, Event::Retried) => {
            release(&mut next, State::Pending, now, None);
            next.failures = 0;
        }
        (State::Completed, Event::Reopened { reason }) => {
            release(&mut next, State::Pending, now, Some(reason));
            next.failures = 0;
        }
        (
            State::Pending
            | State::InProgress
            | State::WaitingApproval
            | State::AwaitingPrMerge
            | State::Completed
            | State::Failed
            | State::Cancelled
            | State::DeadLetter,
            _,
        ) => return refused(),
    }
    Ok(Transition { from: life.state, next, event: name, verified })
}

fn end(next: &mut Life, state: State, error: Option<String>, now: Time) {
    next.state = state;
    next.lease = None;
    next.completed_at = Some(now);
    next.error = error;
}

fn release(next: &mut Life, state: State, run_at: Time, error: Option<String>) {
    next.state = state;
    next.lease = None;
    next.completed_at = None;
    next.run_at = run_at;
    next.error = error;
}

fn fail(next: &mut Life, error: String, delay: TimeDelta, now: Time) {
    next.failures += 1;
    if next.failures >= next.max_attempts {
        end(next, State::DeadLetter, Some(error), now);
    } else {
        release(next, State::Pending, now + delay, Some(error));
    }
}

#[cfg(test)]
mod tests;
