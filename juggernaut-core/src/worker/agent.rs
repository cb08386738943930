//! Work that thinks: drives a conversation until its proof is verified or a bound is reached.
//!
//! Each step is stored before the next begins, so an attempt that dies is resumed in the middle of its conversation.

use super::context::Context;
use super::deliver::{self, Delivery};
use super::handler::{Ending, Work};
use super::verify;
use super::workspace::Workspace;
use crate::base::change::{FileEdit, RepoPath};
use crate::base::effect::Effect;
use crate::base::money::Micros;
use crate::brain::message::{ChatAnswer, ChatRequest, ResponseSchema, ToolCall};
use crate::brain::prompt;
use crate::brain::tool::{self, ToolSet, ToolUse};
use crate::brain::turn::{Next, Record, ToolOutcome, Turn};
use crate::port::store::{LedgerEntry, NewEvent};
use crate::task::TaskType;
use crate::task::evidence::{Demand, Refused, Verified, judge};
use crate::task::offer::Offer;
use crate::{Error, Result};
use async_trait::async_trait;
use serde_json::json;
use std::collections::BTreeMap;

/// A built-in type whose work is a conversation with tools on the repository.
pub(crate) struct Agent {
    pub(crate) task_type: TaskType,
    pub(crate) demand: Demand,
    pub(crate) tools: ToolSet,
}

/// A conversation of one task: its state, and which one it is (each failed attempt closes one).
pub(crate) struct Conversation<'a> {
    pub(crate) context: &'a Context,
    pub(crate) turn: Turn,
    pub(crate) records: Vec<Record>,
}

impl<'a> Conversation<'a> {
    pub(crate) async fn load(context: &'a Context) -> Result<Self> {
        let records = context.engine.store.conversation(context.task().id()).await?;
        let turn = Turn::load(context.engine.options.limits, &records);
        Ok(Self { context, turn, records })
    }

    /// How many conversations of this task are closed: part of every step's name.
    pub(crate) fn number(&self) -> usize {
        self.records.iter().filter(|r| matches!(r, Record::Closed { .. })).count()
    }

    /// Stores a record, then folds it.
    pub(crate) async fn record(&mut self, record: Record) -> Result<()> {
        self.record_with(record, None, None).await
    }

    pub(crate) async fn record_with(
        &mut self,
        record: Record,
        ledger: Option<LedgerEntry>,
        event: Option<NewEvent>,
    ) -> Result<()> {
        let row = record.clone();
        self.context
            .write(|commit| {
                commit.records.push(row);
                commit.ledger.extend(ledger);
                commit.events.extend(event);
            })
            .await?;
        self.turn.apply(&record);
        self.records.push(record);
        Ok(())
    }

    /// Why the last conversation was closed.
    pub(crate) fn earlier_failure(&self) -> Option<&str> {
        self.records.iter().rev().find_map(|record| match record {
            Record::Closed { reason } => Some(reason.as_str()),
            Record::Opened { .. }
            | Record::Answered(_)
            | Record::ToolResult { .. }
            | Record::Remark { .. }
            | Record::SentBack { .. } => None,
        })
    }

    /// Asks the model; its answer is stored, with its cost, before anything is done with it.
    pub(crate) async fn ask(&mut self, tools: ToolSet, schema: Option<ResponseSchema>) -> Result<()> {
        let options = &self.context.engine.options;
        let request = ChatRequest {
            model: None,
            messages: self.turn.messages().to_vec(),
            tools: tool::specs(tools),
            response_schema: schema,
            max_tokens: options.max_tokens,
            timeout: options.answer_timeout,
        };
        self.context.check_lease()?;
        let answer = self.context.engine.llm()?.complete(&request).await?;
        let (entry, event) = self.paid(&answer);
        self.record_with(Record::Answered(answer), Some(entry), Some(event)).await
    }

    fn paid(&self, answer: &ChatAnswer) -> (LedgerEntry, NewEvent) {
        let cost = answer.usage.cost.unwrap_or(Micros::ZERO);
        let entry = LedgerEntry {
            model: answer.model.clone(),
            // Numbered here: some providers give every answer the same id.
            reference: format!("{}.{}:{}", self.number(), self.turn.answers() + 1, answer.id),
            prompt_tokens: answer.usage.prompt_tokens,
            completion_tokens: answer.usage.completion_tokens,
            cost,
        };
        let calls: Vec<&str> = answer.tool_calls.iter().map(|call| call.name.as_str()).collect();
        let said = if calls.is_empty() { "an answer in words".to_owned() } else { calls.join(", ") };
        let line = format!("{} answered: {said} ({cost})", answer.model);
        let event = NewEvent::new("model_answered", self.context.lease().worker.as_str(), line);
        (entry, event.with(json!({ "usage": answer.usage, "tool_calls": calls })))
    }

    /// Tells the model why its answer is refused, and records it.
    pub(crate) async fn refuse(&mut self, refused: &Refused, remark: String) -> Result<()> {
        let event = NewEvent::new("evidence_refused", self.context.hearing().verifier, refused.to_string())
            .with(json!({ "reasons": refused.reasons }));
        self.record_with(Record::Remark { content: remark }, None, Some(event)).await
    }
}

#[async_trait]
impl Work for Agent {
    fn task_type(&self) -> TaskType {
        self.task_type.clone()
    }

