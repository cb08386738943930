//! Moments. The only place in the crate that reads the wall clock.

use chrono::{DateTime, SubsecRound, Utc};
use std::{fmt, sync::Arc};

/// A moment in UTC, at most microsecond-precise, which is what every store keeps.
pub type Time = DateTime<Utc>;

/// Where the shell takes the time from; decisions are given it as an argument.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present moment, truncated to microseconds.
    fn now(&self) -> Time;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        Utc::now().trunc_subsecs(6)
    }
}

/// A clock that stands still until it is moved: for tests and rehearsals.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<std::sync::Mutex<Time>>);

impl ManualClock {
    /// Starts at `now`.
    #[must_use]
    pub fn new(now: Time) -> Self {
        Self(Arc::new(std::sync::Mutex::new(now)))
    }
    /// Moves the clock forward, or back when `by` is negative.
    pub fn advance(&self, by: chrono::TimeDelta) {
        let mut now = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Time {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
