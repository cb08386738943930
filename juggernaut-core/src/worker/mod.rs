//! The shell: one task from claim to commit, one tick of everything periodic, and what operators do by hand.

pub mod operate;
pub mod why;
