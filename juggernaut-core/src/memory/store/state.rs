//! The maps, and what is read from them.

use crate::base::effect::EffectKey;
use crate::base::id::{ApprovalId, GoalId, TaskId, WorkerId};
use crate::base::money::Micros;
use crate::base::time::Time;
use crate::brain::turn::Record;
use crate::govern::approval::Approval;
use crate::plan::goal::{Goal, GoalStatus};
use crate::port::commit;
use crate::port::intake::{self, Intake, Known, Names};
use crate::port::store::{
    ApprovalFilter, ClaimRequest, Counts, Enqueued, Event, GoalChange, JournalEntry, LedgerEntry, NewEvent, TaskFilter,
    WorkerRow,
};
use crate::task::claim::{self, CONDITIONS, Condition};
use crate::task::lifecycle::{self, Lease, Life};
use crate::task::{NewTask, Task};
use crate::{Error, Result};
use std::collections::BTreeMap;

/// Most approvals in one answer.
const MAX_APPROVALS: usize = 1_000;

/// A task and everything that belongs to it.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its `unmet` stays empty here: it is computed when the task is shown.
    pub(super) task: Task,
    pub(super) records: Vec<Record>,
    pub(super) journal: Vec<JournalEntry>,
    pub(super) approvals: Vec<Approval>,
    /// By reference.
    pub(super) ledger: BTreeMap<String, LedgerEntry>,
}

/// Everything the store holds.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tasks: BTreeMap<TaskId, Entry>,
    pub(super) keys: BTreeMap<String, TaskId>,
    pub(super) goals: BTreeMap<GoalId, Goal>,
    pub(super) effects: BTreeMap<EffectKey, TaskId>,
    pub(super) approvals: BTreeMap<ApprovalId, TaskId>,
    pub(super) workers: BTreeMap<WorkerId, WorkerRow>,
    events: Vec<Event>,
}

impl State {
    pub(super) fn entry(&self, id: TaskId) -> Result<&Entry> {
        self.tasks.get(&id).ok_or_else(|| Error::not_found(format!("task {id}")))
    }

    /// The task as it is shown.
    pub(super) fn view(&self, entry: &Entry) -> Task {
        let unmet = self.unmet(&entry.task).collect();
        Task { unmet, ..entry.task.clone() }
    }

    fn unmet<'a>(&'a self, task: &'a Task) -> impl Iterator<Item = TaskId> + 'a {
        let completed =
            |id: &TaskId| self.tasks.get(id).map(|e| e.task.life.state) == Some(lifecycle::State::Completed);
        task.spec.depends_on.iter().copied().filter(move |id| !completed(id))
    }

    /// Decides on a batch of tasks; `goal` is about to be put in with them.
    pub(super) fn plan(&self, tasks: Vec<NewTask>, goal: Option<GoalId>) -> Result<Intake> {
        let names = Names::of(&tasks);
        let known = Known {
            keys: names.keys.into_iter().filter_map(|key| self.keys.get(&key).map(|&id| (key, id))).collect(),
            tasks: names.tasks.into_iter().filter(|id| self.tasks.contains_key(id)).collect(),
            goals: names.goals.into_iter().filter(|id| Some(*id) == goal || self.goals.contains_key(id)).collect(),
        };
        intake::plan(tasks, &known)
    }

    /// Puts in what was planned. The actor of the record is who enqueued, unless somebody else is named.
    pub(super) fn put_in(&mut self, intake: Intake, actor: Option<&str>, now: Time) -> Vec<Enqueued> {
        for spec in intake.new {
            self.keys.extend(spec.key.clone().map(|key| (key, spec.id)));
            let event = commit::enqueued(&spec.title, actor.unwrap_or(&spec.created_by));
            self.record(Some(spec.id), spec.goal_id, 0, event, now);
            let life = Life::new(spec.run_at.unwrap_or(now), spec.max_attempts);
            let (unmet, evidence) = (Vec::new(), Vec::new());
            let task = Task { spec, created_at: now, life, unmet, risk: None, evidence, cost: Micros::ZERO };
            let (records, journal, approvals) = (Vec::new(), Vec::new(), Vec::new());
            let entry = Entry { task, records, journal, approvals, ledger: BTreeMap::new() };
            self.tasks.insert(entry.task.id(), entry);
        }
        intake.answers
    }

    pub(super) fn record(
        &mut self,
        task_id: Option<TaskId>,
        goal_id: Option<GoalId>,
        attempt: u32,
        event: NewEvent,
        at: Time,
    ) {
        let seq = self.events.last().map_or(1, |last| last.seq + 1);
        self.events.push(Event { seq, task_id, goal_id, attempt, at, event });
    }

    pub(super) fn record_goal(&mut self, goal: GoalId, event: NewEvent, at: Time) {
        self.record(None, Some(goal), 0, event, at);
    }

