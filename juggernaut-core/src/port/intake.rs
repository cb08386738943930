//! Which tasks of a batch are taken in: the rules that every store applies to what it is given. A store looks up the
//! [`Names`] of a batch, says which of them it knows, and puts in what [`plan`] allows.

use super::store::{Enqueued, MAX_BATCH};
use crate::base::id::{GoalId, TaskId};
use crate::task::NewTask;
use crate::task::dependency::find_cycle;
use crate::{Error, Result};
use chrono::SubsecRound;
use std::collections::{BTreeMap, BTreeSet};

/// Everything a batch names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Deduplication keys.
    pub keys: BTreeSet<String>,
    /// Ids of the tasks themselves, of their parents and of what they depend on.
    pub tasks: BTreeSet<TaskId>,
    /// Goals.
    pub goals: BTreeSet<GoalId>,
}

impl Names {
    /// What these tasks name.
    #[must_use]
    pub fn of(tasks: &[NewTask]) -> Self {
        Self {
            keys: tasks.iter().filter_map(|t| t.key.clone()).collect(),
            tasks: tasks
                .iter()
                .flat_map(|t| t.depends_on.iter().copied().chain(t.parent_task_id).chain([t.id]))
                .collect(),
            goals: tasks.iter().filter_map(|t| t.goal_id).collect(),
        }
    }
}

/// What the store knows of the [`Names`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Keys, and the tasks that have them.
    pub keys: BTreeMap<String, TaskId>,
    /// Tasks that exist.
    pub tasks: BTreeSet<TaskId>,
    /// Goals that exist.
    pub goals: BTreeSet<GoalId>,
}

/// What is to be done with a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Intake {
    /// The tasks to put in, in the order given. What they depend on exists, or is among them.
    pub new: Vec<NewTask>,
    /// What to answer, one for each task given.
    pub answers: Vec<Enqueued>,
}

/// Decides on a batch: all of it, or nothing.
///
/// A task whose key exists is not put in again; where others of the batch name its id, they get the task that stands
/// for it.
///
/// # Errors
/// `Invalid` for fields out of bounds, unknown dependencies, parents and goals, circles and too many tasks; `Conflict`
/// for an id that exists.
pub fn plan(tasks: Vec<NewTask>, known: &Known) -> Result<Intake> {
    if tasks.len() > MAX_BATCH {
        return Err(Error::invalid(format!(
            "{} tasks in one call; at most {MAX_BATCH} are allowed: split them",
            tasks.len()
        )));
    }
    let (mut intake, mut fresh, mut stands_for) = (Intake::default(), BTreeSet::new(), BTreeMap::new());
    let mut keys: BTreeMap<String, TaskId> = BTreeMap::new();
    for task in tasks {
        task.validate()?;
        let holder = task.key.as_ref().and_then(|key| known.keys.get(key).or_else(|| keys.get(key))).copied();
        if let Some(id) = holder {
            stands_for.insert(task.id, id);
            intake.answers.push(Enqueued { id, created: false });
            continue;
        }
        if known.tasks.contains(&task.id) || !fresh.insert(task.id) {
            return Err(Error::conflict(format!("task {} exists already", task.id)));
        }
        keys.extend(task.key.clone().map(|key| (key, task.id)));
        intake.answers.push(Enqueued { id: task.id, created: true });
        intake.new.push(task);
    }
    let resolve = |title: &str, role: &str, id: TaskId| {
        let exists = fresh.contains(&id) || known.tasks.contains(&id);
        let found = if exists { Some(id) } else { stands_for.get(&id).copied() };
        found.ok_or_else(|| Error::invalid(format!("task {title:?} {role} task {id}, which does not exist")))
    };
    for task in &mut intake.new {
        for dependency in &mut task.depends_on {
            *dependency = resolve(&task.title, "depends on", *dependency)?;
        }
        task.parent_task_id = task.parent_task_id.map(|id| resolve(&task.title, "is a child of", id)).transpose()?;
        if let Some(goal) = task.goal_id.filter(|goal| !known.goals.contains(goal)) {
            return Err(Error::invalid(format!("task {:?} is for goal {goal}, which does not exist", task.title)));
        }
        // A microsecond is what every store keeps.
        task.run_at = task.run_at.map(|at| at.trunc_subsecs(6));
    }
    refuse_circle(&intake.new)?;
    Ok(intake)
}

fn refuse_circle(tasks: &[NewTask]) -> Result<()> {
    let edges = tasks.iter().map(|t| (t.id, t.depends_on.clone())).collect();
    let Some(cycle) = find_cycle(&edges) else { return Ok(()) };
    let title = |id: &TaskId| tasks.iter().find(|t| t.id == *id).map_or_else(String::new, |t| format!("{:?}", t.title));
    let path: Vec<String> = cycle.iter().map(title).collect();
    Err(Error::invalid(format!("tasks wait for each other in a circle: {}", path.join(" → "))))
}
