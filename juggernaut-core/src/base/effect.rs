//! Everything the system can do to the world, as data: hashed for approval, written down before it happens.

use super::change::{BranchName, FileEdit, Sha};
use super::hash::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;

/// One act. `worker::perform` holds the one exhaustive match that carries acts out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Effect {
    /// Let a task's handler begin. Its approval covers exactly these words and this payload.
    RunTask {
        /// The task's type.
        task_type: String,
        /// Its title.
        title: String,
        /// Its description.
        description: String,
        /// Its input.
        payload: Value,
        /// When it counts as done.
        acceptance_criteria: Vec<String>,
    },
    /// Put one commit with all edits on a branch of its own.
    Push {
        /// The branch, created or replaced.
        branch: BranchName,
        /// The commit the new one stands on.
        parent: Sha,
        /// The commit message.
        message: String,
        /// What it changes.
        edits: Vec<FileEdit>,
    },
    /// Propose the branch for the base.
    OpenChange {
        /// The branch with the commits.
        branch: BranchName,
        /// The branch it is proposed for.
        base: BranchName,
        /// Its title.
        title: String,
        /// Its description.
        body: String,
    },
    /// Merge a change, if its head is still this one.
    Merge {
        /// The change's number.
        number: u64,
        /// The head that was checked.
        head: Sha,
        /// The branch it goes to.
        base: BranchName,
        /// The message of the merge commit.
        message: String,
    },
}

impl Effect {
    /// The hash an approval is bound to.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when the effect cannot be written as JSON.
    pub fn digest(&self) -> crate::Result<Digest> {
        Digest::of(self)
    }

    /// The kind as it is stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::RunTask { .. } => "run_task",
            Self::Push { .. } => "push",
            Self::OpenChange { .. } => "open_change",
            Self::Merge { .. } => "merge",
        }
    }
}

/// The idempotency key of one effect, minted by the runtime (never by a model): at most 200 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(String);

impl EffectKey {
    /// The key of the `step`-th outward step of a task's work. The same step has the same key after a crash.
    #[must_use]
    pub fn of_step(task: super::id::TaskId, step: &str, kind: &str) -> Self {
        Self(format!("{task}/{step}/{kind}"))
    }
    /// Wraps a key read from a store.
    #[must_use]
    pub fn from_stored(key: String) -> Self {
        Self(key)
    }
    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
