//! What people do by hand: add goals and tasks, hold and release goals, call tasks off, run them again, say yes or no.
//!
//! The command line, REST and MCP all come through here. Every write is conditional on what was read; when somebody
//! else was faster it is read and decided again, a bounded number of times. Nothing here knows a terminal.

mod act;
mod find;

pub use find::{find_approval, find_goal, find_task};

use crate::base::id::{ApprovalId, GoalId, TaskId};
use crate::govern::approval::Approval;
use crate::plan::goal::{Goal, GoalStatus};
use crate::port::Store;
use crate::port::store::{ApprovalFilter, Enqueued, GoalChange, MAX_BATCH, TaskFilter};
use crate::task::lifecycle::State;
use crate::task::{NewTask, Task, TaskType};
use crate::{Error, Result};
use act::Act;
use std::collections::BTreeSet;

/// How often a change is decided anew when somebody else was faster.
pub const MAX_TRIES: usize = 8;

/// Takes a goal in, together with the task that plans it. Answers with the goal as stored.
///
/// # Errors
/// `Invalid` when a field is out of bounds, and those of the store.
pub async fn add_goal(store: &dyn Store, goal: Goal) -> Result<Goal> {
    goal.validate()?;
    let plan = planning_task(&goal, 0, &goal.created_by)?;
    store.add_goal(&goal, vec![plan]).await?;
    store.goal(goal.id).await
}

/// Holds a goal: none of its tasks is claimed until it is resumed. Work in progress goes on. A held goal stays held.
///
/// # Errors
/// `NotFound`; `Conflict` when the goal is completed or parked.
pub async fn pause_goal(store: &dyn Store, id: GoalId, by: &str) -> Result<Goal> {
    turn_goal(store, id, by, GoalStatus::Paused).await
}

/// Releases a goal. One that was parked, because it could not be made into tasks, is planned again.
///
/// # Errors
/// `NotFound`; `Conflict` when the goal is completed.
pub async fn resume_goal(store: &dyn Store, id: GoalId, by: &str) -> Result<Goal> {
    turn_goal(store, id, by, GoalStatus::Active).await
}

async fn turn_goal(store: &dyn Store, id: GoalId, by: &str, wanted: GoalStatus) -> Result<Goal> {
    for _ in 0..MAX_TRIES {
        let goal = store.goal(id).await?;
        if goal.status == wanted {
            return Ok(goal);
        }
        let tasks = match (goal.status, wanted) {
            (GoalStatus::Completed, _) => {
                return Err(Error::conflict(format!("goal {id} is completed: add a new goal instead")));
            }
            (GoalStatus::Parked, GoalStatus::Paused) => {
                return Err(Error::conflict(format!("goal {id} is parked and held already: resume it to plan again")));
            }
            // The revision makes the key new for every resumption and the same when one resumption is repeated.
            (GoalStatus::Parked, _) => vec![planning_task(&goal, goal.revision + 1, by)?],
            (GoalStatus::Active | GoalStatus::Paused, _) => Vec::new(),
        };
        let reason = (wanted == GoalStatus::Paused).then(|| format!("by {by}"));
        let change = GoalChange { id, revision: goal.revision, status: wanted, reason };
        match store.change_goal(&change, tasks, by).await {
            Err(Error::Conflict { .. }) => {}
            other => {
                return other.map(|()| Goal {
                    status: wanted,
                    reason: change.reason,
                    revision: goal.revision + 1,
                    ..goal
                });
            }
        }
    }
    Err(keeps_changing(&format!("goal {id}")))
}

// The title carries no word of the goal: planning touches nothing, and its risk must not be weighed by those words.
// The tasks that it brings forth carry them, and each is weighed.
fn planning_task(goal: &Goal, round: u64, by: &str) -> Result<NewTask> {
    let mut task = NewTask::new(TaskType::new("planning")?, format!("plan the goal {}", goal.id));
    task.key = Some(format!("goal:{}:plan:{round}", goal.id));
    task.goal_id = Some(goal.id);
    by.clone_into(&mut task.created_by);
    Ok(task)
}

