//! The engine: the ports, the handlers and the bounds that workers and sweeps run with.

use super::builtin;
use super::handler::{Handler, Registry, Typed, Work};
use crate::base::time::{Clock, SystemClock};
use crate::brain::turn::Limits;
use crate::port::notifier::Notice;
use crate::port::store::Commit;
use crate::port::{CodeHost, LlmProvider, Notifier, Store};
use crate::task::{NewTask, TaskType};
use crate::{Error, Result};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Every bound of the loops. The defaults are those of the reliability guarantees.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How long a lease lasts unless renewed. Default 60 s.
    pub lease: Duration,
    /// How often leases are renewed. Default 15 s; at most a third of the lease.
    pub heartbeat: Duration,
    /// How often the sweep looks. Default 5 s.
    pub sweep: Duration,
    /// How often an idle worker looks for work that another process put in. Default 1 s.
    pub poll: Duration,
    /// How long a worker that shuts down waits for running attempts before it hands them back. Default 5 s.
    pub grace: Duration,
    /// Tasks a worker runs at the same time. Default 1.
    pub concurrency: usize,
    /// The bounds of a conversation.
    pub limits: Limits,
    /// Most tokens of one answer. Default 8,192.
    pub max_tokens: u32,
    /// How long one answer may take. Default 300 s.
    pub answer_timeout: Duration,
    /// How often a change that cannot be merged yet is looked at. Default 30 s.
    pub merge_poll: Duration,
    /// Paths no task may change, as `dir/**`, `*.ext` or whole names.
    pub protected_paths: Vec<String>,
    /// How often finished changes are read again for a revert, default 60 s, and for how long, default 7 days.
    pub recheck: Duration,
    /// See `recheck`.
    pub recheck_for: Duration,
}

impl Default for EngineOptions {
    fn default() -> Self {
        let protected = ["juggernaut.toml", ".github/workflows/**", ".github/CODEOWNERS", "CODEOWNERS"];
        Self {
            lease: Duration::from_secs(60),
            heartbeat: Duration::from_secs(15),
            sweep: Duration::from_secs(5),
            poll: Duration::from_secs(1),
            grace: Duration::from_secs(5),
            concurrency: 1,
            limits: Limits::default(),
            max_tokens: 8192,
            answer_timeout: Duration::from_secs(300),
            merge_poll: Duration::from_secs(30),
            protected_paths: protected.map(String::from).into(),
            recheck: Duration::from_secs(60),
            recheck_for: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

impl EngineOptions {
    /// How long a lease is trusted after the request that got it started: the lease less a tenth, at least a
    /// millisecond.
    pub(crate) fn trusted_for(&self) -> Duration {
        (self.lease - self.lease / 10).max(Duration::from_millis(1))
    }

    fn validate(&self) -> Result<()> {
        let wrong = |what: String| Err(Error::invalid(what));
        if self.lease < Duration::from_millis(100) || self.lease > Duration::from_secs(24 * 3600) {
            return wrong(format!("lease of {:?} must be 100 ms to 24 h", self.lease));
        }
        if self.heartbeat.is_zero() || self.heartbeat * 3 > self.lease {
            return wrong(format!(
                "heartbeat of {:?} must be at most a third of the lease of {:?}",
                self.heartbeat, self.lease
            ));
        }
        if self.sweep.is_zero() || self.poll.is_zero() || self.merge_poll.is_zero() || self.recheck.is_zero() {
            return wrong("sweep, poll, merge_poll and recheck must be longer than zero".into());
        }
        if !(1..=1000).contains(&self.concurrency) {
            return wrong(format!("concurrency of {} must be 1 to 1,000", self.concurrency));
        }
        Ok(())
    }
}

/// The ports, handlers and bounds, put together. Made by [`Engine::builder`].
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) llm: Option<Arc<dyn LlmProvider>>,
    host: Option<Arc<dyn CodeHost>>,
    notifiers: Vec<Arc<dyn Notifier>>,
    pub(crate) handlers: Registry,
    pub(crate) options: EngineOptions,
    pub(crate) clock: Arc<dyn Clock>,
    // Tells idle workers of this process that something changed.
    pub(crate) changed: Notify,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("handlers", &self.task_types()).field("options", &self.options).finish()
    }
}

