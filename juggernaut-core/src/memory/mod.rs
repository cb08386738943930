//! In-memory implementations of every port: real backends, and the specification of the others.

pub mod llm;