/// Takes tasks in, all or none. `known` are the types that somebody can ever handle.
///
/// # Errors
/// `Invalid` for an unknown type, a field out of bounds or a circle; `NotFound` or `Invalid` for an unknown dependency.
pub async fn add_tasks(store: &dyn Store, tasks: Vec<NewTask>, known: &BTreeSet<TaskType>) -> Result<Vec<Enqueued>> {
    for task in &tasks {
        task.validate()?;
        if !known.contains(&task.task_type) {
            let names: Vec<&str> = known.iter().map(TaskType::as_str).collect();
            return Err(Error::invalid(format!(
                "task type {:?} is unknown: use one of {}",
                task.task_type.as_str(),
                names.join(", ")
            )));
        }
        if let Some(goal) = task.goal_id {
            store.goal(goal).await?;
        }
    }
    store.enqueue(tasks).await
}

/// Calls a task off. Work in progress stops at its next heartbeat.
///
/// # Errors
/// `NotFound`; `Conflict` when the task has ended.
pub async fn cancel_task(store: &dyn Store, id: TaskId, by: &str, reason: Option<&str>) -> Result<Task> {
    carry_out(store, id, by, &Act::Cancel { reason }).await
}

/// Has a task that failed, was called off or is a dead letter run again, with all its attempts. One that a person
/// rejected asks again.
///
/// # Errors
/// `NotFound`; `Conflict` when the task has not ended, or is completed.
pub async fn retry_task(store: &dyn Store, id: TaskId, by: &str) -> Result<Task> {
    carry_out(store, id, by, &Act::Retry { ask: ApprovalId::mint() }).await
}

/// Says yes to exactly what an approval shows.
///
/// # Errors
/// `NotFound`; `Conflict` when it is answered or its task has ended; `Denied` when `by` asked for it.
pub async fn approve(store: &dyn Store, id: ApprovalId, by: &str, note: &str) -> Result<Task> {
    answer(store, id, by, &Act::Answer { id, approved: true, note }).await
}

/// Says no: the task ends as failed.
///
/// # Errors
/// As [`approve`].
pub async fn reject(store: &dyn Store, id: ApprovalId, by: &str, reason: &str) -> Result<Task> {
    answer(store, id, by, &Act::Answer { id, approved: false, note: reason }).await
}

async fn answer(store: &dyn Store, id: ApprovalId, by: &str, act: &Act<'_>) -> Result<Task> {
    let task = approval(store, id).await?.task_id;
    carry_out(store, task, by, act).await
}

/// One request for approval.
///
/// # Errors
/// `NotFound`, and those of the store.
pub async fn approval(store: &dyn Store, id: ApprovalId) -> Result<Approval> {
    let filter = ApprovalFilter { id_prefix: Some(id.to_string()), ..Default::default() };
    let found = store.approvals(&filter).await?;
    found.into_iter().next().ok_or_else(|| Error::not_found(format!("approval {id}")))
}

/// The requests that wait for a person now, oldest first: open, and their task has not ended.
///
/// # Errors
/// Those of the store.
pub async fn waiting_approvals(store: &dyn Store) -> Result<Vec<Approval>> {
    let waiting = TaskFilter { states: vec![State::WaitingApproval], limit: MAX_BATCH, ..Default::default() };
    let tasks: BTreeSet<TaskId> = store.tasks(&waiting).await?.iter().map(Task::id).collect();
    let open = store.approvals(&ApprovalFilter { open: true, ..Default::default() }).await?;
    Ok(open.into_iter().filter(|approval| tasks.contains(&approval.task_id)).collect())
}

async fn carry_out(store: &dyn Store, id: TaskId, by: &str, act: &Act<'_>) -> Result<Task> {
    for _ in 0..MAX_TRIES {
        let task = store.task(id).await?;
        let approvals = store.approvals(&ApprovalFilter { task: Some(id), ..Default::default() }).await?;
        let commit = act::decide(act, &task, &approvals, by, store.now().await?)?;
        match store.commit(vec![commit]).await?.pop() {
            Some(Err(Error::Conflict { .. })) => {}
            Some(Err(error)) => return Err(error),
            Some(Ok(())) | None => return store.task(id).await,
        }
    }
    Err(keeps_changing(&format!("task {id}")))
}

fn keeps_changing(what: &str) -> Error {
    Error::conflict(format!("{what} was changed by somebody else {MAX_TRIES} times in a row: try again"))
}