    async fn attempt(&self, context: &Context) -> Result<Ending> {
        let mut talk = Conversation::load(context).await?;
        loop {
            match talk.turn.next() {
                Next::Open => self.open(&mut talk).await?,
                Next::Ask => talk.ask(self.tools, None).await?,
                Next::Call(call) => self.call(&mut talk, call).await?,
                Next::Offered(text) => match self.hear(&talk, &text).await? {
                    Ok(verified) => return Ok(Ending::Verified(Box::new(verified))),
                    Err(refused) => {
                        let remark = format!("{refused}. The task is not complete.");
                        talk.refuse(&refused, remark).await?;
                    }
                },
                Next::Finished => match deliver::deliver(&talk, &self.demand).await? {
                    Delivery::Ended(ending) => return Ok(ending),
                    Delivery::Again => {}
                    Delivery::SentBack { content, base } => {
                        let event = NewEvent::new("sent_back", context.hearing().verifier, first_line(&content));
                        talk.record_with(Record::SentBack { content, base }, None, Some(event)).await?;
                    }
                },
                Next::GiveUp { reason } => return Ok(Ending::Failed { error: reason, retry: true }),
            }
        }
    }
}

impl Agent {
    async fn open(&self, talk: &mut Conversation<'_>) -> Result<()> {
        let host = talk.context.engine.host()?;
        let branch = &host.repository().base;
        let base = host.head(branch).await?;
        if base.is_none() {
            return Err(Error::denied(format!(
                "the base branch {branch} does not exist in {}",
                host.repository().name
            )));
        }
        let system = prompt::system(&self.demand, &talk.context.engine.options.protected_paths);
        let user = prompt::user(&talk.context.task().spec, talk.earlier_failure());
        talk.record(Record::Opened { system, user, base }).await
    }

    async fn call(&self, talk: &mut Conversation<'_>, call: ToolCall) -> Result<()> {
        let answered = match tool::read(self.tools, &call) {
            Ok(wanted) => use_tool(talk, &call, wanted).await?,
            Err(reason) => Err(reason),
        };
        let (content, outcome) = match answered {
            Ok(done) => done,
            Err(reason) => (reason, ToolOutcome::Error),
        };
        talk.record(Record::ToolResult { call_id: call.id, name: call.name, content, outcome }).await
    }

    async fn hear(&self, talk: &Conversation<'_>, text: &str) -> Result<Result<Verified, Refused>> {
        let offer = match Offer::read(&self.demand, prompt::unfenced(text)) {
            Ok(offer) => offer,
            Err(refused) => return Ok(Err(refused)),
        };
        Ok(match verify::read(talk, &self.demand, offer).await? {
            Ok(facts) => judge(&self.demand, facts, talk.context.hearing(), talk.context.now()),
            Err(refused) => Err(refused),
        })
    }
}

type Answered = Result<(String, ToolOutcome), String>;

async fn use_tool(talk: &Conversation<'_>, call: &ToolCall, wanted: ToolUse) -> Result<Answered> {
    let host = talk.context.engine.host()?;
    let Some(at) = talk.turn.base() else {
        return Err(Error::invalid("the conversation has no commit to read at"));
    };
    let step = deliver::step(talk, &call.id);
    let workspace = Workspace::new(host, at, deliver::proposed(talk, at, &step).await?);
    let text = match wanted {
        ToolUse::ListFiles(query) => Ok(workspace.list(&query).await?),
        ToolUse::ReadFile(query) => workspace.read(&query).await?,
        ToolUse::SearchFiles(query) => workspace.search(&query).await?,
        ToolUse::ProposeChange(change) => return propose(talk, &step, &workspace, change).await,
    };
    Ok(text.map(|text| (text, ToolOutcome::Ok)))
}

async fn propose(
    talk: &Conversation<'_>,
    step: &str,
    workspace: &Workspace<'_>,
    change: tool::ProposeChange,
) -> Result<Answered> {
    let protected = &talk.context.engine.options.protected_paths;
    let mut files: BTreeMap<RepoPath, Option<String>> = BTreeMap::new();
    for edit in &change.edits {
        let path = edit.path();
        if tool::is_protected(path, protected) {
            return Ok(Err(format!("{path} is protected and cannot be changed")));
        }
        match workspace.text(path).await? {
            Ok(text) => files.insert(path.clone(), text),
            Err(reason) => return Ok(Err(reason)),
        };
    }
    let edits = match tool::apply(&change.edits, &files) {
        Ok(edits) => merged(workspace.edits(), edits),
        Err(reason) => return Ok(Err(reason)),
    };
    let pushed = match deliver::push_and_open(talk, step, &change, edits).await {
        // The adapter refuses this very content (a link in the way, an empty difference): for the model to hear.
        Err(Error::Invalid { reason }) => return Ok(Err(reason)),
        other => other?,
    };
    Ok(Ok((pushed, ToolOutcome::Proposed)))
}

// Later edits of a file replace earlier ones.
fn merged(earlier: Vec<FileEdit>, later: Vec<FileEdit>) -> Vec<FileEdit> {
    let all: BTreeMap<RepoPath, FileEdit> =
        earlier.into_iter().chain(later).map(|edit| (edit.path.clone(), edit)).collect();
    all.into_values().collect()
}

/// The effect a push is, for one task.
pub(crate) fn push_effect(
    talk: &Conversation<'_>,
    parent: crate::base::change::Sha,
    message: String,
    edits: Vec<FileEdit>,
) -> Result<Effect> {
    Ok(Effect::Push { branch: deliver::branch(talk.context.task().id())?, parent, message, edits })
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(300).collect()
}
