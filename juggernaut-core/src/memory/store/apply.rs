//! Applying a commit: everything that can be refused is decided on copies first, so that it changes all or nothing.

use super::state::{Entry, State};
use crate::base::time::Time;
use crate::govern::approval::Approval;
use crate::port::commit;
use crate::port::store::{ApprovalStep, Commit, EffectStep, JournalEntry, LedgerEntry};
use crate::{Error, Result};
use chrono::SubsecRound;

impl State {
    pub(super) fn apply(&mut self, mut commit: Commit, now: Time) -> Result<()> {
        let id = commit.fence.task();
        let entry = self.entry(id)?;
        let goal = entry.task.spec.goal_id;
        commit::check(&commit, &entry.task.life, goal, now)?;
        if let Some(change) = &commit.goal {
            self.goal_is_at(change)?;
        }
        let attempt = commit.transition.as_ref().map_or(entry.task.life.attempt, |t| t.next().attempt);
        let approvals = self.step_approvals(entry, std::mem::take(&mut commit.approvals))?;
        let journal = self.step_effects(entry, &approvals, std::mem::take(&mut commit.effects), now)?;
        let intake = self.plan(std::mem::take(&mut commit.spawn), None)?;
        // Nothing is refused from here on.
        self.effects.extend(journal.iter().map(|row| (row.key.clone(), id)));
        self.approvals.extend(approvals.iter().map(|approval| (approval.id, id)));
        if let Some(entry) = self.tasks.get_mut(&id) {
            entry.journal = journal;
            entry.approvals = approvals;
            entry.settle(&mut commit);
        }
        for event in commit::events(&commit) {
            self.record(Some(id), goal, attempt, event, now);
        }
        self.put_in(intake, Some(&commit.actor), now);
        if let Some(change) = &commit.goal {
            self.change_goal(change);
            self.record(Some(id), goal, attempt, commit::goal_changed(change, &commit.actor), now);
        }
        Ok(())
    }

    fn step_approvals(&self, entry: &Entry, steps: Vec<ApprovalStep>) -> Result<Vec<Approval>> {
        let mut approvals = entry.approvals.clone();
        for step in steps {
            match step {
                ApprovalStep::Ask(asked) => {
                    if approvals.iter().any(|a| a.decision.is_none() && a.digest == asked.digest) {
                        continue;
                    }
                    if self.approvals.contains_key(&asked.id) || approvals.iter().any(|a| a.id == asked.id) {
                        return Err(Error::conflict(format!("approval {} exists already", asked.id)));
                    }
                    approvals.push(Approval { requested_at: asked.requested_at.trunc_subsecs(6), ..*asked });
                }
                ApprovalStep::Decide(id, mut decision) => {
                    let Some(approval) = approvals.iter_mut().find(|a| a.id == id) else {
                        return Err(Error::not_found(format!("approval {id} of task {}", entry.task.id())));
                    };
                    if let Some(made) = &approval.decision {
                        return Err(commit::answered(id, made));
                    }
                    decision.at = decision.at.trunc_subsecs(6);
                    approval.decision = Some(decision);
                }
            }
        }
        Ok(approvals)
    }

    fn step_effects(
        &self,
        entry: &Entry,
        approvals: &[Approval],
        steps: Vec<EffectStep>,
        now: Time,
    ) -> Result<Vec<JournalEntry>> {
        let task = entry.task.id();
        let mut journal = entry.journal.clone();
        for step in steps {
            match step {
                EffectStep::Intended { key, effect, approval } => {
                    if journal.iter().any(|row| row.key == key) {
                        continue;
                    }
                    if self.effects.contains_key(&key) {
                        return Err(Error::conflict(format!("effect {key} belongs to another task")));
                    }
                    if let Some(id) = approval.filter(|id| !approvals.iter().any(|a| a.id == *id)) {
                        return Err(Error::not_found(format!("approval {id} of task {task}")));
                    }
                    let attempt = entry.task.life.attempt;
                    journal.push(JournalEntry { key, effect, approval, attempt, intended_at: now, result: None });
                }
                EffectStep::Done { key, result } => {
                    let Some(row) = journal.iter_mut().find(|row| row.key == key) else {
                        return Err(Error::not_found(format!("intent of effect {key} of task {task}")));
                    };
                    row.result.get_or_insert(result);
                }
            }
        }
        Ok(journal)
    }
}

impl Entry {
    /// Takes over what concerns the task alone.
    fn settle(&mut self, commit: &mut Commit) {
        if let Some(transition) = &commit.transition {
            self.task.life = transition.next().clone();
            self.task.evidence.extend(transition.verified().map(|verified| verified.evidence().clone()));
        }
        if let Some(risk) = commit.risk.take() {
            self.task.risk = Some(risk);
        }
        self.records.append(&mut commit.records);
        for entry in commit.ledger.drain(..) {
            self.enter(entry);
        }
    }

    fn enter(&mut self, entry: LedgerEntry) {
        if !self.ledger.contains_key(&entry.reference) {
            self.task.cost = self.task.cost + entry.cost;
            self.ledger.insert(entry.reference.clone(), entry);
        }
    }
}
