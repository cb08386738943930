//! The script of a scripted model: an ordered list of rules, as data that is written by hand in JSON.
//!
//! ```
//! # use juggernaut_core::memory::llm::script::{Reply, Rule, Script};
//! let script: Script = serde_json::from_str(r#"{
//!     "usage": { "prompt_tokens": 900, "completion_tokens": 60, "cost": 1500 },
//!     "rules": [
//!         { "when": ["fix the typo"], "turn": 0, "times": 1, "answer": { "fail": { "rate_limited": { "retry_after_secs": 1 } } } },
//!         { "when": ["fix the typo"], "turn": 0,
//!           "answer": { "say": { "tool_calls": [ { "name": "read_file", "arguments": { "path": "README.md" } } ] } } },
//!         { "when": ["fix the typo"], "saw": ["teh"], "answer": { "say": { "content": "there is a typo" } } },
//!         { "schema": "plan", "answer": { "say": { "content": { "tasks": [] } } } }
//!     ]
//! }"#)?;
//! assert_eq!(script.rules[3], Rule { schema: Some("plan".into()), ..Rule::of(Reply::json(serde_json::json!({ "tasks": [] }))) });
//! # Ok::<(), serde_json::Error>(())
//! ```

use crate::brain::message::{Finish, Message, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a scripted model answers: the first rule that fits and is not used up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// What an answer takes whose rule does not say.
    #[serde(default)]
    pub usage: Usage,
    /// The rules, in the order they are tried.
    pub rules: Vec<Rule>,
}

/// One rule. Every condition that is given must hold; a rule without conditions always fits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Texts that must each be part of some system or user message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when: Vec<String>,
    /// Texts that must each be part of some tool result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub saw: Vec<String>,
    /// The number of answers the conversation holds already, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<usize>,
    /// A tool that must be offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The name of the schema that must be demanded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// How often the rule may be used; none is without end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What it replies.
    pub answer: Reply,
}

impl Rule {
    /// A rule without conditions.
    #[must_use]
    pub const fn of(answer: Reply) -> Self {
        Self { when: Vec::new(), saw: Vec::new(), turn: None, tool: None, schema: None, times: None, answer }
    }

    /// A rule for conversations in which `text` was said.
    #[must_use]
    pub fn when(text: &str, answer: Reply) -> Self {
        Self { when: vec![text.to_owned()], ..Self::of(answer) }
    }
}

/// What a rule replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// An answer.
    Say(Say),
    /// A failure of the provider.
    Fail(Failure),
}

impl Reply {
    /// An answer of plain text.
    #[must_use]
    pub fn text(content: &str) -> Self {
        Self::json(Value::String(content.to_owned()))
    }

    /// An answer whose text is this JSON.
    #[must_use]
    pub fn json(content: Value) -> Self {
        Self::Say(Say { content, ..Say::default() })
    }

    /// An answer that calls one tool.
    #[must_use]
    pub fn call(name: &str, arguments: Value) -> Self {
        Self::Say(Say { tool_calls: vec![Call { name: name.to_owned(), arguments }], ..Say::default() })
    }
}

/// An answer of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// The text; JSON other than a string is written out as the text, for answers that must fit a schema.
    #[serde(default = "no_text")]
    pub content: Value,
    /// The tools it calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<Call>,
    /// Why it stopped; none is `tool_calls` when it calls tools and `stop` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// What it took; none is the script's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl Default for Say {
    fn default() -> Self {
        Self { content: no_text(), tool_calls: Vec::new(), finish: None, usage: None }
    }
}

/// A tool call of the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// The arguments; a string is sent as it is, so that it can be broken JSON.
    pub arguments: Value,
}

/// How a provider fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Too many requests.
    RateLimited {
        /// When to come again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_secs: Option<u64>,
    },
    /// Down for the moment.
    Unavailable,
    /// An error told after the answer began.
    Broken,
    /// The connection ends in the middle of the answer.
    Cut,
    /// Something that is not an answer.
    Garbage,
    /// A wrong key.
    Unauthorized,
    /// No money left.
    OutOfCredit,
    /// No such model.
    UnknownModel,
    /// The conversation is longer than the model can read.
    TooLong,
}

const fn no_text() -> Value {
    Value::String(String::new())
}

/// A string as it is, other JSON written out.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn turn_of(messages: &[Message]) -> usize {
    messages.iter().filter(|message| matches!(message, Message::Assistant { .. })).count()
}

pub(super) fn said(messages: &[Message]) -> impl Iterator<Item = &str> {
    messages.iter().filter_map(|message| match message {
        Message::System { content } | Message::User { content } => Some(content.as_str()),
        Message::Assistant { .. } | Message::Tool { .. } => None,
    })
}

pub(super) fn tool_results(messages: &[Message]) -> impl Iterator<Item = &str> {
    messages.iter().filter_map(|message| match message {
        Message::Tool { content, .. } => Some(content.as_str()),
        Message::System { .. } | Message::User { .. } | Message::Assistant { .. } => None,
    })
}
