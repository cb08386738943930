//! Does the proof that was read meet the proof that is demanded?
//!
//! [`judge`] is the only maker of [`Verified`], and only a [`Verified`] completes a task. It is given [`Facts`]: what a
//! verifier read itself, on the code host, in a log, in a file; never what the worker said. It never reads anything.

use super::test_report::TestCounts;
use crate::base::change::{BranchName, Change, ChangeState, CheckVerdict, Checks, RepoPath, Sha};
use crate::base::hash::Digest;
use crate::base::id::{TaskId, WorkerId};
use crate::base::time::Time;
use serde::{Deserialize, Serialize};

/// What kind of proof a task's type demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Demand {
    /// A change merged into the configured base: for code.
    MergedChange,
    /// A merged change and its documents where they are said to be: for documentation.
    Documents,
    /// Pass and fail counts of a real run: for test.
    TestRun,
    /// Named checks, each looked at by the verifier: for verification, and for an embedder's own types.
    NamedChecks,
    /// A summary whose sources were really read: for research and analysis.
    Sources,
    /// The tasks of a goal, in the queue: for planning.
    Plan,
    /// Declared in code to need no outside proof; the reason is recorded with the completion.
    NotDemanded {
        /// Why not.
        reason: String,
    },
}

impl Demand {
    /// The kind's name, as stored.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::MergedChange => "merged_change",
            Self::Documents => "documents",
            Self::TestRun => "test_run",
            Self::NamedChecks => "named_checks",
            Self::Sources => "sources",
            Self::Plan => "plan",
            Self::NotDemanded { .. } => "not_demanded",
        }
    }
}

/// A change as the verifier read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeFacts {
    /// The repository this engine is configured for.
    pub configured_repository: String,
    /// The base branch it is configured for.
    pub configured_base: BranchName,
    /// The head this task's own journal says was pushed last.
    pub pushed_head: Option<Sha>,
    /// The change, as the code host shows it now.
    pub change: Change,
    /// The checks at the change's merged head, as the code host shows them now.
    pub checks: Checks,
}

/// A document as the verifier found it on the base branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentFacts {
    /// Where it is said to be.
    pub path: RepoPath,
    /// The hash of what was pushed.
    pub pushed: Digest,
    /// The hash of what is there now, if there is anything.
    pub found: Option<Digest>,
    /// Bytes other than white space.
    pub visible_bytes: u64,
}

/// A named check and what the verifier saw when it looked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NamedCheck {
    /// What is checked.
    pub name: String,
    /// Did it hold?
    pub passed: bool,
    /// What was seen.
    pub observed: String,
}

/// A source of a summary, as the verifier found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// Where: a path in the repository.
    pub location: String,
    /// Does this task's own record show that it was read?
    pub was_read: bool,
    /// Is the quoted passage there?
    pub quote_found: bool,
}

/// A spawned task as the verifier found it in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFacts {
    /// Its id.
    pub id: TaskId,
    /// Does it belong to the goal, with this planning task as its parent?
    pub belongs: bool,
}

/// What a verifier read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Facts {
    /// For [`Demand::MergedChange`].
    Change(Box<ChangeFacts>),
    /// For [`Demand::Documents`].
    Documents {
        /// The change that brought them.
        change: Box<ChangeFacts>,
        /// The documents.
        documents: Vec<DocumentFacts>,
    },
    /// For [`Demand::TestRun`].
    TestRun {
        /// The checks as they ran.
        checks: Checks,
        /// The counts the verifier read out of their output.
        counts: Option<TestCounts>,
    },
    /// For [`Demand::NamedChecks`].
    NamedChecks {
        /// The checks.
        checks: Vec<NamedCheck>,
    },
    /// For [`Demand::Sources`].
    Sources {
        /// The summary.
        summary: String,
        /// Its sources.
        sources: Vec<SourceFacts>,
    },
    /// For [`Demand::Plan`].
    Plan {
        /// The tasks found.
        tasks: Vec<PlannedFacts>,
    },
    /// For [`Demand::NotDemanded`].
    Nothing,
}

