//! A goal, and how far it is: progress is computed from verified tasks, never set.

use crate::base::id::GoalId;
use crate::base::time::Time;
use crate::task::lifecycle::State;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Where a goal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GoalStatus {
    /// Being worked on.
    Active,
    /// Held by an operator: none of its tasks is claimed.
    Paused,
    /// It could not be made into tasks; a person must look. Resuming tries again.
    Parked,
    /// Every task of its plan is verified.
    Completed,
}

impl GoalStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Active, Self::Paused, Self::Parked, Self::Completed];
    /// Its name, as stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Parked => "parked",
            Self::Completed => "completed",
        }
    }
}

impl FromStr for GoalStatus {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == name)
            .ok_or_else(|| Error::invalid(format!("goal status {name:?} must be active, paused, parked or completed")))
    }
}

/// What is wanted, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goal {
    /// Its id.
    pub id: GoalId,
    /// One line, 1 to 300 characters.
    pub title: String,
    /// More words, at most 64 KiB.
    pub description: String,
    /// When it counts as reached.
    pub criteria: Vec<String>,
    /// When it should be reached.
    pub deadline: Option<Time>,
    /// Where it stands.
    pub status: GoalStatus,
    /// Why it stands there, where there is something to say.
    pub reason: Option<String>,
    /// Who asked for it.
    pub created_by: String,
    /// When, on the store's clock.
    pub created_at: Time,
    /// Grows with every change; changes are conditional on it.
    pub revision: u64,
}

impl Goal {
    /// A new active goal.
    #[must_use]
    pub fn new(title: impl Into<String>, created_by: impl Into<String>) -> Self {
        Self {
            id: GoalId::mint(),
            title: title.into(),
            description: String::new(),
            criteria: Vec::new(),
            deadline: None,
            status: GoalStatus::Active,
            reason: None,
            created_by: created_by.into(),
            // The store puts its own clock's time here when it takes the goal in.
            created_at: Time::UNIX_EPOCH,
            revision: 0,
        }
    }

    /// Checks every bound of the fields. Every store calls this before it takes a goal in.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field and its bound.
    pub fn validate(&self) -> Result<()> {
        let wrong = |what: &str| Err(Error::invalid(format!("goal {:?}: {what}", self.title)));
        if self.title.trim().is_empty() || self.title.chars().count() > 300 || self.title.contains('\n') {
            return wrong("title must be one line of 1 to 300 characters");
        }
        if self.description.len() > 64 * 1024 {
            return wrong("description is longer than 64 KiB");
        }
        if self.criteria.len() > 50 || self.criteria.iter().any(|c| c.is_empty() || c.len() > 2000) {
            return wrong("at most 50 criteria of 1 to 2,000 bytes each");
        }
        let mut texts = [&self.title, &self.description].into_iter().chain(&self.criteria);
        if texts.any(|t| t.contains('\0')) {
            return wrong("text must not contain NUL characters");
        }
        Ok(())
    }
}

/// How far a goal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Progress {
    /// Tasks of the plan that count: all but planning and cancelled ones.
    pub total: u32,
    /// Of those, completed with verified evidence.
    pub verified: u32,
    /// Of those, ended without success.
    pub failed: u32,
}

impl Progress {
    /// Whole percent, rounded down, so that 100 means every task.
    #[must_use]
    pub fn percent(self) -> u32 {
        (self.verified * 100).checked_div(self.total).unwrap_or(0)
    }
    /// Is every task of the plan verified?
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.total > 0 && self.verified == self.total
    }
}

/// Folds the states of a goal's tasks into its progress. Each item is (is it a planning task?, its state).
pub fn progress(tasks: impl IntoIterator<Item = (bool, State)>) -> Progress {
    let mut found = Progress { total: 0, verified: 0, failed: 0 };
    for (planning, state) in tasks {
        if planning || state == State::Cancelled {
            continue;
        }
        found.total += 1;
        found.verified += u32::from(state == State::Completed);
        found.failed += u32::from(matches!(state, State::Failed | State::DeadLetter));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verified_tasks_count() {
        let found = progress([
            (true, State::Completed),
            (false, State::Completed),
            (false, State::InProgress),
            (false, State::DeadLetter),
            (false, State::Cancelled),
        ]);
        assert_eq!(found, Progress { total: 3, verified: 1, failed: 1 });
        assert_eq!(found.percent(), 33);
        assert!(!found.is_complete());
        assert!(!progress([(true, State::Completed)]).is_complete(), "a plan alone completes nothing");
        assert_eq!(progress([(false, State::Completed); 3]).percent(), 100);
    }
}
