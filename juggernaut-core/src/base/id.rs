//! Typed ids. UUIDv7, so that ids sort by when they were made; a unique prefix names one on the command line.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $noun:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Mints a new id. Only the shell calls this; decisions are given their ids.
            #[must_use]
            pub fn mint() -> Self {
                Self(Uuid::now_v7())
            }
            /// Wraps a UUID read from a store.
            #[must_use]
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }
            /// The UUID itself.
            #[must_use]
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", $noun, self.0)
            }
        }

        impl FromStr for $name {
            type Err = crate::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(s)
                    .map(Self)
                    .map_err(|_| crate::Error::invalid(format!("{s:?} is not a {} id", $noun)))
            }
        }
    };
}

uuid_id!(
    /// Names one task.
    TaskId, "task"
);
uuid_id!(
    /// Names one goal.
    GoalId, "goal"
);
uuid_id!(
    /// Names one request for approval.
    ApprovalId, "approval"
);

/// Names one worker, as given in `WORKER_ID` or made by the process that runs it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct WorkerId(String);

impl WorkerId {
    /// Takes a name of 1 to 128 characters without control characters.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when the name is empty, too long or has control characters.
    pub fn new(name: impl Into<String>) -> crate::Result<Self> {
        let name = name.into();
        if name.is_empty() || name.len() > 128 || name.chars().any(char::is_control) {
            return Err(crate::Error::invalid(format!(
                "worker id {name:?} must have 1 to 128 characters and no control characters"
            )));
        }
        Ok(Self(name))
    }
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker({})", self.0)
    }
}
