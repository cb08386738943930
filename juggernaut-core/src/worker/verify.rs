//! The verifiers of the built-in types: they read, on the code host and in the record, what an offer points at.

use super::agent::Conversation;
use super::context::Context;
use super::deliver;
use crate::Result;
use crate::base::change::{ChangeState, CheckVerdict, Checks, FileEdit, RepoPath, Sha};
use crate::base::effect::Effect;
use crate::base::hash::Digest;
use crate::brain::tool::{self, ToolSet, ToolUse};
use crate::brain::turn::{Record, ToolOutcome};
use crate::port::code_host::{ChangeRef, CodeHost};
use crate::task::Task;
use crate::task::evidence::{ChangeFacts, Demand, DocumentFacts, Facts, NamedCheck, Refused, SourceFacts};
use crate::task::offer::{CheckClaim, CheckKind, Offer, Report, Research};
use std::collections::BTreeSet;

/// Reads what an offer points at.
pub(crate) async fn read(
    talk: &Conversation<'_>,
    demand: &Demand,
    offer: Offer,
) -> Result<std::result::Result<Facts, Refused>> {
    Ok(match offer {
        Offer::Change { repository, number } => {
            let configured = &talk.context.engine.host()?.repository().name;
            if repository == *configured {
                change_facts(talk.context, demand, number).await?
            } else {
                Err(Refused::because(format!("{repository}#{number} is not in {configured}")))
            }
        }
        Offer::Report(report) => Ok(report_facts(talk.context.engine.host()?, report).await?),
        Offer::Research(research) => Ok(research_facts(talk, research).await?),
        Offer::Custom(_) => Ok(Facts::Nothing),
    })
}

/// Reads a change that this task merged.
pub(crate) async fn merged(context: &Context, demand: &Demand, number: u64) -> Result<Facts> {
    change_facts(context, demand, number).await?.map_err(|refused| crate::Error::conflict(refused.to_string()))
}

async fn change_facts(context: &Context, demand: &Demand, number: u64) -> Result<std::result::Result<Facts, Refused>> {
    let host = context.engine.host()?;
    let pushed_head = deliver::pushed_head(context).await?;
    let Some(facts) = read_change(host, number, pushed_head).await? else {
        return Ok(Err(Refused::because(format!("there is no change #{number} in {}", host.repository().name))));
    };
    if *demand != Demand::Documents {
        return Ok(Ok(Facts::Change(Box::new(facts))));
    }
    let documents = document_facts(context, host).await?;
    Ok(Ok(Facts::Documents { change: Box::new(facts), documents }))
}

/// Reads a change and the checks at the head that was merged; none when there is no such change.
pub(crate) async fn read_change(
    host: &dyn CodeHost,
    number: u64,
    pushed_head: Option<Sha>,
) -> Result<Option<ChangeFacts>> {
    let Some(change) = host.change(&ChangeRef::Number(number)).await? else { return Ok(None) };
    let head = match &change.state {
        ChangeState::Merged { head, .. } => head.clone(),
        ChangeState::Open | ChangeState::Closed => change.head.clone(),
    };
    let checks = host.checks(&head).await?;
    let repository = host.repository();
    Ok(Some(ChangeFacts {
        configured_repository: repository.name.clone(),
        configured_base: repository.base.clone(),
        pushed_head,
        change,
        checks,
    }))
}

async fn document_facts(context: &Context, host: &dyn CodeHost) -> Result<Vec<DocumentFacts>> {
    let journal = context.engine.store.journal(context.task().id()).await?;
    let newest = journal.into_iter().rev().filter(|e| e.result.is_some()).find_map(|entry| match entry.effect {
        Effect::Push { edits, .. } => Some(edits),
        Effect::RunTask { .. } | Effect::OpenChange { .. } | Effect::Merge { .. } => None,
    });
    let Some(base) = host.head(&host.repository().base).await? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for FileEdit { path, content } in newest.unwrap_or_default() {
        let Some(content) = content else { continue };
        let now = host.read(&base, &path).await?;
        found.push(DocumentFacts {
            path,
            pushed: Digest::of_bytes(content.as_bytes()),
            found: now.as_deref().map(Digest::of_bytes),
            visible_bytes: now.iter().flatten().filter(|b| !b.is_ascii_whitespace()).count() as u64,
        });
    }
    Ok(found)
}

