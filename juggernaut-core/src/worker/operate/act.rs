//! What an operator's act on a task comes to, as one commit: pure.

use crate::base::id::ApprovalId;
use crate::base::time::Time;
use crate::govern::approval::{Approval, Decision};
use crate::port::store::{ApprovalStep, Commit, Fence, NewEvent};
use crate::task::Task;
use crate::task::lifecycle::{Event, State, apply};
use crate::{Error, Result};

/// An operator's act.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act<'a> {
    /// Call it off.
    Cancel { reason: Option<&'a str> },
    /// Run it again; `ask` is the id of a new request, should one be needed.
    Retry { ask: ApprovalId },
    /// Answer a request for approval.
    Answer { id: ApprovalId, approved: bool, note: &'a str },
}

/// Decides what `act` does to `task`.
///
/// # Errors
/// `Conflict` when the task or the request is in no state for it, `Denied` when `by` may not, `NotFound`.
pub(super) fn decide(act: &Act<'_>, task: &Task, approvals: &[Approval], by: &str, now: Time) -> Result<Commit> {
    let mut commit = Commit::new(Fence::Revision(task.id(), task.life.revision), by);
    match *act {
        Act::Cancel { reason } => {
            step(&mut commit, task, Event::Cancelled { reason: said("cancelled", by, reason) }, now)?
        }
        Act::Retry { ask } => {
            step(&mut commit, task, Event::Retried, now)?;
            commit.approvals.extend(ask_again(approvals, ask, now));
        }
        Act::Answer { id, approved, note } => {
            let request = approvals.iter().find(|a| a.id == id);
            let request = request.ok_or_else(|| Error::not_found(format!("approval {id}")))?;
            may_answer(request, by)?;
            let decision = Decision { approved, by: by.to_owned(), at: now, note: note.to_owned() };
            commit.approvals.push(ApprovalStep::Decide(id, decision));
            let rejected = || said("rejected", by, Some(note));
            let event = if approved { Event::Approved } else { Event::Rejected { reason: rejected() } };
            match task.life.state {
                State::WaitingApproval => step(&mut commit, task, event, now)?,
                // A task that was retried meets the answer when it is claimed.
                State::Pending | State::InProgress | State::AwaitingPrMerge => {
                    commit.events.push(NewEvent::new(event.name(), by, format!("approval {id} answered ahead")));
                }
                ended @ (State::Completed | State::Failed | State::Cancelled | State::DeadLetter) => {
                    let (task, state) = (task.id(), ended.as_str());
                    return Err(Error::conflict(format!("task {task} is {state}: nothing waits for approval {id}")));
                }
            }
        }
    }
    Ok(commit)
}

fn step(commit: &mut Commit, task: &Task, event: Event, now: Time) -> Result<()> {
    let id = task.id();
    let refused = |e| Error::conflict(format!("task {id}: {e}"));
    commit.transition = Some(apply(&task.life, event, now).map_err(refused)?);
    Ok(())
}

fn may_answer(request: &Approval, by: &str) -> Result<()> {
    let id = request.id;
    if let Some(decision) = &request.decision {
        let answer = if decision.approved { "approved" } else { "rejected" };
        return Err(Error::conflict(format!("approval {id} was {answer} by {} already", decision.by)));
    }
    if request.requested_by.as_str() == by {
        return Err(Error::denied(format!("{by} asked for approval {id} and cannot answer it: somebody else must")));
    }
    Ok(())
}

// A rejection binds the same act for good; having the task run again means asking again, not overruling the answer.
fn ask_again(approvals: &[Approval], id: ApprovalId, now: Time) -> Option<ApprovalStep> {
    let newest = approvals.iter().max_by_key(|a| (a.requested_at, a.id))?;
    let decision = newest.decision.as_ref().filter(|d| !d.approved)?;
    let reason = format!("{}; {}", newest.reason, said("rejected before", &decision.by, Some(&decision.note)));
    let again = Approval { id, reason, requested_at: now, decision: None, ..newest.clone() };
    Some(ApprovalStep::Ask(Box::new(again)))
}

fn said(what: &str, by: &str, why: Option<&str>) -> String {
    match why.map(str::trim).filter(|why| !why.is_empty()) {
        Some(why) => format!("{what} by {by}: {why}"),
        None => format!("{what} by {by}"),
    }
}
