//! The one error of the engine's ports, its variants named after what the caller does next.

use std::time::Duration;

/// A cause kept for the log.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The result of a port call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The named thing does not exist: correct the name.
    #[error("{what} not found")]
    NotFound {
        /// What was looked for, with its id.
        what: String,
    },
    /// Somebody else changed it first, or the far side refuses in its present state: read again, decide again.
    #[error("{reason}")]
    Conflict {
        /// What stands in the way.
        reason: String,
    },
    /// The lease has passed on: stop at once and do nothing outside.
    #[error("lease lost on task {task} attempt {attempt}")]
    LeaseLost {
        /// The task's id.
        task: String,
        /// The attempt whose lease is gone.
        attempt: u32,
    },
    /// Not permitted, and trying again will not help: ask somebody who may.
    #[error("{reason}")]
    Denied {
        /// Which rule or credential refused.
        reason: String,
    },
    /// The input is wrong: correct it.
    #[error("{reason}")]
    Invalid {
        /// What was wrong with what.
        reason: String,
    },
    /// Nothing happened; the same call may succeed later.
    #[error("{reason}")]
    Transient {
        /// What failed.
        reason: String,
        /// When the far side asked to be called again.
        retry_after: Option<Duration>,
        /// The cause, for the log.
        #[source]
        source: Option<Source>,
    },
    /// It may or may not have happened: look it up on the far side before anything is repeated.
    #[error("outcome unknown: {reason}")]
    OutcomeUnknown {
        /// What was under way.
        reason: String,
        /// The cause, for the log.
        #[source]
        source: Option<Source>,
    },
}

impl Error {
    /// [`Error::NotFound`] for `what`.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }
    /// [`Error::Conflict`] with a reason.
    pub fn conflict(reason: impl Into<String>) -> Self {
        Self::Conflict { reason: reason.into() }
    }
    /// [`Error::Denied`] with a reason.
    pub fn denied(reason: impl Into<String>) -> Self {
        Self::Denied { reason: reason.into() }
    }
    /// [`Error::Invalid`] with a reason.
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }
    /// [`Error::Transient`] with a reason and no further facts.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self::Transient { reason: reason.into(), retry_after: None, source: None }
    }
    /// [`Error::Transient`] with its cause.
    pub fn transient_from(reason: impl Into<String>, source: impl Into<Source>) -> Self {
        Self::Transient { reason: reason.into(), retry_after: None, source: Some(source.into()) }
    }
    /// [`Error::OutcomeUnknown`] with a reason.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::OutcomeUnknown { reason: reason.into(), source: None }
    }
}