/// The record of a verified proof, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The attempt it completed.
    pub attempt: u32,
    /// The demand it met, with the reason where none was demanded.
    pub demand: Demand,
    /// One line for people.
    pub summary: String,
    /// What was read.
    pub facts: Facts,
    /// The hash of the facts.
    pub digest: Digest,
    /// Who verified: never the executor.
    pub verifier: String,
    /// Who executed.
    pub executor: WorkerId,
    /// When it was read.
    pub verified_at: Time,
}

/// Proof that was read and holds. Only [`judge`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified(Evidence);

impl Verified {
    /// The record to store.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        &self.0
    }
}

/// Proof that does not hold, with every reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not verified: {}", reasons.join("; "))]
pub struct Refused {
    /// The reasons, each a lowercase fragment.
    pub reasons: Vec<String>,
}

impl Refused {
    /// A refusal for one reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()] }
    }
}

/// Who asks, for which attempt.
#[derive(Debug, Clone)]
pub struct Hearing {
    /// The attempt to complete.
    pub attempt: u32,
    /// Who did the work.
    pub executor: WorkerId,
    /// Who read the facts.
    pub verifier: String,
}

/// Judges what was read against what is demanded.
///
/// # Errors
/// [`Refused`] with every reason why the facts do not prove the work done.
pub fn judge(demand: &Demand, facts: Facts, hearing: Hearing, now: Time) -> Result<Verified, Refused> {
    let mut reasons = Vec::new();
    if hearing.verifier == hearing.executor.as_str() {
        reasons.push(format!("{} cannot verify its own work", hearing.verifier));
    }
    let summary = match (demand, &facts) {
        (Demand::MergedChange, Facts::Change(facts)) => change(facts, &mut reasons),
        (Demand::Documents, Facts::Documents { change: facts, documents: found }) => {
            let merged = change(facts, &mut reasons);
            documents(found, &mut reasons);
            format!("{merged}; {} documents in place", found.len())
        }
        (Demand::TestRun, Facts::TestRun { checks, counts }) => test_run(checks, *counts, &mut reasons),
        (Demand::NamedChecks, Facts::NamedChecks { checks }) => named_checks(checks, &mut reasons),
        (Demand::Sources, Facts::Sources { summary, sources: found }) => sources(summary, found, &mut reasons),
        (Demand::Plan, Facts::Plan { tasks }) => plan(tasks, &mut reasons),
        (Demand::NotDemanded { reason }, Facts::Nothing) => format!("no outside proof demanded: {reason}"),
        (demand, _) => {
            reasons.push(format!("the facts are not of the demanded kind {}", demand.as_str()));
            String::new()
        }
    };
    let digest = Digest::of(&facts).map_err(|e| Refused::because(e.to_string()))?;
    if !reasons.is_empty() {
        return Err(Refused { reasons });
    }
    let Hearing { attempt, executor, verifier } = hearing;
    Ok(Verified(Evidence {
        attempt,
        demand: demand.clone(),
        summary,
        facts,
        digest,
        verifier,
        executor,
        verified_at: now,
    }))
}

fn change(facts: &ChangeFacts, reasons: &mut Vec<String>) -> String {
    let ChangeFacts { configured_repository, configured_base, pushed_head, change, checks } = facts;
    let name = format!("change {}#{}", change.repository, change.number);
    let mut demand = |holds: bool, reason: String| {
        if !holds {
            reasons.push(reason);
        }
    };
    demand(change.repository == *configured_repository, format!("{name} is not in {configured_repository}"));
    demand(change.base == *configured_base, format!("{name} is for {}, not {configured_base}", change.base));
    demand(!change.draft, format!("{name} is a draft"));
    demand(change.changed_files > 0, format!("{name} changes no file"));
    let ChangeState::Merged { commit, head, reachable, reverted_by } = &change.state else {
        let state = if change.state == ChangeState::Open { "open, not merged" } else { "closed without a merge" };
        demand(false, format!("{name} is {state}"));
        return String::new();
    };
    match pushed_head {
        Some(pushed) => {
            demand(
                head == pushed,
                format!("{name} was merged at {}, not at {} as pushed", head.short(), pushed.short()),
            );
        }
        None => demand(false, format!("{name} was not pushed by this task")),
    }
    demand(checks.head == *head, format!("the checks are of {}, not of {}", checks.head.short(), head.short()));
    match checks.verdict() {
        CheckVerdict::Green => {}
        CheckVerdict::Red => demand(false, format!("checks are red at {}", head.short())),
        CheckVerdict::Pending => demand(false, format!("checks have not ended at {}", head.short())),
        CheckVerdict::Missing => demand(false, format!("no checks ran at {}", head.short())),
    }
    demand(*reachable, format!("merge {} is not on {} now", commit.short(), change.base));
    if let Some(revert) = reverted_by {
        demand(false, format!("merge {} was reverted by {}", commit.short(), revert.short()));
    }
    format!("{name} merged into {} as {}, {} files, checks green", change.base, commit.short(), change.changed_files)
}

