//! Watching: why something does not move, and when nothing moves at all. Pure; the shell gathers the [`Picture`].

pub mod stall;
pub mod why;

use crate::base::id::{GoalId, TaskId, WorkerId};
use crate::base::time::Time;
use crate::govern::approval::Approval;
use crate::plan::goal::{Goal, GoalStatus, Progress, progress};
use crate::task::claim::{Blocker, Facts, blockers};
use crate::task::lifecycle::State;
use crate::task::{Task, TaskType};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet};

/// A worker without a sign of life for so long is stale: it no longer counts as handling anything.
pub const STALE_AFTER: TimeDelta = TimeDelta::minutes(5);

/// A worker as the registry shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerSeen {
    /// Its name.
    pub id: WorkerId,
    /// Its role.
    pub worker_type: String,
    /// The types it handles.
    pub task_types: Vec<TaskType>,
    /// Its last sign of life.
    pub last_heartbeat: Time,
    /// It said goodbye.
    pub stopped: bool,
}

impl WorkerSeen {
    /// Does it live, as far as anybody can see?
    #[must_use]
    pub fn is_alive(&self, now: Time) -> bool {
        !self.stopped && now - self.last_heartbeat < STALE_AFTER
    }
}

/// What is known of the queue at one moment: as much of it as the question needs.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// The store's clock.
    pub now: Time,
    /// The workers.
    pub workers: Vec<WorkerSeen>,
    /// The goals in question, and those of the tasks in question.
    pub goals: BTreeMap<GoalId, Goal>,
    /// The tasks in question, and those they depend on.
    pub tasks: BTreeMap<TaskId, Task>,
    /// The unanswered requests for approval of these tasks.
    pub approvals: Vec<Approval>,
}

impl Picture {
    /// The types that some living worker handles.
    #[must_use]
    pub fn handled(&self) -> BTreeSet<TaskType> {
        let alive = self.workers.iter().filter(|worker| worker.is_alive(self.now));
        alive.flat_map(|worker| worker.task_types.iter().cloned()).collect()
    }

    /// Every reason why a task of the picture cannot be claimed now; none when it can.
    #[must_use]
    pub fn blockers(&self, task: &Task, handled: &BTreeSet<TaskType>) -> Vec<Blocker> {
        // What a task depends on may lie outside the picture; it is unmet all the same.
        let state = |id: &TaskId| self.tasks.get(id).map_or(State::Pending, |dependency| dependency.life.state);
        let unmet: Vec<_> = task.unmet.iter().map(|id| (*id, state(id))).collect();
        let goal = task.spec.goal_id.and_then(|id| self.goals.get(&id));
        let held = goal.and_then(held);
        blockers(&Facts { task, unmet: &unmet, goal_held: held.as_deref(), handled, now: self.now })
    }

    /// The goal's tasks in the picture, oldest first.
    pub fn tasks_of(&self, goal: GoalId) -> impl Iterator<Item = &Task> {
        self.tasks.values().filter(move |task| task.spec.goal_id == Some(goal))
    }
}

fn is_planning(task: &Task) -> bool {
    task.spec.task_type.as_str() == "planning"
}

fn progress_of(picture: &Picture, goal: GoalId) -> Progress {
    progress(picture.tasks_of(goal).map(|task| (is_planning(task), task.life.state)))
}

fn held(goal: &Goal) -> Option<String> {
    let because = goal.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    (goal.status != GoalStatus::Active).then(|| format!("{}{because}", goal.status.as_str()))
}

#[cfg(test)]
mod tests;
