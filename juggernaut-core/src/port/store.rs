//! The stores: where tasks, goals, approvals and workers are kept.
//!
//! Writing is one method that takes data: a [`Commit`] is applied in one transaction, fenced, so that state, money,
//! conversation, evidence and audit change together or not at all. A new subsystem adds a field, not a method.
//! Leases are on the store's own clock. No method may hold a transaction open after it returns.

use crate::Result;
use crate::base::effect::{Effect, EffectKey};
use crate::base::id::{ApprovalId, GoalId, TaskId, WorkerId};
use crate::base::money::Micros;
use crate::base::risk::Risk;
use crate::base::time::Time;
use crate::brain::turn::Record;
use crate::govern::approval::{Approval, Decision};
use crate::plan::goal::{Goal, GoalStatus};
use crate::task::lifecycle::{Lease, State, Transition};
use crate::task::{NewTask, Task, TaskType};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most tasks enqueued, claimed or commits applied in one call.
pub const MAX_BATCH: usize = 10_000;

/// What became of an enqueued task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// The task's id: its own, or that of the task that already had its key.
    pub id: TaskId,
    /// Was it put in by this call?
    pub created: bool,
}

/// Who wants how much of what.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The worker the leases go to.
    pub worker: WorkerId,
    /// The types it can handle; nothing is claimed when empty.
    pub task_types: Vec<TaskType>,
    /// At most so many tasks, 1 to [`MAX_BATCH`].
    pub limit: usize,
    /// How long the leases last unless renewed.
    pub lease: Duration,
}

/// On which condition a commit is applied.
#[derive(Debug, Clone)]
pub enum Fence {
    /// The task is in progress under this lease, which has not expired on the store's clock. Else `LeaseLost`.
    Lease(Lease),
    /// The task is in progress under this lease, which HAS expired on the store's clock. Else `Conflict`.
    Expired(Lease),
    /// The task's revision is still this one. Else `Conflict`. For operators and the sweep.
    Revision(TaskId, u64),
}

impl Fence {
    /// The task it guards.
    #[must_use]
    pub const fn task(&self) -> TaskId {
        match self {
            Self::Lease(lease) | Self::Expired(lease) => lease.task,
            Self::Revision(task, _) => *task,
        }
    }
}

/// One entry of what was spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The model that was paid.
    pub model: String,
    /// The provider's id of the answer: the same answer is entered once per task.
    pub reference: String,
    /// Tokens in.
    pub prompt_tokens: u64,
    /// Tokens out.
    pub completion_tokens: u64,
    /// The cost.
    pub cost: Micros,
}

/// Something that happened, for the record. Stored with the time of the store's clock and a growing sequence number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewEvent {
    /// What: `claimed`, `completed`, `evidence_refused`, `model_answered`, …
    pub kind: String,
    /// Who: a worker id, `sweep`, `verifier:…`, or the name an operator gave.
    pub actor: String,
    /// One line for people.
    pub message: String,
    /// The facts.
    pub data: Value,
}

impl NewEvent {
    /// An event with its line and no further facts.
    pub fn new(kind: impl Into<String>, actor: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind: kind.into(), actor: actor.into(), message: message.into(), data: Value::Null }
    }
    /// The same with facts.
    #[must_use]
    pub fn with(mut self, data: Value) -> Self {
        self.data = data;
        self
    }
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Grows with every event of the store.
    pub seq: i64,
    /// The task it is about.
    pub task_id: Option<TaskId>,
    /// The goal it is about (of a task: the task's goal).
    pub goal_id: Option<GoalId>,
    /// The task's attempt at that time.
    pub attempt: u32,
    /// When, on the store's clock.
    pub at: Time,
    /// What happened.
    #[serde(flatten)]
    pub event: NewEvent,
}

/// A step of an effect's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum EffectStep {
    /// It is about to happen. The same key again is no second intent.
    Intended {
        /// Its key.
        key: EffectKey,
        /// The act.
        effect: Effect,
        /// The approval that allows it.
        approval: Option<ApprovalId>,
    },
    /// It happened.
    Done {
        /// Its key.
        key: EffectKey,
        /// What it gave back.
        result: Value,
    },
}