async fn report_facts(host: &dyn CodeHost, report: Report) -> Result<Facts> {
    let Some(base) = host.head(&host.repository().base).await? else {
        return Ok(Facts::NamedChecks { checks: Vec::new() });
    };
    let mut checks = Vec::new();
    for CheckClaim { name, check } in report.checks {
        let (passed, observed) = look(host, &base, &check).await?;
        checks.push(NamedCheck { name, passed, observed });
    }
    Ok(Facts::NamedChecks { checks })
}

async fn look(host: &dyn CodeHost, base: &Sha, check: &CheckKind) -> Result<(bool, String)> {
    let at = base.short();
    Ok(match check {
        CheckKind::FileExists { path } => match text(host, base, path).await? {
            Some(text) if !text.trim().is_empty() => (true, format!("{path} has {} bytes at {at}", text.len())),
            Some(_) => (false, format!("{path} is empty at {at}")),
            None => (false, format!("there is no {path} at {at}")),
        },
        CheckKind::FileContains { path, text: wanted } => match text(host, base, path).await? {
            _ if wanted.trim().is_empty() => (false, "the text to look for is empty".into()),
            Some(text) if text.contains(wanted) => (true, format!("{path} contains it at {at}")),
            Some(_) => (false, format!("{path} does not contain {wanted:?} at {at}")),
            None => (false, format!("there is no {path} at {at}")),
        },
        CheckKind::FileLacks { path, text: unwanted } => match text(host, base, path).await? {
            _ if unwanted.trim().is_empty() => (false, "the text to look for is empty".into()),
            Some(text) if text.contains(unwanted) => (false, format!("{path} contains {unwanted:?} at {at}")),
            Some(_) => (true, format!("{path} lacks it at {at}")),
            None => (false, format!("there is no {path} at {at}")),
        },
        CheckKind::ChecksPass => {
            let checks = host.checks(base).await?;
            (checks.verdict() == CheckVerdict::Green, shown(&checks))
        }
    })
}

fn shown(checks: &Checks) -> String {
    let runs: Vec<String> = checks.runs.iter().map(|run| format!("{}: {}", run.name, run.summary)).collect();
    if runs.is_empty() { "no checks ran".into() } else { format!("{} at {}", runs.join(", "), checks.head.short()) }
}

async fn text(host: &dyn CodeHost, at: &Sha, path: &RepoPath) -> Result<Option<String>> {
    Ok(host.read(at, path).await?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

async fn research_facts(talk: &Conversation<'_>, research: Research) -> Result<Facts> {
    let host = talk.context.engine.host()?;
    let read = paths_read(&talk.records);
    let mut sources = Vec::new();
    for source in research.sources {
        let content = match talk.turn.base() {
            Some(at) => text(host, at, &source.path).await?,
            None => None,
        };
        sources.push(SourceFacts {
            was_read: read.contains(&source.path),
            quote_found: content.is_some_and(|content| content.contains(source.quote.trim())),
            location: source.path.into(),
        });
    }
    Ok(Facts::Sources { summary: research.summary, sources })
}

// Which files the record shows as read, in the present conversation.
fn paths_read(records: &[Record]) -> BTreeSet<RepoPath> {
    let mut calls = Vec::new();
    let mut read = BTreeSet::new();
    for record in records {
        match record {
            Record::Answered(answer) => calls.clone_from(&answer.tool_calls),
            Record::ToolResult { call_id, outcome: ToolOutcome::Ok, .. } => {
                let call = calls.iter().find(|call| call.id == *call_id);
                if let Some(Ok(ToolUse::ReadFile(file))) = call.map(|call| tool::read(ToolSet::Read, call)) {
                    read.insert(file.path);
                }
            }
            Record::Closed { .. } => read.clear(),
            Record::Opened { .. } | Record::ToolResult { .. } | Record::Remark { .. } | Record::SentBack { .. } => {}
        }
    }
    read
}

/// The change that a completed task's newest evidence is about, with the head it pushed.
pub(crate) fn proven_change(task: &Task) -> Option<(u64, Option<Sha>)> {
    let facts = match &task.evidence.last()?.facts {
        Facts::Change(facts) | Facts::Documents { change: facts, .. } => facts,
        Facts::TestRun { .. }
        | Facts::NamedChecks { .. }
        | Facts::Sources { .. }
        | Facts::Plan { .. }
        | Facts::Nothing => return None,
    };
    Some((facts.change.number, facts.pushed_head.clone()))
}
