//! In-memory implementations of every port: real backends, and the specification of the others.

pub mod llm;
pub mod store;
pub use store::MemoryStore;
