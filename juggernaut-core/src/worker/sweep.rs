//! One tick of everything periodic: expired leases → goals → finished work that may be true no longer → stalls.
//!
//! Any number of processes may sweep: each write is conditional, so the second one finds it done.

use super::attempt::failure_notice;
use super::engine::Engine;
use super::{verify, why};
use crate::base::id::GoalId;
use crate::plan::goal::{Goal, GoalStatus, progress};
use crate::port::notifier::{Notice, Topic};
use crate::port::store::{Commit, Fence, GoalChange, NewEvent, TaskFilter};
use crate::task::Task;
use crate::task::evidence::{Facts, Hearing, judge};
use crate::task::lifecycle::{Event, State, apply};
use crate::{Error, Result};
use chrono::TimeDelta;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const ACTOR: &str = "sweep";
const BATCH: usize = 1000;

/// The sweep of an engine.
#[derive(Debug)]
pub struct Sweep {
    engine: Arc<Engine>,
    stalled: BTreeSet<GoalId>,
    rechecked: Option<Instant>,
}

impl Engine {
    /// The sweep of this engine.
    #[must_use]
    pub fn sweep(self: &Arc<Self>) -> Sweep {
        Sweep { engine: self.clone(), stalled: BTreeSet::new(), rechecked: None }
    }
}

