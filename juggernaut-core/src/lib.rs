//! The vocabulary, the pure decisions, the ports and the loops of Juggernaut, an engine for autonomous work that can
//! be trusted.
//!
//! Chapters, read left to right; each uses only those to its left:
//! `base → task → govern → plan → brain → watch → port → worker`. Decision modules have no clock, environment,
//! network, file or runtime in them: they take time, ids and randomness as arguments. Only [`worker`] touches tokio.

pub mod base;
pub mod brain;
pub mod govern;
pub mod plan;
pub mod port;
pub mod task;
pub mod watch;
pub mod worker;

#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(feature = "memory")]
pub mod memory;

pub use base::error::{Error, Result};
