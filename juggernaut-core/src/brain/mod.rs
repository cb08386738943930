//! Thinking: the agent loop as a serialisable machine, the tools it may call, and what it is told.

pub mod message;
pub mod prompt;
pub mod tool;
pub mod turn;
