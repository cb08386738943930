//! Thinking: the agent loop as a serialisable machine, and the words of its conversations.

pub mod message;
pub mod turn;