/// A row of an effect's journal: open while `result` is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Its key, unique in the store.
    pub key: EffectKey,
    /// The act.
    pub effect: Effect,
    /// The approval that allowed it.
    pub approval: Option<ApprovalId>,
    /// The attempt that intended it.
    pub attempt: u32,
    /// When it was intended.
    pub intended_at: Time,
    /// What it gave back, once done.
    pub result: Option<Value>,
}

/// A step of an approval.
#[derive(Debug, Clone, PartialEq)]
pub enum ApprovalStep {
    /// Ask. While the same task has an open request with the same digest, this is no second one.
    Ask(Box<Approval>),
    /// Answer an open request; `Conflict` when it is answered already.
    Decide(ApprovalId, Decision),
}

/// A change of a goal's status, conditional on its revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoalChange {
    /// The goal.
    pub id: GoalId,
    /// The revision it was decided on.
    pub revision: u64,
    /// The new status.
    pub status: GoalStatus,
    /// Why, where there is something to say.
    pub reason: Option<String>,
}

/// Everything that changes with one decision about one task: applied in one transaction, or not at all.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The condition.
    pub fence: Fence,
    /// The step of the task's machine; none keeps its state (the revision then stays, too).
    pub transition: Option<Transition>,
    /// The risk as weighed now.
    pub risk: Option<Risk>,
    /// Tasks it brings forth; a key that exists already is left as it is.
    pub spawn: Vec<NewTask>,
    /// Rows of the conversation.
    pub records: Vec<Record>,
    /// Steps of the effect journal.
    pub effects: Vec<EffectStep>,
    /// Steps of approvals.
    pub approvals: Vec<ApprovalStep>,
    /// What was spent; the sum is added to the task's cost.
    pub ledger: Vec<LedgerEntry>,
    /// A change of its goal.
    pub goal: Option<GoalChange>,
    /// What happened. A transition without an event of its own is recorded under its event name.
    pub events: Vec<NewEvent>,
    /// Who commits: the actor of the events that the store adds itself.
    pub actor: String,
}

impl Commit {
    /// A commit that changes nothing yet.
    #[must_use]
    pub fn new(fence: Fence, actor: impl Into<String>) -> Self {
        Self {
            fence,
            transition: None,
            risk: None,
            spawn: Vec::new(),
            records: Vec::new(),
            effects: Vec::new(),
            approvals: Vec::new(),
            ledger: Vec::new(),
            goal: None,
            events: Vec::new(),
            actor: actor.into(),
        }
    }
}

/// Which tasks to list, newest first. Empty lists do not filter.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// Only these states.
    pub states: Vec<State>,
    /// Only these types.
    pub task_types: Vec<TaskType>,
    /// Only of this goal.
    pub goal: Option<GoalId>,
    /// Only with this parent.
    pub parent: Option<TaskId>,
    /// Only ids that begin with these characters (of the hyphenated lowercase form).
    pub id_prefix: Option<String>,
    /// Only those in progress whose lease has expired on the store's clock.
    pub lease_expired: bool,
    /// Only those created before this one: the cursor of the next page.
    pub before: Option<TaskId>,
    /// At most so many; 0 means 100.
    pub limit: usize,
}

/// How many tasks there are in each state.
pub type Counts = BTreeMap<State, u64>;

/// Tasks: the queue, its leases and its record.
///
/// Errors: `NotFound`, `Conflict`, `LeaseLost`, `Invalid`, `Transient` (locked or unreachable: nothing happened),
/// `OutcomeUnknown` (the connection broke during a commit: read before repeating).
#[async_trait]
pub trait TaskStore: Send + Sync + std::fmt::Debug {
    /// The store's clock.
    async fn now(&self) -> Result<Time>;

    /// Puts tasks in, all or none, durably before it returns. Refuses unknown dependencies, circles, ids that exist
    /// (`Conflict`) and fields out of bounds. A task whose key exists is not put in again.
    async fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>>;

