//! Who may claim what, in which order: once, as data. The memory store interprets it, the SQL stores compile it, and
//! `why` explains with it.

use super::lifecycle::State;
use super::{Task, TaskType};
use crate::base::id::TaskId;
use crate::base::time::Time;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

/// A key of the claim order, always ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderKey {
    /// [`super::Priority::rank`]: critical first.
    Priority,
    /// When the task was enqueued: older first.
    CreatedAt,
    /// The id, to make the order total.
    Id,
}

/// The claim order.
pub const ORDER: [OrderKey; 3] = [OrderKey::Priority, OrderKey::CreatedAt, OrderKey::Id];

/// A condition every claimed task meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Its state is claimable ([`State::is_claimable`]).
    Claimable,
    /// Its `run_at` has come.
    Due,
    /// Every dependency is completed.
    DependenciesMet,
    /// The worker handles its type.
    TypeHandled,
    /// Its goal, if any, is active.
    GoalActive,
}

/// The conditions of a claim.
pub const CONDITIONS: [Condition; 5] =
    [Condition::Claimable, Condition::Due, Condition::DependenciesMet, Condition::TypeHandled, Condition::GoalActive];

/// Compares two tasks by [`ORDER`].
#[must_use]
pub fn compare(a: &Task, b: &Task) -> Ordering {
    ORDER.into_iter().fold(Ordering::Equal, |so_far, key| {
        so_far.then_with(|| match key {
            OrderKey::Priority => a.spec.priority.rank().cmp(&b.spec.priority.rank()),
            OrderKey::CreatedAt => a.created_at.cmp(&b.created_at),
            OrderKey::Id => a.id().cmp(&b.id()),
        })
    })
}

/// What the conditions are judged by.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The task.
    pub task: &'a Task,
    /// The states of its unmet dependencies.
    pub unmet: &'a [(TaskId, State)],
    /// Its goal is paused or parked: the status and reason in words.
    pub goal_held: Option<&'a str>,
    /// The types some living worker handles.
    pub handled: &'a BTreeSet<TaskType>,
    /// The store's clock.
    pub now: Time,
}

/// Why a task is not claimed now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blocker {
    /// It is not in a claimable state; the text says what it waits for.
    NotClaimable {
        /// The state.
        state: State,
        /// What it waits for, or how it ended.
        reason: Option<String>,
    },
    /// Its time has not come.
    NotDue {
        /// When it will.
        run_at: Time,
        /// Why it waits: a retry, a provider's limit, a wished time.
        reason: Option<String>,
    },
    /// A dependency is not completed.
    Dependency {
        /// Which.
        id: TaskId,
        /// Its state.
        state: State,
    },
    /// Nobody handles its type.
    TypeNotHandled {
        /// The type.
        task_type: TaskType,
    },
    /// Its goal is held.
    GoalHeld {
        /// How and why.
        reason: String,
    },
}

impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |reason: &Option<String>| reason.as_ref().map_or_else(String::new, |r| format!(": {r}"));
        match self {
            Self::NotClaimable { state, reason } => write!(f, "it is {}{}", state.as_str(), because(reason)),
            Self::NotDue { run_at, reason } => {
                write!(f, "it is not due before {}{}", run_at.format("%Y-%m-%d %H:%M:%S UTC"), because(reason))
            }
            Self::Dependency { id, state } if state.is_terminal() => {
                write!(f, "it depends on task {id}, which ended as {}: retry or replace that task", state.as_str())
            }
            Self::Dependency { id, state } => write!(f, "it depends on task {id}, which is {}", state.as_str()),
            Self::TypeNotHandled { task_type } => write!(f, "no living worker handles tasks of type {task_type}"),
            Self::GoalHeld { reason } => write!(f, "its goal is {reason}"),
        }
    }
}

/// Every reason why a task cannot be claimed now: one or more for each unmet condition, none when all are met.
#[must_use]
pub fn blockers(facts: &Facts<'_>) -> Vec<Blocker> {
    let Facts { task, unmet, goal_held, handled, now } = facts;
    let life = &task.life;
    let mut found = Vec::new();
    for condition in CONDITIONS {
        match condition {
            Condition::Claimable if !life.state.is_claimable() => {
                found.push(Blocker::NotClaimable { state: life.state, reason: life.error.clone() });
                // The other conditions say nothing about a task that nobody could claim anyway.
                return found;
            }
            Condition::Due if life.run_at > *now => {
                found.push(Blocker::NotDue { run_at: life.run_at, reason: life.error.clone() });
            }
            Condition::DependenciesMet => {
                found.extend(unmet.iter().map(|&(id, state)| Blocker::Dependency { id, state }));
            }
            Condition::TypeHandled if !handled.contains(&task.spec.task_type) => {
                found.push(Blocker::TypeNotHandled { task_type: task.spec.task_type.clone() });
            }
            Condition::GoalActive => {
                found.extend(goal_held.map(|reason| Blocker::GoalHeld { reason: reason.to_owned() }));
            }
            Condition::Claimable | Condition::Due | Condition::TypeHandled => {}
        }
    }
    found
}
