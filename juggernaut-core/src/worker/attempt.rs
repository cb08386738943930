//! One task from claim to commit: risk → approval → the handler → evidence → lifecycle → audit.

use super::context::Context;
use super::engine::Engine;
use super::handler::{Ending, ending_of};
use super::lease::Guard;
use crate::Result;
use crate::base::effect::{Effect, EffectKey};
use crate::base::id::ApprovalId;
use crate::brain::turn::Record;
use crate::govern::approval::{Approval, Approved, Question, Verdict, judge};
use crate::govern::risk;
use crate::port::notifier::{Notice, Topic};
use crate::port::store::{ApprovalFilter, ApprovalStep, EffectStep, NewEvent};
use crate::task::lifecycle::{Event, State, apply};
use crate::task::{NewTask, Task, retry};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// Runs one claimed task to the end of this attempt and commits how it ended.
pub(crate) async fn run(engine: Arc<Engine>, guard: Guard, task: Task, claimed: Instant) {
    let id = task.id();
    let risk = risk::assess(&task.spec);
    let context = Context::new(engine, guard, risk, task, claimed);
    let ended = tokio::select! {
        ended = attempt(&context) => ended,
        () = context.guard.wait_lost() => return tracing::warn!(task.id = %id, "lease lost: attempt abandoned"),
    };
    let ending = match ended {
        Ok(None) => return,
        Ok(Some(ending)) => ending,
        Err(error) => match ending_of(error) {
            Some(ending) => ending,
            None => return tracing::warn!(task.id = %id, "lease lost: attempt abandoned"),
        },
    };
    if let Err(error) = settle(&context, ending).await {
        // Nothing is lost: the lease expires, and the sweep gives the task to the next worker.
        tracing::error!(task.id = %id, attempt = context.lease().attempt, %error, "the end of an attempt was not stored");
    }
}

// `None` when a person is asked: that is committed already.
async fn attempt(context: &Context) -> Result<Option<Ending>> {
    let spec = &context.task().spec;
    let effect = begin(spec);
    let filter = ApprovalFilter { task: Some(spec.id), ..ApprovalFilter::default() };
    let needs_answer = spec.requires_approval || context.risk.level.asks();
    let approvals = if needs_answer { context.engine.store.approvals(&filter).await? } else { Vec::new() };
    let verdict = judge(&Question {
        effect: &effect,
        risk: &context.risk,
        demanded: spec.requires_approval,
        approvals: &approvals,
        executor: &context.lease().worker,
    })?;
    match verdict {
        Verdict::Granted(approved) => {
            record_start(context, &approved).await?;
            let Some(work) = context.engine.handlers.get(&spec.task_type) else {
                return Err(crate::Error::invalid(format!("no handler for tasks of type {}", spec.task_type)));
            };
            work.attempt(context).await.map(Some)
        }
        Verdict::Rejected { reason } => Ok(Some(Ending::Failed { error: reason, retry: false })),
        Verdict::Ask { reason } => ask(context, effect, reason).await.map(|()| None),
        Verdict::Waiting(id) => {
            let reason = format!("approval {id} has no answer yet");
            transition(context, Event::ApprovalAsked { reason }, |_| {}).await.map(|()| None)
        }
    }
}

/// The act an approval of a task covers: its words and its payload, byte for byte.
pub(crate) fn begin(spec: &NewTask) -> Effect {
    Effect::RunTask {
        task_type: spec.task_type.to_string(),
        title: spec.title.clone(),
        description: spec.description.clone(),
        payload: spec.payload.clone(),
        acceptance_criteria: spec.acceptance_criteria.clone(),
    }
}

// What a person allowed is in the journal before it begins; what needs no answer leaves its trace with the result.
async fn record_start(context: &Context, approved: &Approved) -> Result<()> {
    let Some(approval) = approved.approval() else { return Ok(()) };
    let effect = approved.effect().clone();
    let key = EffectKey::of_step(context.task().id(), &format!("run.{approval}"), effect.kind());
    let result = json!({ "attempt": context.lease().attempt });
    let risk = context.risk.clone();
    context
        .write(|c| {
            c.effects.push(EffectStep::Intended { key: key.clone(), effect, approval: Some(approval) });
            c.effects.push(EffectStep::Done { key, result });
            c.risk = Some(risk);
        })
        .await
}