    /// Leases claimable tasks in the order of [`crate::task::claim::ORDER`], as [`crate::task::claim::CONDITIONS`]
    /// allow. Each is [`crate::task::lifecycle::Event::Claimed`] applied, and recorded as such.
    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Task>>;

    /// Renews leases to `lease` from now. Answers with those that are lost: expired, or passed on.
    async fn heartbeat(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>>;

    /// Applies commits, each whole or not at all, in order. Answers per commit.
    async fn commit(&self, commits: Vec<Commit>) -> Result<Vec<Result<()>>>;

    /// One task.
    async fn task(&self, id: TaskId) -> Result<Task>;

    /// A list of tasks, newest first by id.
    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>>;

    /// The conversation of a task, oldest row first.
    async fn conversation(&self, task: TaskId) -> Result<Vec<Record>>;

    /// The effects of a task, in the order intended.
    async fn journal(&self, task: TaskId) -> Result<Vec<JournalEntry>>;

    /// Events of a task, or of all, with a sequence number above `after`, oldest first, at most `limit`.
    async fn events(&self, task: Option<TaskId>, after: i64, limit: usize) -> Result<Vec<Event>>;
}

/// Goals.
///
/// Errors as for [`TaskStore`].
#[async_trait]
pub trait GoalStore: Send + Sync + std::fmt::Debug {
    /// Puts a goal in together with its first tasks, all or none. An id that exists is a `Conflict`.
    async fn add_goal(&self, goal: &Goal, tasks: Vec<NewTask>) -> Result<()>;

    /// One goal.
    async fn goal(&self, id: GoalId) -> Result<Goal>;

    /// All goals, newest first; only those whose id begins with `id_prefix`, where given.
    async fn goals(&self, id_prefix: Option<&str>) -> Result<Vec<Goal>>;

    /// Changes a goal's status and puts in tasks, in one transaction; `Conflict` when its revision moved. The change
    /// is recorded as an event by `actor`.
    async fn change_goal(&self, change: &GoalChange, tasks: Vec<NewTask>, actor: &str) -> Result<()>;

    /// How many tasks of a goal, or of the whole store, are in each state.
    async fn counts(&self, goal: Option<GoalId>) -> Result<Counts>;
}

/// Which approvals to list.
#[derive(Debug, Clone, Default)]
pub struct ApprovalFilter {
    /// Only of this task.
    pub task: Option<TaskId>,
    /// Only those without an answer.
    pub open: bool,
    /// Only ids that begin with these characters.
    pub id_prefix: Option<String>,
}

/// Requests for approval. They are asked and answered through [`TaskStore::commit`].
#[async_trait]
pub trait ApprovalStore: Send + Sync + std::fmt::Debug {
    /// A list of requests, oldest first, at most 1,000.
    async fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<Approval>>;
}

/// A worker as it registered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerRow {
    /// Its name.
    pub id: WorkerId,
    /// Its role: orchestrator, executor, watchdog, analyst or strategist.
    pub worker_type: String,
    /// The types it can handle.
    pub task_types: Vec<TaskType>,
    /// When it last said that it lives, on the store's clock.
    pub last_heartbeat: Time,
    /// It said goodbye.
    pub stopped: bool,
}

/// The registry of workers.
#[async_trait]
pub trait WorkerStore: Send + Sync + std::fmt::Debug {
    /// Registers a worker or renews its sign of life; `last_heartbeat` is set by the store's clock.
    async fn worker_seen(&self, worker: &WorkerRow) -> Result<()>;

    /// All workers, by name.
    async fn workers(&self) -> Result<Vec<WorkerRow>>;
}

/// Everything a worker needs of a store.
pub trait Store: TaskStore + GoalStore + ApprovalStore + WorkerStore {
    /// The same store, as the narrow trait of tasks.
    fn as_tasks(&self) -> &dyn TaskStore;
}

impl<T: TaskStore + GoalStore + ApprovalStore + WorkerStore> Store for T {
    fn as_tasks(&self) -> &dyn TaskStore {
        self
    }
}
