//! From a proposed change to a merged one: push → open → checks → merge → verify.
//!
//! Everything is looked up on the code host and in the task's journal, so it can be entered again at any point.

use super::agent::{Conversation, push_effect};
use super::context::Context;
use super::handler::Ending;
use super::verify;
use crate::base::change::{BranchName, Change, ChangeState, CheckStatus, CheckVerdict, Checks, FileEdit, Sha};
use crate::base::effect::Effect;
use crate::base::id::TaskId;
use crate::brain::tool::ProposeChange;
use crate::govern::approval::{Approved, Question, Verdict, judge as judge_approval};
use crate::govern::risk;
use crate::port::code_host::{ChangeRef, CodeHost};
use crate::port::store::{ApprovalFilter, JournalEntry};
use crate::task::evidence::{Demand, judge};
use crate::{Error, Result};
use chrono::TimeDelta;
use serde_json::Value;

/// Most times a change is moved onto a base that moved, before it is merged as it is.
const MAX_REBASES: usize = 5;

/// What became of a proposed change.
pub(crate) enum Delivery {
    /// The attempt ends.
    Ended(Ending),
    /// It went a step further: look again.
    Again,
    /// The model must propose again.
    SentBack {
        /// Why.
        content: String,
        /// The commit that files are read at from now on.
        base: Option<Sha>,
    },
}

/// The branch of a task.
pub(crate) fn branch(task: TaskId) -> Result<BranchName> {
    BranchName::new(format!("juggernaut/{task}"))
}

/// The name of a step: which conversation, which answer, which call.
pub(crate) fn step(talk: &Conversation<'_>, call: &str) -> String {
    let call: String = call.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).take(40).collect();
    format!("{}.{}.{call}", talk.number(), talk.turn.answers())
}

struct Pushed {
    entry: JournalEntry,
    parent: Sha,
    edits: Vec<FileEdit>,
    message: String,
}

impl Pushed {
    fn of(entry: JournalEntry) -> Option<Self> {
        let Effect::Push { parent, edits, message, .. } = entry.effect.clone() else { return None };
        Some(Self { entry, parent, edits, message })
    }

    fn head(&self) -> Option<Sha> {
        head_of(self.entry.result.as_ref()?)
    }
}

fn head_of(result: &Value) -> Option<Sha> {
    result.get("head").and_then(Value::as_str).and_then(|sha| Sha::new(sha).ok())
}

// The pushes of this conversation, oldest first.
async fn pushes(talk: &Conversation<'_>) -> Result<Vec<Pushed>> {
    let task = talk.context.task().id();
    let prefix = format!("{task}/{}.", talk.number());
    let journal = talk.context.engine.store.journal(task).await?;
    Ok(journal.into_iter().filter(|e| e.key.as_str().starts_with(&prefix)).filter_map(Pushed::of).collect())
}

/// What this conversation proposed before `step`, as far as it stands on `at`.
pub(crate) async fn proposed(talk: &Conversation<'_>, at: &Sha, step: &str) -> Result<Vec<FileEdit>> {
    let own = format!("{}/{step}", talk.context.task().id());
    let pushes = pushes(talk).await?;
    let newest = pushes.into_iter().rfind(|p| !p.entry.key.as_str().starts_with(&own) && p.entry.result.is_some());
    Ok(newest.filter(|p| p.parent == *at).map(|p| p.edits).unwrap_or_default())
}

/// The head that a task pushed last, by its own journal.
pub(crate) async fn pushed_head(context: &Context) -> Result<Option<Sha>> {
    let journal = context.engine.store.journal(context.task().id()).await?;
    Ok(journal.into_iter().filter_map(Pushed::of).filter_map(|p| p.head()).next_back())
}

/// Pushes the edits as one commit and opens the change. Answers with a line for the model.
pub(crate) async fn push_and_open(
    talk: &Conversation<'_>,
    step: &str,
    change: &ProposeChange,
    edits: Vec<FileEdit>,
) -> Result<String> {
    let context = talk.context;
    let task = context.task();
    let Some(parent) = talk.turn.base().cloned() else {
        return Err(Error::invalid("the conversation has no commit to stand on"));
    };
    let title = change.title.trim().to_owned();
    let body = format!("{}\n\nTask: {} ({})", change.summary.trim(), task.spec.title, task.id());
    let effect = push_effect(talk, parent, format!("{title}\n\n{body}"), edits)?;
    perform(context, step, effect).await?;
    let base = context.engine.host()?.repository().base.clone();
    let open = Effect::OpenChange { branch: branch(task.id())?, base, title, body };
    let opened = perform(context, step, open).await?;
    let number = opened.get("number").and_then(Value::as_u64).unwrap_or_default();
    Ok(format!("change #{number} is proposed; its checks run next"))
}

async fn perform(context: &Context, step: &str, effect: Effect) -> Result<Value> {
    let approved = authorize(context, effect).await?;
    context.perform(step, &approved).await
}

// Acts on the host are weighed one by one; what is above the line needs an approval of exactly that act.
async fn authorize(context: &Context, effect: Effect) -> Result<Approved> {
    let risk = risk::assess_effect(&effect);
    let filter = ApprovalFilter { task: Some(context.task().id()), ..ApprovalFilter::default() };
    let approvals = if risk.level.asks() { context.engine.store.approvals(&filter).await? } else { Vec::new() };
    let question = Question {
        effect: &effect,
        risk: &risk,
        demanded: false,
        approvals: &approvals,
        executor: &context.lease().worker,
    };
    match judge_approval(&question)? {
        Verdict::Granted(approved) => Ok(*approved),
        Verdict::Ask { reason } | Verdict::Rejected { reason } => Err(Error::denied(reason)),
        Verdict::Waiting(id) => Err(Error::denied(format!("approval {id} has no answer yet"))),
    }
}