impl Engine {
    /// Begins an engine on a store.
    #[must_use]
    pub fn builder(store: Arc<dyn Store>) -> EngineBuilder {
        EngineBuilder {
            store,
            llm: None,
            host: None,
            notifiers: Vec::new(),
            handlers: BTreeMap::new(),
            twice: None,
            options: EngineOptions::default(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The types of task this engine handles.
    #[must_use]
    pub fn task_types(&self) -> Vec<TaskType> {
        self.handlers.keys().cloned().collect()
    }

    /// The types that may be enqueued: the built-in ones and those handled here.
    #[must_use]
    pub fn known_types(&self) -> BTreeSet<TaskType> {
        let built_in = TaskType::BUILT_IN.into_iter().filter_map(|name| TaskType::new(name).ok());
        built_in.chain(self.handlers.keys().cloned()).collect()
    }

    /// The JSON schema of a type's payload, where its handler states one.
    #[must_use]
    pub fn payload_schema(&self, task_type: &TaskType) -> Option<Value> {
        self.handlers.get(task_type)?.payload_schema()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The bounds.
    #[must_use]
    pub const fn options(&self) -> &EngineOptions {
        &self.options
    }

    /// Puts a task in, after its payload was read by its handler.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown type or a payload that does not fit, and those of the store.
    pub async fn enqueue(&self, task: NewTask) -> Result<crate::port::store::Enqueued> {
        if !self.known_types().contains(&task.task_type) {
            return Err(Error::invalid(format!("unknown task type {}", task.task_type)));
        }
        if let Some(handler) = self.handlers.get(&task.task_type) {
            handler.check_payload(&task.payload)?;
        }
        let enqueued = self.store.enqueue(vec![task]).await?;
        self.changed.notify_waiters();
        enqueued.into_iter().next().ok_or_else(|| Error::unknown("the store did not say what became of the task"))
    }

    /// The code host.
    pub(crate) fn host(&self) -> Result<&dyn CodeHost> {
        self.host.as_deref().ok_or_else(|| Error::denied("no code host is configured"))
    }

    /// The model provider.
    pub(crate) fn llm(&self) -> Result<&dyn LlmProvider> {
        self.llm.as_deref().ok_or_else(|| Error::denied("no model provider is configured"))
    }

    /// Applies one commit and wakes idle workers.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<()> {
        let answers = self.store.commit(vec![commit]).await?;
        self.changed.notify_waiters();
        answers.into_iter().next().unwrap_or_else(|| Err(Error::unknown("the store did not answer for the commit")))
    }

    /// Tells people. A notice that cannot be sent is logged and fails nothing.
    pub(crate) async fn notify(&self, notice: Notice) {
        for notifier in &self.notifiers {
            if let Err(error) = notifier.notify(&notice).await {
                tracing::warn!(topic = ?notice.topic, %error, "a notice could not be sent");
            }
        }
    }
}

/// Puts an engine together.
pub struct EngineBuilder {
    store: Arc<dyn Store>,
    llm: Option<Arc<dyn LlmProvider>>,
    host: Option<Arc<dyn CodeHost>>,
    notifiers: Vec<Arc<dyn Notifier>>,
    handlers: Registry,
    twice: Option<TaskType>,
    options: EngineOptions,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder").field("options", &self.options).finish_non_exhaustive()
    }
}

impl EngineBuilder {
    /// Thinks with this model provider.
    #[must_use]
    pub fn llm(mut self, llm: Arc<dyn LlmProvider>) -> Self {
        self.llm = Some(llm);
        self
    }
    /// Proposes, checks and merges changes here.
    #[must_use]
    pub fn code_host(mut self, host: Arc<dyn CodeHost>) -> Self {
        self.host = Some(host);
        self
    }
    /// Also tells people this way.
    #[must_use]
    pub fn notifier(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifiers.push(notifier);
        self
    }
    /// Also handles an embedder's own kind of task.
    #[must_use]
    pub fn handler<H: Handler>(self, handler: H) -> Self {
        self.work(Arc::new(Typed(handler)))
    }
    /// Runs with these bounds.
    #[must_use]
    pub fn options(mut self, options: EngineOptions) -> Self {
        self.options = options;
        self
    }
    /// Takes the time from here.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    fn work(mut self, work: Arc<dyn Work>) -> Self {
        let task_type = work.task_type();
        if self.handlers.insert(task_type.clone(), work).is_some() {
            self.twice = Some(task_type);
        }
        self
    }

    /// Puts the engine together. Built-in types get their handler where the ports they need are there, unless the
    /// embedder brought its own.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a bound is out of range or a type has two handlers.
    pub fn build(self) -> Result<Arc<Engine>> {
        self.options.validate()?;
        if let Some(task_type) = self.twice {
            return Err(Error::invalid(format!("task type {task_type} has two handlers")));
        }
        let mut handlers = self.handlers;
        for work in builtin::handlers(self.llm.is_some(), self.host.is_some()) {
            handlers.entry(work.task_type()).or_insert(work);
        }
        Ok(Arc::new(Engine {
            store: self.store,
            llm: self.llm,
            host: self.host,
            notifiers: self.notifiers,
            handlers,
            options: self.options,
            clock: self.clock,
            changed: Notify::new(),
        }))
    }
}
