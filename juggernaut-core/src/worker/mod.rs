//! The shell: one task from claim to commit, one tick of everything periodic, and what operators do by hand.

mod agent;
mod attempt;
mod builtin;
mod context;
mod deliver;
mod engine;
mod handler;
mod lease;
pub mod operate;
mod perform;
mod planning;
mod run;
mod sweep;
mod verify;
pub mod why;
mod workspace;

pub use context::Context;
pub use engine::{Engine, EngineBuilder, EngineOptions};
pub use handler::{Failure, Handler, Reading};
pub use run::Worker;
pub use sweep::Sweep;
