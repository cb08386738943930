//! The task as JSON: the shape that the command line, REST and MCP share. A contract; fields are only added.

use super::lifecycle::Status;
use super::{Priority, Task, TaskType};
use crate::base::id::{GoalId, TaskId, WorkerId};
use crate::base::money::Micros;
use crate::base::risk::Risk;
use crate::base::time::Time;
use serde::Serialize;
use serde_json::Value;

/// A task for the outside.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are those of the interfaces contract and named there")]
pub struct TaskView {
    pub id: TaskId,
    pub goal_id: Option<GoalId>,
    pub parent_task_id: Option<TaskId>,
    pub task_type: TaskType,
    pub title: String,
    pub description: String,
    pub priority: Priority,
    pub status: Status,
    pub payload: Value,
    pub acceptance_criteria: Vec<String>,
    pub depends_on: Vec<TaskId>,
    pub attempt: u32,
    pub failures: u32,
    pub max_attempts: u32,
    pub assigned_worker: Option<WorkerId>,
    pub requires_approval: bool,
    pub risk: Option<Risk>,
    pub evidence: Vec<Value>,
    pub cost_micros: Micros,
    pub created_by: String,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub completed_at: Option<Time>,
    pub run_at: Time,
    pub error: Option<String>,
}

impl From<&Task> for TaskView {
    fn from(task: &Task) -> Self {
        let (spec, life) = (&task.spec, &task.life);
        Self {
            id: spec.id,
            goal_id: spec.goal_id,
            parent_task_id: spec.parent_task_id,
            task_type: spec.task_type.clone(),
            title: spec.title.clone(),
            description: spec.description.clone(),
            priority: spec.priority,
            status: task.status(),
            payload: spec.payload.clone(),
            acceptance_criteria: spec.acceptance_criteria.clone(),
            depends_on: spec.depends_on.clone(),
            attempt: life.attempt,
            failures: life.failures,
            max_attempts: life.max_attempts,
            assigned_worker: life.worker.clone(),
            requires_approval: spec.requires_approval,
            risk: task.risk.clone(),
            evidence: task.evidence.iter().filter_map(|e| serde_json::to_value(e).ok()).collect(),
            cost_micros: task.cost,
            created_by: spec.created_by.clone(),
            created_at: task.created_at,
            started_at: life.started_at,
            completed_at: life.completed_at,
            run_at: life.run_at,
            error: life.error.clone(),
        }
    }
}
