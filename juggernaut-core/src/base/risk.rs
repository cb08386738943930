//! How dangerous an act is: the words. `govern::risk` does the weighing.

use serde::{Deserialize, Serialize};

/// What a score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Below 0.3: runs.
    Low,
    /// Below 0.6: runs, and is logged.
    Medium,
    /// Below 0.8: a person is asked first.
    High,
    /// From 0.8: a person is asked first, always.
    Critical,
}

impl Level {
    /// The level of a score in thousandths.
    #[must_use]
    pub const fn of(score: u32) -> Self {
        match score {
            0..300 => Self::Low,
            300..600 => Self::Medium,
            600..800 => Self::High,
            _ => Self::Critical,
        }
    }
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
    /// Must a person say yes?
    #[must_use]
    pub const fn asks(self) -> bool {
        matches!(self, Self::High | Self::Critical)
    }
}

/// A risk and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Risk {
    /// What the score means.
    pub level: Level,
    /// From 0 to 1, in steps of a thousandth.
    pub score: f64,
    /// What it is made of, such as `task_type:code=0.4` and `word:production=+0.3`.
    pub factors: Vec<String>,
}
