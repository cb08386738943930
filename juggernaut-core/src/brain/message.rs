//! The words of a conversation with a model, in the chat-completions shape.

use crate::base::money::Micros;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// One message of a conversation, in the chat-completions shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// Instructions of the runtime.
    System {
        /// The text.
        content: String,
    },
    /// What is asked.
    User {
        /// The text.
        content: String,
    },
    /// What the model answered before.
    Assistant {
        /// The text; may be empty when there are tool calls.
        content: String,
        /// The calls it asked for.
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool gave back.
    Tool {
        /// The call it answers.
        tool_call_id: String,
        /// The result as text.
        content: String,
    },
}

/// A call the model asks for. The arguments are its raw text: data to be parsed strictly, never trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id of the call.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// The arguments: JSON, if the model kept to it.
    pub arguments: String,
}

/// A tool offered to the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name: lowercase letters, digits and `_`.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON schema of its arguments.
    pub parameters: Value,
}

/// Demands an answer that fits a JSON schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseSchema {
    /// The schema's name.
    pub name: String,
    /// The JSON schema.
    pub schema: Value,
}

/// One question to the model.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChatRequest {
    /// Which model; none takes the provider's configured one.
    pub model: Option<String>,
    /// The conversation so far.
    pub messages: Vec<Message>,
    /// Tools the model may call.
    pub tools: Vec<ToolSpec>,
    /// A schema the answer must fit.
    pub response_schema: Option<ResponseSchema>,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// How long the whole answer may take.
    pub timeout: Duration,
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was done.
    Stop,
    /// It wants tools called.
    ToolCalls,
    /// `max_tokens` cut it.
    Length,
    /// The provider's filter cut it.
    ContentFilter,
}

/// What the answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the question.
    pub prompt_tokens: u64,
    /// Of those, read from the provider's cache.
    pub cached_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
    /// What the provider says it cost; none when it does not say.
    pub cost: Option<Micros>,
}

/// The model's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatAnswer {
    /// The provider's id of the answer.
    pub id: String,
    /// The model that answered.
    pub model: String,
    /// Its text; may be empty when there are tool calls.
    pub content: String,
    /// The calls it asks for.
    pub tool_calls: Vec<ToolCall>,
    /// Why it stopped.
    pub finish: Finish,
    /// What it took.
    pub usage: Usage,
}