impl Sweep {
    /// Sweeps until `shutdown`. It never ends by itself.
    pub async fn run(mut self, shutdown: CancellationToken) {
        loop {
            self.tick().await;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.engine.options.sweep) => {}
            }
        }
    }

    /// One tick. A part that fails is logged and tried again at the next.
    pub async fn tick(&mut self) {
        let parts: [(&str, Result<()>); 4] = [
            ("rescue expired leases", self.rescue().await),
            ("look after goals", self.goals().await),
            ("read finished changes again", self.recheck().await),
            ("look for stalled goals", self.stalls().await),
        ];
        for (part, result) in parts {
            if let Err(error) = result {
                tracing::warn!(%error, "the sweep could not {part}; trying again");
            }
        }
    }

    // G5: the task of a dead worker runs again within lease + one sweep.
    async fn rescue(&self) -> Result<()> {
        let store = &self.engine.store;
        let filter = TaskFilter { lease_expired: true, limit: BATCH, ..TaskFilter::default() };
        let now = store.now().await?;
        for task in store.tasks(&filter).await? {
            let Some(lease) = task.life.lease.clone() else { continue };
            let step = apply(&task.life, Event::LeaseExpired, now)?;
            let error = step.next().error.clone().unwrap_or_default();
            let dead = step.next().state == State::DeadLetter;
            let mut commit = Commit::new(Fence::Expired(lease), ACTOR);
            commit.events.push(NewEvent::new(step.event(), ACTOR, error.clone()));
            commit.transition = Some(step);
            match self.engine.commit(commit).await {
                Ok(()) if dead => self.engine.notify(failure_notice(&task, &error)).await,
                // Renewed, finished or rescued by another sweep in the meantime.
                Ok(()) | Err(Error::Conflict { .. } | Error::LeaseLost { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    // A goal is completed, re-opened or parked by what its tasks show, never by anybody's word.
    async fn goals(&self) -> Result<()> {
        for goal in self.engine.store.goals(None).await? {
            if !matches!(goal.status, GoalStatus::Active | GoalStatus::Completed) {
                continue;
            }
            let filter = TaskFilter { goal: Some(goal.id), limit: BATCH, ..TaskFilter::default() };
            let tasks = self.engine.store.tasks(&filter).await?;
            let Some((status, reason)) = judge_goal(&goal, &tasks) else { continue };
            let change = GoalChange { id: goal.id, revision: goal.revision, status, reason: reason.clone() };
            match self.engine.store.change_goal(&change, Vec::new(), ACTOR).await {
                Ok(()) if status == GoalStatus::Parked => {
                    let reason = reason.unwrap_or_default();
                    let body = format!("{reason}\nTry again with `juggernaut goal resume {}`.", goal.id);
                    self.tell(Topic::GoalParked, format!("goal parked: {}", goal.title), body, &goal).await;
                }
                Ok(()) | Err(Error::Conflict { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    // G10: completed stays checked. A merge that was reverted, or is no longer on the base, re-opens its task.
    async fn recheck(&mut self) -> Result<()> {
        if self.rechecked.is_some_and(|at| at.elapsed() < self.engine.options.recheck) {
            return Ok(());
        }
        self.rechecked = Some(Instant::now());
        let Ok(host) = self.engine.host() else { return Ok(()) };
        let now = self.engine.store.now().await?;
        let oldest = now - TimeDelta::from_std(self.engine.options.recheck_for).unwrap_or(TimeDelta::MAX);
        let filter = TaskFilter { states: vec![State::Completed], limit: BATCH, ..TaskFilter::default() };
        for task in self.engine.store.tasks(&filter).await? {
            let recent = task.life.completed_at.is_some_and(|at| at >= oldest);
            let Some((number, pushed)) = verify::proven_change(&task).filter(|_| recent) else { continue };
            let Some(facts) = verify::read_change(host, number, pushed).await? else { continue };
            let Some(executor) = task.life.worker.clone() else { continue };
            let hearing = Hearing { attempt: task.life.attempt, executor, verifier: "verifier:recheck".into() };
            let demand = crate::task::evidence::Demand::MergedChange;
            if let Err(refused) = judge(&demand, Facts::Change(Box::new(facts)), hearing, now) {
                self.reopen(&task, refused.to_string(), now).await?;
            }
        }
        Ok(())
    }

    async fn reopen(&self, task: &Task, reason: String, now: crate::base::time::Time) -> Result<()> {
        let step = apply(&task.life, Event::Reopened { reason: reason.clone() }, now)?;
        let mut commit = Commit::new(Fence::Revision(task.id(), task.life.revision), ACTOR);
        commit.records.push(crate::brain::turn::Record::Closed { reason: reason.clone() });
        commit.events.push(NewEvent::new(step.event(), ACTOR, reason.clone()));
        commit.transition = Some(step);
        match self.engine.commit(commit).await {
            Ok(()) => {
                let notice = Notice {
                    topic: Topic::Reverted,
                    subject: format!("task re-opened: {}", task.spec.title),
                    body: format!(
                        "{reason}\nIt is done again unless it is cancelled: `juggernaut task cancel {}`.",
                        task.id()
                    ),
                    task: Some(task.id()),
                    goal: task.spec.goal_id,
                    approval: None,
                };
                self.engine.notify(notice).await;
                Ok(())
            }
            Err(Error::Conflict { .. }) => Ok(()),
            Err(other) => Err(other),
        }
    }

    // Goals open, nothing runnable: told once, and again only after it moved in between.
    async fn stalls(&mut self) -> Result<()> {
        let verdict = why::find_stalled(&*self.engine.store).await?;
        let now: BTreeSet<GoalId> = verdict.stalled.iter().map(|goal| goal.id).collect();
        for stalled in verdict.stalled.iter().filter(|goal| !self.stalled.contains(&goal.id)) {
            tracing::warn!(goal.id = %stalled.id, reasons = ?stalled.reasons, "goal open, nothing runnable");
            let goal = self.engine.store.goal(stalled.id).await?;
            let body = format!("{}\nSee `juggernaut why goal {}`.", stalled.reasons.join("\n"), goal.id);
            self.tell(Topic::Stalled, format!("goal open, nothing runnable: {}", goal.title), body, &goal).await;
        }
        self.stalled = now;
        Ok(())
    }

    async fn tell(&self, topic: Topic, subject: String, body: String, goal: &Goal) {
        let notice = Notice { topic, subject, body, task: None, goal: Some(goal.id), approval: None };
        self.engine.notify(notice).await;
    }
}

fn judge_goal(goal: &Goal, tasks: &[Task]) -> Option<(GoalStatus, Option<String>)> {
    let planning = |task: &&Task| task.spec.task_type.as_str() == "planning";
    let done = progress(tasks.iter().map(|t| (planning(&t), t.life.state))).is_complete();
    let planned = tasks.iter().filter(planning).all(|t| t.life.state.is_terminal());
    match goal.status {
        GoalStatus::Active if done && planned => Some((GoalStatus::Completed, None)),
        GoalStatus::Completed if !done => Some((GoalStatus::Active, Some("a finished task was re-opened".into()))),
        GoalStatus::Active => {
            // Its newest plan ended without success, and there is nothing else.
            let newest = tasks.iter().filter(planning).max_by_key(|t| (t.created_at, t.id()))?;
            let hopeless =
                matches!(newest.life.state, State::DeadLetter | State::Failed) && tasks.iter().all(|t| planning(&t));
            let reason = newest.life.error.clone().unwrap_or_else(|| "planning failed".into());
            hopeless.then_some((GoalStatus::Parked, Some(reason)))
        }
        GoalStatus::Completed | GoalStatus::Paused | GoalStatus::Parked => None,
    }
}
