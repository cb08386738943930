//! The agent loop, as a fold over its own record.
//!
//! Every answer, tool result and remark is one [`Record`], stored before it is used. [`Turn::load`] folds any prefix of
//! the records into a valid state, so a crash resumes inside the conversation: an answer that was recorded is never
//! asked for, or paid for, twice. [`Turn::next`] says what to do; it does nothing itself.

use super::message::{ChatAnswer, Message, ToolCall};
use crate::base::change::Sha;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One row of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// The conversation begins.
    Opened {
        /// The instructions.
        system: String,
        /// The task, in words.
        user: String,
        /// The commit that files are read at.
        base: Option<Sha>,
    },
    /// The model answered.
    Answered(ChatAnswer),
    /// A tool gave back.
    ToolResult {
        /// The call it answers.
        call_id: String,
        /// The tool.
        name: String,
        /// The result as the model sees it.
        content: String,
        /// How it went.
        outcome: ToolOutcome,
    },
    /// The runtime says something to the model: a refusal and its reasons.
    Remark {
        /// The text.
        content: String,
    },
    /// What was proposed is not good enough: red checks, or a conflict with the base.
    SentBack {
        /// What is wrong, as the model sees it.
        content: String,
        /// The commit that files are read at from now on, where the base moved.
        base: Option<Sha>,
    },
    /// The attempt failed: what follows is a new conversation.
    Closed {
        /// Why.
        reason: String,
    },
}

/// How a tool call went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ToolOutcome {
    /// As asked.
    Ok,
    /// It could not be done as asked; the model is told why.
    Error,
    /// A change was proposed: nothing is left to think about unless it is sent back.
    Proposed,
}

/// What bounds a conversation. Every bound ends it with a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Answers of the model.
    pub answers: u32,
    /// Answers in a row that are refused.
    pub refusals: u32,
    /// Proposed changes that were sent back.
    pub rounds: u32,
    /// Tool calls in one answer.
    pub calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answers: 40, refusals: 3, rounds: 3, calls: 16 }
    }
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Write the opening.
    Open,
    /// Ask the model.
    Ask,
    /// Make this call, and record its result.
    Call(ToolCall),
    /// The model stopped calling tools and says this: read it as an offer of proof.
    Offered(String),
    /// The work is done: verify it.
    Finished,
    /// A bound is reached.
    GiveUp {
        /// Which, and what happened last.
        reason: String,
    },
}

/// The state of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    limits: Limits,
    messages: Vec<Message>,
    base: Option<Sha>,
    waiting: VecDeque<ToolCall>,
    offered: Option<String>,
    finished: bool,
    answers: u32,
    refusals: u32,
    rounds: u32,
    last_trouble: Option<String>,
    too_many_calls: bool,
}

impl Turn {
    /// An empty conversation.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            messages: Vec::new(),
            base: None,
            waiting: VecDeque::new(),
            offered: None,
            finished: false,
            answers: 0,
            refusals: 0,
            rounds: 0,
            last_trouble: None,
            too_many_calls: false,
        }
    }

    /// Folds a record, or any prefix of one.
    #[must_use]
    pub fn load<'a>(limits: Limits, records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut turn = Self::new(limits);
        for record in records {
            turn.apply(record);
        }
        turn
    }

    /// The messages to send. Always well-formed: no tool call is without its result when [`Next::Ask`] is due.
    #[must_use]
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The commit that files are read at.
    #[must_use]
    pub const fn base(&self) -> Option<&Sha> {
        self.base.as_ref()
    }

    /// How many answers the model has given.
    #[must_use]
    pub const fn answers(&self) -> u32 {
        self.answers
    }

    /// Folds one more record. A row that does not fit where it stands is passed over.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Opened { system, user, base } if self.messages.is_empty() => {
                self.messages.push(Message::System { content: system.clone() });
                self.messages.push(Message::User { content: user.clone() });
                self.base.clone_from(base);
            }
            Record::Closed { .. } => *self = Self::new(self.limits),
            Record::Opened { .. } => {}
            _ if self.messages.is_empty() => {}
            Record::Answered(answer) => self.answered(answer),
            Record::ToolResult { call_id, name, content, outcome } => self.result(call_id, name, content, outcome),
            Record::Remark { content } => {
                self.refusals += 1;
                self.said(content);
            }
            Record::SentBack { content, base } => {
                self.rounds += 1;
                self.finished = false;
                self.base = base.clone().or_else(|| self.base.take());
                self.said(content);
            }
        }
    }

    fn said(&mut self, content: &str) {
        self.answer_waiting_calls();
        self.offered = None;
        self.last_trouble = Some(content.to_owned());
        self.messages.push(Message::User { content: content.to_owned() });
    }

    // Providers refuse a conversation in which a call has no result.
    fn answer_waiting_calls(&mut self) {
        for call in self.waiting.drain(..) {
            let content = "not called: the conversation went on before it".to_owned();
            self.messages.push(Message::Tool { tool_call_id: call.id, content });
        }
    }

    fn answered(&mut self, answer: &ChatAnswer) {
        self.answer_waiting_calls();
        self.answers += 1;
        let mut calls = answer.tool_calls.clone();
        self.too_many_calls = calls.len() > self.limits.calls;
        calls.truncate(self.limits.calls);
        self.offered = calls.is_empty().then(|| answer.content.clone());
        self.messages.push(Message::Assistant { content: answer.content.clone(), tool_calls: calls.clone() });
        self.waiting = calls.into();
    }

    fn result(&mut self, call_id: &str, name: &str, content: &str, outcome: &ToolOutcome) {
        // A result nobody waits for (a repeated row) would make the transcript invalid.
        let Some(at) = self.waiting.iter().position(|call| call.id == call_id) else { return };
        self.waiting.remove(at);
        self.messages.push(Message::Tool { tool_call_id: call_id.to_owned(), content: content.to_owned() });
        match outcome {
            ToolOutcome::Ok => self.refusals = 0,
            ToolOutcome::Error => self.last_trouble = Some(format!("{name}: {content}")),
            ToolOutcome::Proposed => {
                self.finished = true;
                self.answer_waiting_calls();
            }
        }
    }

    /// What comes next.
    #[must_use]
    pub fn next(&self) -> Next {
        if self.messages.is_empty() {
            return Next::Open;
        }
        if self.finished {
            return Next::Finished;
        }
        let trouble = || self.last_trouble.as_deref().map_or_else(String::new, |t| format!("; last: {}", clip(t)));
        if self.rounds >= self.limits.rounds {
            return Next::GiveUp { reason: format!("{} proposals were sent back{}", self.rounds, trouble()) };
        }
        if self.too_many_calls {
            return Next::GiveUp { reason: format!("more than {} tool calls in one answer", self.limits.calls) };
        }
        if let Some(call) = self.waiting.front() {
            return Next::Call(call.clone());
        }
        if let Some(offered) = &self.offered {
            return Next::Offered(offered.clone());
        }
        if self.refusals >= self.limits.refusals {
            return Next::GiveUp { reason: format!("{} answers in a row were refused{}", self.refusals, trouble()) };
        }
        if self.answers >= self.limits.answers {
            return Next::GiveUp { reason: format!("{} answers without an end{}", self.answers, trouble()) };
        }
        Next::Ask
    }
}

fn clip(text: &str) -> String {
    let tail: Vec<char> = text.trim().chars().rev().take(1000).collect();
    tail.into_iter().rev().collect()
}

#[cfg(test)]
mod tests;
