//! The seams to the world: small traits, each with a conformance suite that every implementation runs.

pub mod code_host;
pub mod commit;
pub mod intake;
pub mod llm;
pub mod notifier;
pub mod store;

pub use code_host::CodeHost;
pub use llm::LlmProvider;
pub use notifier::Notifier;
pub use store::{ApprovalStore, GoalStore, Store, TaskStore, WorkerStore};
