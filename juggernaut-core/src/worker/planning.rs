//! A goal into tasks: the model decomposes, the plan is validated, and its tasks are put into the queue.

use super::agent::Conversation;
use super::builtin::PLANNABLE;
use super::context::Context;
use super::handler::{Ending, Work};
use crate::base::id::{GoalId, TaskId};
use crate::brain::message::ResponseSchema;
use crate::brain::tool::ToolSet;
use crate::brain::turn::{Next, Record, ToolOutcome};
use crate::plan::decompose::{self, Planned};
use crate::plan::goal::{Goal, GoalStatus};
use crate::port::notifier::{Notice, Topic};
use crate::port::store::{GoalChange, NewEvent, TaskFilter};
use crate::task::evidence::{Demand, Facts, PlannedFacts, Refused, judge};
use crate::task::lifecycle::State;
use crate::task::{Task, TaskType};
use crate::{Error, Result};
use async_trait::async_trait;

/// Decomposes a goal.
pub(crate) struct Planning {
    pub(crate) task_type: TaskType,
}

#[async_trait]
impl Work for Planning {
    fn task_type(&self) -> TaskType {
        self.task_type.clone()
    }

    async fn attempt(&self, context: &Context) -> Result<Ending> {
        let Some(goal) = context.task().spec.goal_id else {
            return Err(Error::invalid("a planning task needs a goal; use `juggernaut goal add`"));
        };
        // A crash after the tasks were put in and before the plan was completed: they are there already.
        if !children(context).await?.is_empty() {
            return finish(context, goal).await;
        }
        let goal = context.engine.store.goal(goal).await?;
        let allowed = allowed(context);
        let mut talk = Conversation::load(context).await?;
        loop {
            match talk.turn.next() {
                Next::Open => {
                    let earlier = plan_tasks(tasks_of(context, goal.id).await?);
                    let system = decompose::system_prompt(&allowed);
                    let user = decompose::user_prompt(&goal, &earlier);
                    talk.record(Record::Opened { system, user, base: None }).await?;
                }
                Next::Ask => {
                    let schema = ResponseSchema { name: "plan".into(), schema: decompose::schema(&types(&allowed)) };
                    talk.ask(ToolSet::None, Some(schema)).await?;
                }
                Next::Offered(text) => match hear(context, &goal, &allowed, &text).await? {
                    Ok(planned) => {
                        spawn(context, &goal, planned).await?;
                        return finish(context, goal.id).await;
                    }
                    Err(reasons) => {
                        let remark = decompose::retry_remark(&reasons);
                        talk.refuse(&Refused { reasons }, remark).await?;
                    }
                },
                Next::Call(call) => {
                    let content = "there are no tools; answer with the plan".to_owned();
                    let outcome = ToolOutcome::Error;
                    talk.record(Record::ToolResult { call_id: call.id, name: call.name, content, outcome }).await?;
                }
                Next::Finished => return Err(Error::invalid("a planning conversation cannot propose a change")),
                Next::GiveUp { reason } => return park(context, &goal, reason).await,
            }
        }
    }
}

fn types(allowed: &[(TaskType, &str)]) -> Vec<TaskType> {
    allowed.iter().map(|(task_type, _)| task_type.clone()).collect()
}

fn allowed(context: &Context) -> Vec<(TaskType, &'static str)> {
    let handled = context.engine.task_types();
    PLANNABLE
        .into_iter()
        .filter_map(|(name, line)| Some((TaskType::new(name).ok()?, line)))
        .filter(|(task_type, _)| handled.contains(task_type))
        .collect()
}

async fn tasks_of(context: &Context, goal: GoalId) -> Result<Vec<Task>> {
    let filter = TaskFilter { goal: Some(goal), limit: 1000, ..TaskFilter::default() };
    context.engine.store.tasks(&filter).await
}

async fn children(context: &Context) -> Result<Vec<Task>> {
    let filter = TaskFilter { parent: Some(context.task().id()), limit: 100, ..TaskFilter::default() };
    context.engine.store.tasks(&filter).await
}

fn plan_tasks(tasks: Vec<Task>) -> Vec<Task> {
    let counts = |task: &Task| task.spec.task_type.as_str() != "planning" && task.life.state != State::Cancelled;
    tasks.into_iter().filter(counts).collect()
}

async fn hear(
    context: &Context,
    goal: &Goal,
    allowed: &[(TaskType, &str)],
    text: &str,
) -> Result<std::result::Result<Vec<Planned>, Vec<String>>> {
    let earlier = plan_tasks(tasks_of(context, goal.id).await?);
    let titles: Vec<String> = earlier.into_iter().map(|task| task.spec.title).collect();
    Ok(decompose::read(text).and_then(|draft| decompose::validate(&draft, &types(allowed), &titles)))
}

async fn spawn(context: &Context, goal: &Goal, planned: Vec<Planned>) -> Result<()> {
    let worker = context.lease().worker.to_string();
    let home = decompose::Context { goal_id: goal.id, planning_task: context.task().id(), created_by: worker };
    let tasks = decompose::to_tasks(&planned, &home, TaskId::mint);
    let line = format!("{} tasks for goal {:?}", tasks.len(), goal.title);
    let event = NewEvent::new("planned", context.lease().worker.as_str(), line);
    context
        .write(|commit| {
            commit.spawn = tasks;
            commit.events.push(event);
        })
        .await
}

async fn finish(context: &Context, goal: GoalId) -> Result<Ending> {
    let plan = context.task().id();
    let tasks = children(context).await?;
    let belongs = |task: &Task| task.spec.goal_id == Some(goal) && task.spec.parent_task_id == Some(plan);
    let facts = Facts::Plan { tasks: tasks.iter().map(|t| PlannedFacts { id: t.id(), belongs: belongs(t) }).collect() };
    Ok(match judge(&Demand::Plan, facts, context.hearing(), context.now()) {
        Ok(verified) => Ending::Verified(Box::new(verified)),
        Err(refused) => context.refused(&refused).await?,
    })
}

// No usable plan after several answers: the goal waits for a person, with the reason.
async fn park(context: &Context, goal: &Goal, reason: String) -> Result<Ending> {
    let reason = format!("no usable plan: {reason}");
    let change =
        GoalChange { id: goal.id, revision: goal.revision, status: GoalStatus::Parked, reason: Some(reason.clone()) };
    context.write(|commit| commit.goal = Some(change)).await?;
    let notice = Notice {
        topic: Topic::GoalParked,
        subject: format!("goal parked: {}", goal.title),
        body: format!("{reason}\nReword it or try again with `juggernaut goal resume {}`.", goal.id),
        task: Some(context.task().id()),
        goal: Some(goal.id),
        approval: None,
    };
    context.engine.notify(notice).await;
    Ok(Ending::Failed { error: reason, retry: false })
}