async fn ask(context: &Context, effect: Effect, reason: String) -> Result<()> {
    let approval = Approval {
        id: ApprovalId::mint(),
        task_id: context.task().id(),
        digest: effect.digest()?,
        effect,
        risk: context.risk.clone(),
        reason: reason.clone(),
        requested_by: context.lease().worker.clone(),
        requested_at: context.now(),
        decision: None,
    };
    let id = approval.id;
    transition(context, Event::ApprovalAsked { reason: reason.clone() }, |c| {
        c.approvals.push(ApprovalStep::Ask(Box::new(approval)));
    })
    .await?;
    let title = &context.task().spec.title;
    let body = format!(
        "{reason}\nAnswer with `juggernaut approval approve {id}` or `juggernaut approval reject {id} --reason …`. \
         Without an answer the task keeps waiting and nothing is spent."
    );
    let notice = Notice {
        topic: Topic::ApprovalAsked,
        subject: format!("approval wanted: {title}"),
        body,
        task: Some(context.task().id()),
        goal: context.task().spec.goal_id,
        approval: Some(id),
    };
    context.engine.notify(notice).await;
    Ok(())
}

/// Commits how an attempt ended.
async fn settle(context: &Context, ending: Ending) -> Result<()> {
    let now = context.now();
    match ending {
        Ending::Verified(verified) => transition(context, Event::Completed(verified), |_| {}).await,
        Ending::AwaitMerge { wait, reason } => {
            transition(context, Event::MergeAwaited { look_at: now + wait, reason }, |_| {}).await
        }
        Ending::Parked { wait, reason } => {
            let until = now.checked_add_signed(wait).unwrap_or(now);
            transition(context, Event::Parked { until, reason }, |_| {}).await
        }
        Ending::Failed { error, retry } => failed(context, error, retry).await,
    }
}

async fn failed(context: &Context, error: String, retry: bool) -> Result<()> {
    let failures = context.task().life.failures + 1;
    let delay = retry::delay(failures, rand::random());
    let retry_in = retry.then(|| TimeDelta::from_std(delay).unwrap_or(TimeDelta::MAX));
    let closed = Record::Closed { reason: error.clone() };
    let for_good = !retry || failures >= context.task().life.max_attempts;
    let event = Event::Failed { error: error.clone(), retry_in };
    transition(context, event, |c| c.records.push(closed)).await?;
    if for_good {
        context.engine.notify(failure_notice(context.task(), &error)).await;
    }
    Ok(())
}

/// The notice that a task failed for good.
pub(crate) fn failure_notice(task: &Task, error: &str) -> Notice {
    let id = task.id();
    Notice {
        topic: Topic::TaskFailed,
        subject: format!("task failed: {}", task.spec.title),
        body: format!(
            "{error}\nLook with `juggernaut task events {id}`; run it again with `juggernaut task retry {id}`."
        ),
        task: Some(id),
        goal: task.spec.goal_id,
        approval: None,
    }
}

/// Gives an unfinished task back, because the worker shuts down.
pub(crate) async fn hand_back(engine: &Arc<Engine>, guard: &Guard, task: &Task) -> Result<()> {
    let context = Context::new(engine.clone(), guard.clone(), risk::assess(&task.spec), task.clone(), Instant::now());
    transition(&context, Event::HandedBack, |_| {}).await
}

async fn transition(
    context: &Context,
    event: Event,
    fill: impl FnOnce(&mut crate::port::store::Commit) + Send,
) -> Result<()> {
    let name = event.name();
    let step = apply(&context.task().life, event, context.now())?;
    let line = match step.verified() {
        Some(verified) => verified.evidence().summary.clone(),
        None => step.next().error.clone().unwrap_or_default(),
    };
    let data = match step.next().state {
        State::InProgress | State::Pending => json!({ "run_at": step.next().run_at }),
        State::WaitingApproval => json!({ "risk": context.risk }),
        State::AwaitingPrMerge | State::Completed | State::Failed | State::Cancelled | State::DeadLetter => Value::Null,
    };
    let risk = context.risk.clone();
    context
        .write(|commit| {
            commit.events.push(NewEvent::new(name, commit.actor.clone(), line).with(data));
            commit.transition = Some(step);
            commit.risk = Some(risk);
            fill(commit);
        })
        .await
}
