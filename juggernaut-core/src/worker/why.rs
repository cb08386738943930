//! Gathers the [`Picture`] that `watch` explains and judges: reads only what the question needs.

use crate::base::id::{GoalId, TaskId, WorkerId};
use crate::plan::goal::GoalStatus;
use crate::port::Store;
use crate::port::store::{ApprovalFilter, MAX_BATCH, TaskFilter};
use crate::task::Task;
use crate::task::lifecycle::State;
use crate::watch::stall::{self, Verdict};
use crate::watch::why::{GoalWhy, TaskWhy, WorkerWhy, why_goal, why_task, why_worker};
use crate::watch::{Picture, WorkerSeen};
use crate::{Error, Result};
use std::collections::BTreeSet;

/// Why a task is not moving.
///
/// # Errors
/// `NotFound`, and those of the store.
pub async fn explain_task(store: &dyn Store, id: TaskId) -> Result<TaskWhy> {
    let task = store.task(id).await?;
    let mut picture = begin(store).await?;
    picture.approvals = store.approvals(&ApprovalFilter { task: Some(id), open: true, id_prefix: None }).await?;
    add(store, &mut picture, vec![task.clone()]).await?;
    Ok(why_task(&picture, &task))
}

/// Why a goal is not moving.
///
/// # Errors
/// `NotFound`, and those of the store.
pub async fn explain_goal(store: &dyn Store, id: GoalId) -> Result<GoalWhy> {
    let goal = store.goal(id).await?;
    let mut picture = begin(store).await?;
    picture.approvals = store.approvals(&ApprovalFilter { open: true, ..Default::default() }).await?;
    picture.goals.insert(id, goal.clone());
    add(store, &mut picture, tasks_of(store, id).await?).await?;
    Ok(why_goal(&picture, &goal))
}

/// Why a worker does what it does.
///
/// # Errors
/// `NotFound`, and those of the store.
pub async fn explain_worker(store: &dyn Store, id: &WorkerId) -> Result<WorkerWhy> {
    let mut picture = begin(store).await?;
    let worker = picture.workers.iter().find(|worker| worker.id == *id).cloned();
    let worker = worker.ok_or_else(|| Error::not_found(format!("worker {id}")))?;
    let states = vec![State::Pending, State::InProgress, State::AwaitingPrMerge];
    let open = TaskFilter { states, limit: MAX_BATCH, ..Default::default() };
    add(store, &mut picture, store.tasks(&open).await?).await?;
    Ok(why_worker(&picture, &worker))
}

/// The active goals that cannot move. A goal with work in progress, or with a question to a person, costs one count.
///
/// # Errors
/// Those of the store.
pub async fn find_stalled(store: &dyn Store) -> Result<Verdict> {
    let mut picture = begin(store).await?;
    let mut asked = BTreeSet::new();
    for goal in store.goals(None).await? {
        if goal.status != GoalStatus::Active {
            continue;
        }
        let counts = store.counts(Some(goal.id)).await?;
        let moves = |state| counts.get(&state).is_some_and(|count| *count > 0);
        if !moves(State::InProgress) && !moves(State::WaitingApproval) {
            let tasks = tasks_of(store, goal.id).await?;
            asked.insert(goal.id);
            picture.goals.insert(goal.id, goal);
            add(store, &mut picture, tasks).await?;
        }
    }
    let mut verdict = stall::judge(&picture);
    // Goals that came in only because a task depends on one of theirs are in the picture in part: not in question.
    verdict.stalled.retain(|goal| asked.contains(&goal.id));
    Ok(verdict)
}

async fn tasks_of(store: &dyn Store, goal: GoalId) -> Result<Vec<Task>> {
    store.tasks(&TaskFilter { goal: Some(goal), limit: MAX_BATCH, ..Default::default() }).await
}

async fn begin(store: &dyn Store) -> Result<Picture> {
    let workers = store.workers().await?.into_iter().map(|row| WorkerSeen {
        id: row.id,
        worker_type: row.worker_type,
        task_types: row.task_types,
        last_heartbeat: row.last_heartbeat,
        stopped: row.stopped,
    });
    Ok(Picture { now: store.now().await?, workers: workers.collect(), ..Default::default() })
}

// Adds tasks, everything they wait for however far, and the goals of all of them. Ends because dependencies have no
// circles and each task is added once.
async fn add(store: &dyn Store, picture: &mut Picture, mut tasks: Vec<Task>) -> Result<()> {
    while let Some(task) = tasks.pop() {
        if picture.tasks.contains_key(&task.id()) {
            continue;
        }
        if let Some(goal) = task.spec.goal_id.filter(|goal| !picture.goals.contains_key(goal)) {
            picture.goals.insert(goal, store.goal(goal).await?);
        }
        for id in &task.unmet {
            if !picture.tasks.contains_key(id) && !tasks.iter().any(|waiting| waiting.id() == *id) {
                tasks.push(store.task(*id).await?);
            }
        }
        picture.tasks.insert(task.id(), task);
    }
    Ok(())
}
