//! Goals open, nothing runnable: the bug that killed the earlier system, made impossible to miss.
//!
//! A goal is stalled when it is active, not yet complete, and none of its tasks is in progress, waits for a person, or
//! will come up for a claim by itself. That is judged goal by goal, so one busy goal hides no stalled one.

use super::Picture;
use crate::base::id::{GoalId, TaskId};
use crate::plan::goal::{Goal, GoalStatus};
use crate::task::Task;
use crate::task::claim::Blocker;
use crate::task::lifecycle::State;
use serde::Serialize;
use std::collections::BTreeSet;

/// Most reasons named for one goal.
pub const MAX_REASONS: usize = 10;

/// A goal that cannot move, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StalledGoal {
    /// The goal.
    pub id: GoalId,
    /// Its title.
    pub title: String,
    /// Why, at most [`MAX_REASONS`]; never empty.
    pub reasons: Vec<String>,
}

/// What [`judge`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The goals that cannot move.
    pub stalled: Vec<StalledGoal>,
}

/// Finds the active goals of the picture that cannot move. The picture holds every task of these goals and whatever
/// they depend on.
#[must_use]
pub fn judge(picture: &Picture) -> Verdict {
    let movable = movable(picture);
    let active = picture.goals.values().filter(|goal| goal.status == GoalStatus::Active);
    let stalled = active.filter_map(|goal| stalled(picture, goal, &movable));
    Verdict { stalled: stalled.collect() }
}

fn stalled(picture: &Picture, goal: &Goal, movable: &BTreeSet<TaskId>) -> Option<StalledGoal> {
    let tasks: Vec<&Task> = picture.tasks_of(goal.id).collect();
    if tasks.iter().any(|task| movable.contains(&task.id())) || super::progress_of(picture, goal.id).is_complete() {
        return None;
    }
    let handled = picture.handled();
    let mut reasons: Vec<String> = tasks
        .iter()
        .filter(|task| task.life.state != State::Completed)
        .flat_map(|task| {
            let title = task.spec.title.as_str();
            picture.blockers(task, &handled).into_iter().map(move |b| format!("task {} ({title}): {b}", task.id()))
        })
        .take(MAX_REASONS)
        .collect();
    if reasons.is_empty() {
        reasons.push("it has no task that could be done: its planning brought none forth".to_owned());
    }
    Some(StalledGoal { id: goal.id, title: goal.title.clone(), reasons })
}

// The tasks that go on by themselves, or once a person who was asked has answered. Grows until nothing is added:
// dependencies are older than what depends on them, so that two rounds are the rule.
fn movable(picture: &Picture) -> BTreeSet<TaskId> {
    let handled = picture.handled();
    let mut found = BTreeSet::new();
    loop {
        let before = found.len();
        for task in picture.tasks.values().filter(|task| !task.life.state.is_terminal()) {
            let passes = |blocker: &Blocker| match blocker {
                Blocker::NotDue { .. } => true,
                Blocker::Dependency { id, .. } => found.contains(id) || !picture.tasks.contains_key(id),
                Blocker::NotClaimable { state, .. } => matches!(state, State::InProgress | State::WaitingApproval),
                Blocker::TypeNotHandled { .. } | Blocker::GoalHeld { .. } => false,
            };
            if picture.blockers(task, &handled).iter().all(passes) {
                found.insert(task.id());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}
