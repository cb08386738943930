//! The language model: one request in, one answer out, streamed or whole.

use crate::Result;
pub use crate::brain::message::{ChatAnswer, ChatRequest, Finish, Message, ResponseSchema, ToolCall, ToolSpec, Usage};
use async_trait::async_trait;

/// One piece of a streamed answer, for showing progress; the whole comes as the method's result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// More text.
    Content(String),
    /// A tool call began or grew; named once its name is known.
    ToolCall {
        /// The tool's name.
        name: String,
    },
}

/// A language model behind a provider.
///
/// Errors, by what the caller does: `Transient` (unreachable, rate limited, timed out, cut off: park and try again,
/// after `retry_after` where given), `Denied` (bad key, out of credit: ask a person), `Invalid` (the provider refused
/// the request as such, or the context is too long), `NotFound` (no such model).
#[async_trait]
pub trait LlmProvider: Send + Sync + std::fmt::Debug {
    /// The provider and model for people, such as `openrouter model anthropic/claude` — never a credential.
    fn describe(&self) -> String;

    /// Asks and waits for the whole answer.
    async fn complete(&self, request: &ChatRequest) -> Result<ChatAnswer>;

    /// Asks, hands out pieces as they come, and answers with the same whole as [`LlmProvider::complete`] would.
    async fn stream(&self, request: &ChatRequest, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<ChatAnswer>;

    /// Can the provider be reached with these credentials? Costs nothing.
    async fn check(&self) -> Result<()>;
}
