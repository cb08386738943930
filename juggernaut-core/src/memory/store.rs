//! All stores in memory: one mutex around plain maps. A real backend, and the specification of the others.

mod apply;
mod state;

use crate::base::id::{GoalId, TaskId};
use crate::base::time::{Clock, Time};
use crate::brain::turn::Record;
use crate::govern::approval::Approval;
use crate::plan::goal::Goal;
use crate::port::commit;
use crate::port::store::{
    ApprovalFilter, ApprovalStore, ClaimRequest, Commit, Counts, Enqueued, Event, GoalChange, GoalStore, JournalEntry,
    MAX_BATCH, TaskFilter, TaskStore, WorkerRow, WorkerStore,
};
use crate::task::lifecycle::Lease;
use crate::task::{NewTask, Task};
use crate::{Error, Result};
use async_trait::async_trait;
use chrono::SubsecRound;
use state::State;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A store that lives as long as the process.
#[derive(Debug)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

impl MemoryStore {
    /// An empty store on this clock.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Mutex::default() }
    }

    fn time(&self) -> Time {
        self.clock.now().trunc_subsecs(6)
    }

    // A panic while the mutex is held is a bug elsewhere; every change is checked before it is made, so the state holds.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TaskStore for MemoryStore {
    async fn now(&self) -> Result<Time> {
        Ok(self.time())
    }

    async fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        let mut state = self.state();
        let intake = state.plan(tasks, None)?;
        Ok(state.put_in(intake, None, self.time()))
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Task>> {
        if !(1..=MAX_BATCH).contains(&request.limit) {
            return Err(Error::invalid(format!("claim limit {} must be 1 to {MAX_BATCH}", request.limit)));
        }
        let now = self.time();
        let until = commit::lease_end(now, request.lease)?;
        self.state().claim(request, until, now)
    }

    async fn heartbeat(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Lease>> {
        let now = self.time();
        let until = commit::lease_end(now, lease)?;
        let mut state = self.state();
        Ok(leases.iter().filter(|held| !state.renew(held, until, now)).cloned().collect())
    }

    async fn commit(&self, commits: Vec<Commit>) -> Result<Vec<Result<()>>> {
        if commits.len() > MAX_BATCH {
            return Err(Error::invalid(format!("{} commits in one call; at most {MAX_BATCH}", commits.len())));
        }
        let now = self.time();
        let mut state = self.state();
        Ok(commits.into_iter().map(|commit| state.apply(commit, now)).collect())
    }

    async fn task(&self, id: TaskId) -> Result<Task> {
        let state = self.state();
        Ok(state.view(state.entry(id)?))
    }

    async fn tasks(&self, filter: &TaskFilter) -> Result<Vec<Task>> {
        Ok(self.state().list(filter, self.time()))
    }

    async fn conversation(&self, task: TaskId) -> Result<Vec<Record>> {
        Ok(self.state().entry(task).map(|entry| entry.records.clone()).unwrap_or_default())
    }

    async fn journal(&self, task: TaskId) -> Result<Vec<JournalEntry>> {
        Ok(self.state().entry(task).map(|entry| entry.journal.clone()).unwrap_or_default())
    }

    async fn events(&self, task: Option<TaskId>, after: i64, limit: usize) -> Result<Vec<Event>> {
        Ok(self.state().events_of(task, after).take(limit).cloned().collect())
    }
}

#[async_trait]
impl GoalStore for MemoryStore {
    async fn add_goal(&self, goal: &Goal, tasks: Vec<NewTask>) -> Result<()> {
        goal.validate()?;
        let now = self.time();
        let mut state = self.state();
        if state.goals.contains_key(&goal.id) {
            return Err(Error::conflict(format!("goal {} exists already", goal.id)));
        }
        let intake = state.plan(tasks, Some(goal.id))?;
        let deadline = goal.deadline.map(|at| at.trunc_subsecs(6));
        state.goals.insert(goal.id, Goal { created_at: now, deadline, ..goal.clone() });
        state.record_goal(goal.id, commit::goal_added(&goal.title, &goal.created_by), now);
        state.put_in(intake, None, now);
        Ok(())
    }

    async fn goal(&self, id: GoalId) -> Result<Goal> {
        self.state().goals.get(&id).cloned().ok_or_else(|| Error::not_found(format!("goal {id}")))
    }

    async fn goals(&self, id_prefix: Option<&str>) -> Result<Vec<Goal>> {
        let fits = |goal: &&Goal| id_prefix.is_none_or(|prefix| goal.id.to_string().starts_with(prefix));
        Ok(self.state().goals.values().rev().filter(fits).cloned().collect())
    }

    async fn change_goal(&self, change: &GoalChange, tasks: Vec<NewTask>, actor: &str) -> Result<()> {
        let now = self.time();
        let mut state = self.state();
        state.goal_is_at(change)?;
        let intake = state.plan(tasks, None)?;
        state.change_goal(change);
        state.record_goal(change.id, commit::goal_changed(change, actor), now);
        state.put_in(intake, Some(actor), now);
        Ok(())
    }

    async fn counts(&self, goal: Option<GoalId>) -> Result<Counts> {
        Ok(self.state().counts(goal))
    }
}

#[async_trait]
impl ApprovalStore for MemoryStore {
    async fn approvals(&self, filter: &ApprovalFilter) -> Result<Vec<Approval>> {
        Ok(self.state().approvals_of(filter))
    }
}

#[async_trait]
impl WorkerStore for MemoryStore {
    async fn worker_seen(&self, worker: &WorkerRow) -> Result<()> {
        let seen = WorkerRow { last_heartbeat: self.time(), ..worker.clone() };
        self.state().workers.insert(worker.id.clone(), seen);
        Ok(())
    }

    async fn workers(&self) -> Result<Vec<WorkerRow>> {
        Ok(self.state().workers.values().cloned().collect())
    }
}