/// Takes a proposed change as far as it goes.
pub(crate) async fn deliver(talk: &Conversation<'_>, demand: &Demand) -> Result<Delivery> {
    let context = talk.context;
    let host = context.engine.host()?;
    let all = pushes(talk).await?;
    let rebases = all.iter().filter(|p| p.entry.key.as_str().contains(".rebase.")).count();
    let newest = all.into_iter().rfind(|p| p.entry.result.is_some());
    let Some((pushed, head)) = newest.and_then(|p| p.head().map(|head| (p, head))) else {
        return Ok(sent_back("nothing was pushed; call propose_change again".into(), None));
    };
    let change = host.change(&ChangeRef::Branch(branch(context.task().id())?)).await?;
    let Some(change) = change else {
        return Ok(failed("the proposed change is gone from the code host".into(), true));
    };
    match &change.state {
        ChangeState::Merged { .. } => return finish(talk, demand, change.number).await,
        ChangeState::Closed => {
            return Ok(failed(format!("change #{} was closed without a merge", change.number), false));
        }
        ChangeState::Open => {}
    }
    if change.head != head {
        let reason = format!("somebody pushed {} over {} on {}", change.head.short(), head.short(), change.branch);
        return Ok(failed(reason, true));
    }
    if let Some(base) = host.head(&change.base).await?.filter(|base| *base != pushed.parent)
        && rebases < MAX_REBASES
    {
        return rebase(talk, host, pushed, base).await;
    }
    let checks = host.checks(&head).await?;
    match checks.verdict() {
        CheckVerdict::Green => merge(talk, demand, &change, head).await,
        CheckVerdict::Red => Ok(sent_back(red(&checks), Some(pushed.parent))),
        CheckVerdict::Pending => Ok(waits(context, format!("checks of change #{} have not ended", change.number))),
        CheckVerdict::Missing => Ok(waits(
            context,
            format!("no checks ran for change #{}, and it is not merged without; configure checks", change.number),
        )),
    }
}

// The base moved: the same edits are put on its new head and checked there, unless it changed the same files.
async fn rebase(talk: &Conversation<'_>, host: &dyn CodeHost, pushed: Pushed, base: Sha) -> Result<Delivery> {
    let mut moved = Vec::new();
    for edit in &pushed.edits {
        if host.read(&pushed.parent, &edit.path).await? != host.read(&base, &edit.path).await? {
            moved.push(edit.path.to_string());
        }
    }
    if !moved.is_empty() {
        let content = format!(
            "Somebody else changed {} in the meantime. Your change was not merged. Read the files again as they are \
             now and propose the change anew, with all its edits.",
            moved.join(", ")
        );
        return Ok(sent_back(content, Some(base)));
    }
    let step = format!("{}.rebase.{}", talk.number(), base.short());
    let effect = push_effect(talk, base, pushed.message, pushed.edits)?;
    perform(talk.context, &step, effect).await?;
    Ok(Delivery::Again)
}

async fn merge(talk: &Conversation<'_>, demand: &Demand, change: &Change, head: Sha) -> Result<Delivery> {
    let task = talk.context.task();
    let message = format!("{} (#{})\n\nTask: {}", change.title, change.number, task.id());
    let step = format!("{}.merge.{}", talk.number(), head.short());
    let effect = Effect::Merge { number: change.number, head, base: change.base.clone(), message };
    match perform(talk.context, &step, effect).await {
        Ok(_) => finish(talk, demand, change.number).await,
        Err(Error::Conflict { reason }) => {
            let base = talk.context.engine.host()?.head(&change.base).await?;
            let content =
                format!("The change could not be merged: {reason}. Read the files again and propose it anew.");
            Ok(sent_back(content, base))
        }
        Err(Error::Denied { reason }) => Ok(waits(talk.context, reason)),
        Err(other) => Err(other),
    }
}

async fn finish(talk: &Conversation<'_>, demand: &Demand, number: u64) -> Result<Delivery> {
    let facts = verify::merged(talk.context, demand, number).await?;
    let judged = judge(demand, facts, talk.context.hearing(), talk.context.now());
    Ok(Delivery::Ended(match judged {
        Ok(verified) => Ending::Verified(Box::new(verified)),
        Err(refused) => talk.context.refused(&refused).await?,
    }))
}

fn sent_back(content: String, base: Option<Sha>) -> Delivery {
    Delivery::SentBack { content, base }
}

fn failed(error: String, retry: bool) -> Delivery {
    Delivery::Ended(Ending::Failed { error, retry })
}

fn waits(context: &Context, reason: String) -> Delivery {
    let wait = TimeDelta::from_std(context.engine.options.merge_poll).unwrap_or(TimeDelta::MAX);
    Delivery::Ended(Ending::AwaitMerge { wait, reason })
}

fn red(checks: &Checks) -> String {
    let mut text = String::from("The checks are red; the change was not merged. Mend it and propose again.\n");
    for run in checks.runs.iter().filter(|run| run.status == CheckStatus::Failed) {
        text.push_str(&format!("\n{}: {}\n```\n{}\n```\n", run.name, run.summary, run.output));
    }
    text
}
