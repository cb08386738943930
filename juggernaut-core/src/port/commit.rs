//! When a commit may be applied, and what it adds to the record: the rules that every store applies in the same way.

use super::store::{ApprovalStep, Commit, Fence, GoalChange, NewEvent};
use crate::base::id::{ApprovalId, GoalId, TaskId};
use crate::base::time::Time;
use crate::govern::approval::{Approval, Decision};
use crate::task::lifecycle::{Lease, Life, State, Transition};
use crate::{Error, Result};
use serde_json::json;

/// The moment a lease that is given or renewed now ends.
///
/// # Errors
/// `Invalid` when that moment is beyond the calendar.
pub fn lease_end(now: Time, lease: std::time::Duration) -> Result<Time> {
    chrono::TimeDelta::from_std(lease)
        .ok()
        .and_then(|delta| now.checked_add_signed(delta))
        .map(|end| chrono::SubsecRound::trunc_subsecs(end, 6))
        .ok_or_else(|| Error::invalid(format!("a lease of {lease:?} is too long")))
}

/// Is this the task's present lease, and has it not expired?
#[must_use]
pub fn is_live(lease: &Lease, life: &Life, now: Time) -> bool {
    present(lease, life).is_some_and(|expires_at| expires_at > now)
}

// The end of the task's lease when it is this one: same attempt, same worker. Renewals move only the end.
fn present(lease: &Lease, life: &Life) -> Option<Time> {
    let held = life.lease.as_ref().filter(|_| life.state == State::InProgress)?;
    (held.attempt == lease.attempt && held.worker == lease.worker).then_some(held.expires_at)
}

/// Checks everything about a commit that its task decides: the fence, and that each part is of this task.
///
/// # Errors
/// `LeaseLost` or `Conflict` as the fence says; `Conflict` when the transition was decided on another revision;
/// `Invalid` when a part belongs to something else.
pub fn check(commit: &Commit, life: &Life, goal: Option<GoalId>, now: Time) -> Result<()> {
    let task = commit.fence.task();
    holds(&commit.fence, life, now)?;
    if let Some(transition) = &commit.transition {
        fits(transition, task, life)?;
    }
    if let Some(change) = commit.goal.as_ref().filter(|change| Some(change.id) != goal) {
        return Err(Error::invalid(format!("goal {} is not the goal of task {task}", change.id)));
    }
    commit.approvals.iter().try_for_each(|step| match step {
        ApprovalStep::Ask(approval) => askable(approval, task),
        ApprovalStep::Decide(..) => Ok(()),
    })
}

fn holds(fence: &Fence, life: &Life, now: Time) -> Result<()> {
    match fence {
        Fence::Lease(lease) if is_live(lease, life, now) => Ok(()),
        Fence::Lease(lease) => Err(Error::LeaseLost { task: lease.task.to_string(), attempt: lease.attempt }),
        Fence::Expired(lease) if present(lease, life).is_some_and(|expires_at| expires_at <= now) => Ok(()),
        Fence::Expired(lease) => Err(Error::conflict(format!(
            "the lease of attempt {} on task {} has not expired, or is over",
            lease.attempt, lease.task
        ))),
        Fence::Revision(_, revision) if *revision == life.revision => Ok(()),
        Fence::Revision(task, revision) => Err(Error::conflict(format!(
            "task {task} is at revision {}, not {revision}: somebody changed it; look again",
            life.revision
        ))),
    }
}

fn fits(transition: &Transition, task: TaskId, life: &Life) -> Result<()> {
    let next = transition.next();
    if transition.from() != life.state || next.revision != life.revision + 1 {
        return Err(Error::conflict(format!("task {task} moved on while this was decided; look again")));
    }
    if next.lease.as_ref().is_some_and(|lease| lease.task != task) {
        return Err(Error::invalid(format!("the lease in the transition is not of task {task}")));
    }
    match transition.verified().map(crate::task::evidence::Verified::evidence) {
        Some(e) if e.attempt != life.attempt || Some(&e.executor) != life.worker.as_ref() => {
            Err(Error::invalid(format!(
                "the evidence is of attempt {} by {}, not of the present attempt {} on task {task}",
                e.attempt, e.executor, life.attempt
            )))
        }
        _ => Ok(()),
    }
}

fn askable(approval: &Approval, task: TaskId) -> Result<()> {
    if approval.task_id != task || approval.decision.is_some() {
        return Err(Error::invalid(format!("approval {} is not an open request of task {task}", approval.id)));
    }
    if approval.digest != approval.effect.digest()? {
        return Err(Error::invalid(format!("the digest of approval {} is not that of its effect", approval.id)));
    }
    Ok(())
}

/// The events of a commit itself: the caller's, then the transition's own unless the caller gave one of that kind.
/// After them a store records [`enqueued`] for each task spawned, and [`goal_changed`].
#[must_use]
pub fn events(commit: &Commit) -> Vec<NewEvent> {
    let mut events = commit.events.clone();
    if let Some(transition) = &commit.transition
        && !events.iter().any(|event| event.kind == transition.event())
    {
        events.push(moved(transition, &commit.actor));
    }
    events
}

/// The event of a transition.
#[must_use]
pub fn moved(transition: &Transition, actor: &str) -> NewEvent {
    let next = transition.next();
    let message = match (transition.verified(), &next.error) {
        (Some(verified), _) => verified.evidence().summary.clone(),
        (None, Some(error)) => error.clone(),
        (None, None) => format!("attempt {}", next.attempt),
    };
    NewEvent::new(transition.event(), actor, message)
        .with(json!({ "from": transition.from().as_str(), "to": next.state.as_str() }))
}

/// The event of a task put in.
#[must_use]
pub fn enqueued(title: &str, actor: &str) -> NewEvent {
    NewEvent::new("enqueued", actor, title)
}

/// The event of a goal put in.
#[must_use]
pub fn goal_added(title: &str, actor: &str) -> NewEvent {
    NewEvent::new("goal_added", actor, title)
}

/// The event of a goal's change: `goal_active`, `goal_paused`, `goal_parked` or `goal_completed`.
#[must_use]
pub fn goal_changed(change: &GoalChange, actor: &str) -> NewEvent {
    let message = change.reason.clone().unwrap_or_default();
    NewEvent::new(format!("goal_{}", change.status.as_str()), actor, message)
}

/// Is the goal still at the revision that the change was decided on?
///
/// # Errors
/// `Conflict` when it is not.
pub fn goal_is_at(change: &GoalChange, revision: u64) -> Result<()> {
    if change.revision == revision {
        return Ok(());
    }
    let GoalChange { id, revision: decided_on, .. } = change;
    Err(Error::conflict(format!(
        "goal {id} is at revision {revision}, not {decided_on}: somebody changed it; look again"
    )))
}

/// The refusal to answer a request for approval again.
#[must_use]
pub fn answered(id: ApprovalId, made: &Decision) -> Error {
    let verdict = if made.approved { "approved" } else { "rejected" };
    Error::conflict(format!("approval {id} was {verdict} by {} already", made.by))
}
