//! Goals into tasks, and progress from what was verified.

pub mod decompose;
pub mod goal;
