//! The trust window: a worker stops itself before its lease can pass on.
//!
//! A lease is renewed on the store's clock; the worker trusts it only until the moment *its own request started* plus
//! the lease minus a margin, on a monotonic clock that also runs while the process is stopped. So a worker that was
//! paused past its lease finds the window closed before it does anything outside.

use crate::task::lifecycle::Lease;
use crate::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// One held lease.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    lease: Lease,
    window: Arc<Mutex<Instant>>,
    lost: CancellationToken,
}

impl Guard {
    /// Guards a lease that was claimed or renewed by a request that started at `requested`.
    pub(crate) fn new(lease: Lease, requested: Instant, trusted_for: Duration) -> Self {
        Self { lease, window: Arc::new(Mutex::new(requested + trusted_for)), lost: CancellationToken::new() }
    }

    pub(crate) const fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The store renewed it.
    pub(crate) fn renewed(&self, requested: Instant, trusted_for: Duration) {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner) = requested + trusted_for;
    }

    /// The store says it is gone.
    pub(crate) fn lose(&self) {
        self.lost.cancel();
    }

    fn ends(&self) -> Instant {
        *self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May something be done under it now?
    pub(crate) fn check(&self) -> Result<()> {
        if self.lost.is_cancelled() || Instant::now() >= self.ends() {
            self.lost.cancel();
            return Err(Error::LeaseLost { task: self.lease.task.to_string(), attempt: self.lease.attempt });
        }
        Ok(())
    }

    /// Waits until it is lost: told by the store, or not renewed in time.
    pub(crate) async fn wait_lost(&self) {
        loop {
            let ends = self.ends();
            tokio::select! {
                () = self.lost.cancelled() => return,
                () = tokio::time::sleep_until(ends.into()) => if self.check().is_err() { return },
            }
        }
    }
}
