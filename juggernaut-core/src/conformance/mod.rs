//! The executable definition of each port: every implementation, and every wrapper, runs the same suite.

pub mod llm;
