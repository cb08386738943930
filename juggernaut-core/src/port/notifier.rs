//! The notifier: tells people. A failed notice never fails a task.

use crate::Result;
use crate::base::id::{ApprovalId, GoalId, TaskId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

/// What people are told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Somebody must say yes or no.
    ApprovalAsked,
    /// A task failed for good.
    TaskFailed,
    /// Goals are open and nothing can run.
    Stalled,
    /// A goal could not be made into tasks.
    GoalParked,
    /// A finished change was reverted.
    Reverted,
}

/// One notice. `subject` and `topic` together name it: the same notice is sent once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What it is about.
    pub topic: Topic,
    /// One line.
    pub subject: String,
    /// What happened, what to do, and what happens if nobody answers.
    pub body: String,
    /// The task, where it is about one.
    pub task: Option<TaskId>,
    /// The goal, where it is about one.
    pub goal: Option<GoalId>,
    /// The approval, where it is about one.
    pub approval: Option<ApprovalId>,
}

/// A way to reach people.
#[async_trait]
pub trait Notifier: Send + Sync + std::fmt::Debug {
    /// Sends one notice.
    ///
    /// # Errors
    /// `Transient` when it may work later, `Denied` or `Invalid` when it will not.
    async fn notify(&self, notice: &Notice) -> Result<()>;
}
