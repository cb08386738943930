//! The task itself and the words that describe it.

use super::evidence::Evidence;
use super::lifecycle::{Life, State, Status};
use crate::base::id::{GoalId, TaskId};
use crate::base::money::Micros;
use crate::base::risk::Risk;
use crate::base::time::Time;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, str::FromStr};

/// Names a kind of work: lowercase letters, digits and `_`, at most 64 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct TaskType(String);

impl TaskType {
    /// The built-in types, as listed in the interfaces contract.
    pub const BUILT_IN: [&'static str; 12] = [
        "code",
        "test",
        "verification",
        "research",
        "documentation",
        "analysis",
        "planning",
        "opportunity_scan",
        "health_check",
        "deployment",
        "database",
        "financial",
    ];

    /// Takes a type's name.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the name has other characters or is too long.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if name.is_empty() || name.len() > 64 || !name.bytes().all(good) {
            return Err(Error::invalid(format!(
                "task type {name:?} must have 1 to 64 lowercase letters, digits or underscores"
            )));
        }
        Ok(Self(name))
    }
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TaskType {
    type Error = Error;
    fn try_from(name: String) -> Result<Self> {
        Self::new(name)
    }
}
impl From<TaskType> for String {
    fn from(value: TaskType) -> Self {
        value.0
    }
}
impl FromStr for TaskType {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}
impl fmt::Display for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for TaskType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What goes first.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Before everything.
    Critical,
    /// Before the ordinary.
    High,
    /// The ordinary.
    #[default]
    Medium,
    /// After the ordinary.
    Low,
    /// When nothing else is left.
    Deferred,
}

impl Priority {
    /// All priorities, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Deferred];

    /// Its place in the order: 0 is the most urgent. This is what stores keep.
    #[must_use]
    pub const fn rank(self) -> i16 {
        self as i16
    }
    /// The priority with that rank.
    #[must_use]
    pub fn from_rank(rank: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.rank() == rank)
    }
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Deferred => "deferred",
        }
    }
}

impl FromStr for Priority {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|p| p.as_str() == name)
            .ok_or_else(|| Error::invalid(format!("priority {name:?} must be critical, high, medium, low or deferred")))
    }
}

/// A task to be put into the queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewTask {
    /// Its id, minted by whoever enqueues.
    pub id: TaskId,
    /// A deduplication key: while a task with this key exists, enqueueing answers with that one. At most 200 bytes.
    pub key: Option<String>,
    /// The goal it serves.
    pub goal_id: Option<GoalId>,
    /// The task that spawned it.
    pub parent_task_id: Option<TaskId>,
    /// What kind of work.
    pub task_type: TaskType,
    /// One line, 1 to 300 characters.
    pub title: String,
    /// What is wanted, at most 64 KiB.
    pub description: String,
    /// What goes first.
    pub priority: Priority,
    /// The input of its handler; a JSON object, at most 256 KiB.
    pub payload: Value,
    /// When it counts as done.
    pub acceptance_criteria: Vec<String>,
    /// Tasks that must be completed first.
    pub depends_on: Vec<TaskId>,
    /// Ask a person before it runs, whatever its risk.
    pub requires_approval: bool,
    /// Failures allowed before it is dead-lettered, 1 to 100.
    pub max_attempts: u32,
    /// Not before this moment; none means at once.
    pub run_at: Option<Time>,
    /// Who put it there.
    pub created_by: String,
}

impl NewTask {
    /// An ordinary task: medium priority, no payload, three attempts.
    #[must_use]
    pub fn new(task_type: TaskType, title: impl Into<String>) -> Self {
        Self {
            id: TaskId::mint(),
            key: None,
            goal_id: None,
            parent_task_id: None,
            task_type,
            title: title.into(),
            description: String::new(),
            priority: Priority::default(),
            payload: Value::Object(serde_json::Map::new()),
            acceptance_criteria: Vec::new(),
            depends_on: Vec::new(),
            requires_approval: false,
            max_attempts: super::retry::DEFAULT_MAX_ATTEMPTS,
            run_at: None,
            created_by: "embedder".into(),
        }
    }

    /// Checks every bound of the fields. Every store calls this before it takes a task in.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field and its bound.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid(format!("task {:?}: {what}", self.title)));
        if self.title.trim().is_empty() || self.title.chars().count() > 300 || self.title.contains('\n') {
            return wrong("title must be one line of 1 to 300 characters");
        }
        if self.description.len() > 64 * 1024 {
            return wrong("description is longer than 64 KiB");
        }
        if !self.payload.is_object() {
            return wrong("payload must be a JSON object");
        }
        if self.payload.to_string().len() > 256 * 1024 {
            return wrong("payload is larger than 256 KiB; store it elsewhere and pass a reference");
        }
        if self.acceptance_criteria.len() > 50 || self.acceptance_criteria.iter().any(|c| c.len() > 2000) {
            return wrong("at most 50 acceptance criteria of at most 2,000 bytes each");
        }
        if self.depends_on.len() > 100 {
            return wrong("depends on more than 100 tasks");
        }
        if !(1..=100).contains(&self.max_attempts) {
            return wrong("max_attempts must be 1 to 100");
        }
        if self.key.as_ref().is_some_and(|k| k.is_empty() || k.len() > 200) {
            return wrong("key must have 1 to 200 bytes");
        }
        // A NUL cannot be kept by every store, so none takes it.
        let texts = [&self.title, &self.description, &self.created_by];
        let criteria = self.acceptance_criteria.iter();
        if texts.into_iter().chain(criteria).chain(self.key.as_ref()).any(|t| t.contains('\0'))
            || self.payload.to_string().contains("\\u0000")
        {
            return wrong("text must not contain NUL characters");
        }
        Ok(())
    }
}

/// A task as its store has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// What was enqueued.
    pub spec: NewTask,
    /// When it was acknowledged, on the store's clock.
    pub created_at: Time,
    /// Where it stands.
    pub life: Life,
    /// Dependencies that are not completed.
    pub unmet: Vec<TaskId>,
    /// What was found when its risk was last weighed.
    pub risk: Option<Risk>,
    /// Evidence that was verified, oldest first.
    pub evidence: Vec<Evidence>,
    /// What was spent on it.
    pub cost: Micros,
}

impl Task {
    /// Its id.
    #[must_use]
    pub const fn id(&self) -> TaskId {
        self.spec.id
    }
    /// Its status as people see it: `blocked` is a pending task with an unmet dependency.
    #[must_use]
    pub fn status(&self) -> Status {
        if self.life.state == State::Pending && !self.unmet.is_empty() {
            Status::Blocked
        } else {
            Status::from(self.life.state)
        }
    }
}