fn documents(found: &[DocumentFacts], reasons: &mut Vec<String>) {
    if found.is_empty() {
        reasons.push("no document is named".into());
    }
    for document in found {
        match &document.found {
            None => reasons.push(format!("there is no {} on the base branch", document.path)),
            Some(_) if document.visible_bytes == 0 => reasons.push(format!("{} is empty", document.path)),
            Some(now) if *now != document.pushed => {
                reasons.push(format!("{} is not what was pushed", document.path));
            }
            Some(_) => {}
        }
    }
}

fn test_run(checks: &Checks, counts: Option<TestCounts>, reasons: &mut Vec<String>) -> String {
    match checks.verdict() {
        CheckVerdict::Green => {}
        CheckVerdict::Red => reasons.push("the run failed".into()),
        CheckVerdict::Pending => reasons.push("the run has not ended".into()),
        CheckVerdict::Missing => reasons.push("nothing ran".into()),
    }
    match counts {
        None => reasons.push("the run printed no pass and fail counts".into()),
        Some(TestCounts { failed, passed, .. }) if failed > 0 => {
            reasons.push(format!("{failed} of {} tests failed", passed + failed));
        }
        Some(TestCounts { passed: 0, .. }) => reasons.push("no test ran".into()),
        Some(TestCounts { passed, failed, skipped }) => {
            return format!("{passed} passed, {failed} failed, {skipped} skipped at {}", checks.head.short());
        }
    }
    String::new()
}

fn named_checks(checks: &[NamedCheck], reasons: &mut Vec<String>) -> String {
    if checks.is_empty() {
        reasons.push("no check is named".into());
    }
    for check in checks {
        if check.name.trim().is_empty() {
            reasons.push("a check has no name".into());
        } else if !check.passed {
            reasons.push(format!("check {:?} does not hold: {}", check.name, check.observed));
        }
    }
    let names: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
    format!("{} checks hold: {}", checks.len(), names.join(", "))
}

/// A summary shorter than this, in visible characters, says nothing.
pub const MIN_SUMMARY: usize = 80;

fn sources(summary: &str, sources: &[SourceFacts], reasons: &mut Vec<String>) -> String {
    let visible = summary.chars().filter(|c| !c.is_whitespace()).count();
    if visible < MIN_SUMMARY {
        reasons.push(format!("the summary has {visible} visible characters; at least {MIN_SUMMARY} are demanded"));
    }
    if sources.is_empty() {
        reasons.push("no source is cited".into());
    }
    for source in sources {
        if !source.was_read {
            reasons.push(format!("{} was not read in this task", source.location));
        } else if !source.quote_found {
            reasons.push(format!("{} does not hold the quoted passage", source.location));
        }
    }
    format!("summary with {} sources that were read", sources.len())
}

fn plan(tasks: &[PlannedFacts], reasons: &mut Vec<String>) -> String {
    if tasks.is_empty() {
        reasons.push("no task of the plan is in the queue".into());
    }
    for task in tasks.iter().filter(|t| !t.belongs) {
        reasons.push(format!("task {} does not belong to the plan", task.id));
    }
    format!("{} tasks in the queue", tasks.len())
}

#[cfg(test)]
mod tests;