    pub(super) fn claim(&mut self, request: &ClaimRequest, until: Time, now: Time) -> Result<Vec<Task>> {
        let mut found: Vec<&Task> =
            self.tasks.values().map(|e| &e.task).filter(|task| self.claimable(task, request, now)).collect();
        found.sort_by(|a, b| claim::compare(a, b));
        let ids: Vec<TaskId> = found.into_iter().take(request.limit).map(Task::id).collect();
        ids.into_iter().map(|id| self.lease(id, request, until, now)).collect()
    }

    fn claimable(&self, task: &Task, request: &ClaimRequest, now: Time) -> bool {
        CONDITIONS.into_iter().all(|condition| match condition {
            Condition::Claimable => task.life.state.is_claimable(),
            Condition::Due => task.life.run_at <= now,
            Condition::DependenciesMet => self.unmet(task).next().is_none(),
            Condition::TypeHandled => request.task_types.contains(&task.spec.task_type),
            Condition::GoalActive => task
                .spec
                .goal_id
                .is_none_or(|id| self.goals.get(&id).is_some_and(|goal| goal.status == GoalStatus::Active)),
        })
    }

    fn lease(&mut self, id: TaskId, request: &ClaimRequest, until: Time, now: Time) -> Result<Task> {
        let Some(entry) = self.tasks.get_mut(&id) else { return Err(Error::not_found(format!("task {id}"))) };
        let worker = request.worker.clone();
        let event = lifecycle::Event::Claimed { task: id, worker, until };
        let transition = lifecycle::apply(&entry.task.life, event, now)?;
        entry.task.life = transition.next().clone();
        let task = entry.task.clone();
        let event = commit::moved(&transition, request.worker.as_str());
        self.record(Some(id), task.spec.goal_id, task.life.attempt, event, now);
        Ok(task)
    }

    /// Renews a lease; false when it is lost.
    pub(super) fn renew(&mut self, held: &Lease, until: Time, now: Time) -> bool {
        let Some(life) = self.tasks.get_mut(&held.task).map(|entry| &mut entry.task.life) else { return false };
        if !commit::is_live(held, life, now) {
            return false;
        }
        if let Some(lease) = &mut life.lease {
            lease.expires_at = until;
        }
        true
    }

    pub(super) fn list(&self, filter: &TaskFilter, now: Time) -> Vec<Task> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit };
        let fits = |task: &Task| {
            let expired = || task.life.lease.as_ref().is_some_and(|lease| lease.expires_at <= now);
            (filter.states.is_empty() || filter.states.contains(&task.life.state))
                && (filter.task_types.is_empty() || filter.task_types.contains(&task.spec.task_type))
                && filter.goal.is_none_or(|goal| task.spec.goal_id == Some(goal))
                && filter.parent.is_none_or(|parent| task.spec.parent_task_id == Some(parent))
                && filter.id_prefix.as_ref().is_none_or(|prefix| task.id().to_string().starts_with(prefix))
                && (!filter.lease_expired || expired())
                && filter.before.is_none_or(|before| task.id() < before)
        };
        self.tasks.values().rev().filter(|e| fits(&e.task)).take(limit).map(|e| self.view(e)).collect()
    }

    pub(super) fn events_of(&self, task: Option<TaskId>, after: i64) -> impl Iterator<Item = &Event> {
        let from = self.events.partition_point(|event| event.seq <= after);
        self.events[from..].iter().filter(move |event| task.is_none() || event.task_id == task)
    }

    pub(super) fn goal_is_at(&self, change: &GoalChange) -> Result<()> {
        let goal = self.goals.get(&change.id).ok_or_else(|| Error::not_found(format!("goal {}", change.id)))?;
        commit::goal_is_at(change, goal.revision)
    }

    pub(super) fn change_goal(&mut self, change: &GoalChange) {
        if let Some(goal) = self.goals.get_mut(&change.id) {
            goal.revision += 1;
            goal.status = change.status;
            goal.reason.clone_from(&change.reason);
        }
    }

    pub(super) fn counts(&self, goal: Option<GoalId>) -> Counts {
        let mut counts = Counts::new();
        for task in self.tasks.values().map(|e| &e.task).filter(|t| goal.is_none() || t.spec.goal_id == goal) {
            *counts.entry(task.life.state).or_default() += 1;
        }
        counts
    }

    pub(super) fn approvals_of(&self, filter: &ApprovalFilter) -> Vec<Approval> {
        let fits = |approval: &&Approval| {
            filter.task.is_none_or(|task| approval.task_id == task)
                && (!filter.open || approval.decision.is_none())
                && filter.id_prefix.as_ref().is_none_or(|prefix| approval.id.to_string().starts_with(prefix))
        };
        let mut found: Vec<&Approval> = self.tasks.values().flat_map(|e| &e.approvals).filter(fits).collect();
        found.sort_by_key(|approval| (approval.requested_at, approval.id));
        found.into_iter().take(MAX_APPROVALS).cloned().collect()
    }
}
