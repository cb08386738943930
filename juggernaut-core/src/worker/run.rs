//! A worker: claims tasks, keeps their leases alive, runs them, and goes on when the store is away.

use super::attempt;
use super::engine::Engine;
use super::lease::Guard;
use crate::Result;
use crate::base::id::{TaskId, WorkerId};
use crate::port::store::{ClaimRequest, WorkerRow};
use crate::task::Task;
use crate::task::lifecycle::Lease;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The longest pause between two tries to reach a store that is away.
const MAX_AWAY: Duration = Duration::from_secs(10);

/// A worker of an engine.
#[derive(Debug)]
pub struct Worker {
    engine: Arc<Engine>,
    id: WorkerId,
    worker_type: String,
    held: Arc<Mutex<BTreeMap<TaskId, (Guard, Task)>>>,
}

impl Engine {
    /// A worker of this engine. `worker_type` is its role: orchestrator, executor, watchdog, analyst or strategist.
    #[must_use]
    pub fn worker(self: &Arc<Self>, id: WorkerId, worker_type: impl Into<String>) -> Worker {
        Worker { engine: self.clone(), id, worker_type: worker_type.into(), held: Arc::default() }
    }
}

impl Worker {
    /// Works until `shutdown`, then finishes or hands back what it holds. It never ends by itself.
    pub async fn run(self, shutdown: CancellationToken) {
        let worker = Arc::new(self);
        let beats = tokio::spawn(worker.clone().beat());
        let mut running = JoinSet::new();
        let mut away = Duration::from_millis(100);
        while !shutdown.is_cancelled() {
            // Registered before the claim, so that a change in between is not missed.
            let changed = worker.engine.changed.notified();
            let free = worker.engine.options.concurrency.saturating_sub(running.len());
            let claimed = if free > 0 { worker.claim(free).await } else { Ok(Vec::new()) };
            let mut pause = worker.engine.options.poll;
            match claimed {
                Ok(tasks) => {
                    away = Duration::from_millis(100);
                    let found = !tasks.is_empty();
                    for (guard, task, at) in tasks {
                        running.spawn(worker.clone().attempt(guard, task, at));
                    }
                    if found {
                        continue;
                    }
                }
                Err(error) => {
                    tracing::warn!(worker.id = %worker.id, %error, "cannot claim; trying again");
                    pause = away;
                    away = (away * 2).min(MAX_AWAY);
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = changed, if free > 0 => {}
                () = tokio::time::sleep(pause), if free > 0 => {}
                Some(_) = running.join_next(), if !running.is_empty() => {}
            }
        }
        worker.stop(running).await;
        beats.abort();
    }

    async fn claim(&self, limit: usize) -> Result<Vec<(Guard, Task, Instant)>> {
        let options = &self.engine.options;
        let request =
            ClaimRequest { worker: self.id.clone(), task_types: self.engine.task_types(), limit, lease: options.lease };
        let requested = Instant::now();
        let tasks = self.engine.store.claim(&request).await?;
        let guarded = tasks.into_iter().filter_map(|task| {
            let lease = task.life.lease.clone()?;
            let guard = Guard::new(lease, requested, options.trusted_for());
            tracing::info!(task.id = %task.id(), attempt = task.life.attempt, worker.id = %self.id, "claimed {}", task.spec.title);
            self.hold().insert(task.id(), (guard.clone(), task.clone()));
            Some((guard, task, requested))
        });
        Ok(guarded.collect())
    }

    fn hold(&self) -> std::sync::MutexGuard<'_, BTreeMap<TaskId, (Guard, Task)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn attempt(self: Arc<Self>, guard: Guard, task: Task, claimed: Instant) {
        let id = task.id();
        // A handler that panics must not leave its lease renewed for ever.
        let run = tokio::spawn(attempt::run(self.engine.clone(), guard, task, claimed));
        let abort = AbortOnDrop(run.abort_handle());
        if let Err(error) = run.await
            && error.is_panic()
        {
            tracing::error!(task.id = %id, "the handler panicked; the task comes back when its lease expires");
        }
        drop(abort);
        self.hold().remove(&id);
    }

    // Renews every lease in one call, and says that the worker lives.
    async fn beat(self: Arc<Self>) {
        let options = &self.engine.options;
        loop {
            self.seen(false).await;
            tokio::time::sleep(options.heartbeat).await;
            let leases: Vec<Lease> = self.hold().values().map(|(guard, _)| guard.lease().clone()).collect();
            if leases.is_empty() {
                continue;
            }
            let requested = Instant::now();
            match self.engine.store.heartbeat(&leases, options.lease).await {
                Ok(lost) => {
                    let held = self.hold();
                    for lease in leases {
                        let Some((guard, _)) = held.get(&lease.task) else { continue };
                        if lost.iter().any(|l| l.task == lease.task && l.attempt == lease.attempt) {
                            guard.lose();
                        } else if guard.lease().attempt == lease.attempt {
                            guard.renewed(requested, options.trusted_for());
                        }
                    }
                }
                Err(error) => tracing::warn!(worker.id = %self.id, %error, "cannot renew leases; trying again"),
            }
        }
    }

    async fn seen(&self, stopped: bool) {
        let row = WorkerRow {
            id: self.id.clone(),
            worker_type: self.worker_type.clone(),
            task_types: self.engine.task_types(),
            last_heartbeat: self.engine.clock.now(),
            stopped,
        };
        if let Err(error) = self.engine.store.worker_seen(&row).await {
            tracing::warn!(worker.id = %self.id, %error, "cannot say that the worker lives");
        }
    }

    async fn stop(&self, mut running: JoinSet<()>) {
        let grace = tokio::time::sleep(self.engine.options.grace);
        tokio::pin!(grace);
        loop {
            tokio::select! {
                () = &mut grace => break,
                next = running.join_next() => if next.is_none() { break },
            }
        }
        running.shutdown().await;
        let held: Vec<(Guard, Task)> = std::mem::take(&mut *self.hold()).into_values().collect();
        for (guard, task) in held {
            if let Err(error) = attempt::hand_back(&self.engine, &guard, &task).await {
                tracing::warn!(task.id = %task.id(), %error, "cannot hand the task back; its lease will expire");
            }
        }
        self.seen(true).await;
    }
}

struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
