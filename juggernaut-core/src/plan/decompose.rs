//! A goal into a plan: what the model is asked, how its answer is read, and when it is taken.
//!
//! The answer is data: read strictly, refused with every reason at once, and never put into the queue before
//! [`validate`] has passed it. It decides nothing but which tasks there are; risk, approval and proof come later.

mod prompt;
mod validate;

pub use prompt::{retry_remark, system_prompt, user_prompt};
pub use validate::{Planned, validate};

use crate::base::id::{GoalId, TaskId};
use crate::task::{NewTask, Priority, TaskType};
use schemars::generate::SchemaSettings;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Fewest tasks of a plan.
pub const MIN_TASKS: usize = 3;
/// Most tasks of a plan.
pub const MAX_TASKS: usize = 7;
/// Most characters of a task's title.
pub const MAX_TITLE: usize = 200;
/// Most characters of a task's description.
pub const MAX_DESCRIPTION: usize = 8_000;
/// Most acceptance criteria of a task.
pub const MAX_CRITERIA: usize = 10;
/// Most characters of one criterion.
pub const MAX_CRITERION: usize = 500;
/// Most characters of a task's local key.
pub const MAX_KEY: usize = 40;
/// Most bytes of an answer.
pub const MAX_ANSWER: usize = 256 * 1024;

/// A plan as the model proposes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanDraft {
    /// The tasks, 3 to 7.
    #[schemars(length(min = MIN_TASKS, max = MAX_TASKS))]
    pub tasks: Vec<DraftTask>,
}

/// A task as the model proposes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftTask {
    /// A short name, unique in this plan, that `depends_on` of other tasks refers to.
    #[schemars(length(min = 1, max = MAX_KEY))]
    pub key: String,
    /// What kind of work.
    pub task_type: String,
    /// One line that says what will be true when it is done.
    #[schemars(length(min = 1, max = MAX_TITLE))]
    pub title: String,
    /// What is to be done, with everything that somebody needs who sees only this task.
    #[schemars(length(min = 1, max = MAX_DESCRIPTION))]
    pub description: String,
    /// When it counts as done: each one line that can be checked.
    #[schemars(length(min = 1, max = MAX_CRITERIA), inner(length(min = 1, max = MAX_CRITERION)))]
    pub acceptance_criteria: Vec<String>,
    /// Keys of tasks of this plan that must be completed first; empty when there are none.
    #[schemars(length(max = MAX_TASKS), inner(length(min = 1, max = MAX_KEY)))]
    pub depends_on: Vec<String>,
    /// What goes first; null for the ordinary.
    #[serde(default)]
    pub priority: Option<Priority>,
}

/// The JSON schema of a [`PlanDraft`] whose tasks have one of these types. Every property is required, as strict
/// structured output demands; the reader is milder and takes a missing `priority` for null.
#[must_use]
pub fn schema(types: &[TaskType]) -> Value {
    let inline = SchemaSettings::draft2020_12().with(|s| {
        s.inline_subschemas = true;
        s.meta_schema = None;
    });
    let mut schema = inline.into_generator().into_root_schema_for::<PlanDraft>().to_value();
    if let Some(task) = schema.pointer_mut("/properties/tasks/items") {
        let names: Vec<&str> = types.iter().map(TaskType::as_str).collect();
        task["properties"]["task_type"] = json!({"type": "string", "enum": names});
        let required = task["properties"].as_object().map(|p| p.keys().cloned().collect::<Vec<_>>());
        task["required"] = json!(required);
    }
    schema
}

/// Reads an answer: one JSON object, bare or inside one json code fence, and nothing else.
///
/// # Errors
/// What is wrong with it, for [`retry_remark`].
pub fn read(text: &str) -> Result<PlanDraft, Vec<String>> {
    if text.len() > MAX_ANSWER {
        return Err(vec![format!("the answer has {} bytes; at most {MAX_ANSWER} are read", text.len())]);
    }
    let text = text.trim();
    let fenced = text.strip_prefix("```json").and_then(|rest| rest.strip_suffix("```"));
    serde_json::from_str(fenced.unwrap_or(text).trim())
        .map_err(|e| vec![format!("the answer is not a plan in the demanded JSON: {e}")])
}

/// Where the tasks of a plan belong.
#[derive(Debug, Clone)]
pub struct Context {
    /// The goal they serve.
    pub goal_id: GoalId,
    /// The planning task that brings them forth, their parent.
    pub planning_task: TaskId,
    /// Who puts them there.
    pub created_by: String,
}

/// Makes the tasks of a plan, each after those it depends on; `mint` gives each its id. Their keys depend on the
/// planning task and their place in the plan only, so a plan that is spawned twice is in the queue once.
pub fn to_tasks(planned: &[Planned], context: &Context, mut mint: impl FnMut() -> TaskId) -> Vec<NewTask> {
    let mut ids: Vec<TaskId> = Vec::with_capacity(planned.len());
    let mut tasks = Vec::with_capacity(planned.len());
    for (n, plan) in planned.iter().enumerate() {
        let id = mint();
        let depends_on = plan.depends_on().iter().filter_map(|&at| ids.get(at).copied()).collect();
        let draft = plan.draft();
        tasks.push(NewTask {
            id,
            key: Some(format!("plan:{}:{n}", context.planning_task)),
            goal_id: Some(context.goal_id),
            parent_task_id: Some(context.planning_task),
            task_type: plan.task_type().clone(),
            title: draft.title.trim().to_owned(),
            description: draft.description.clone(),
            priority: draft.priority.unwrap_or_default(),
            payload: json!({}),
            acceptance_criteria: draft.acceptance_criteria.clone(),
            depends_on,
            requires_approval: false,
            max_attempts: crate::task::retry::DEFAULT_MAX_ATTEMPTS,
            run_at: None,
            created_by: context.created_by.clone(),
        });
        ids.push(id);
    }
    tasks
}

#[cfg(test)]
mod tests;
