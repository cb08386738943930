//! Is the plan one that can be put into the queue? Every reason why not, at once.

use super::{
    DraftTask, MAX_CRITERIA, MAX_CRITERION, MAX_DESCRIPTION, MAX_KEY, MAX_TASKS, MAX_TITLE, MIN_TASKS, PlanDraft,
};
use crate::task::TaskType;
use crate::task::dependency::find_cycle;
use std::collections::BTreeMap;

/// The type that makes plans: no plan may contain it, or planning would never end.
const PLANNING: &str = "planning";

/// A task of a plan that was found good. Only [`validate`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    task_type: TaskType,
    draft: DraftTask,
    depends_on: Vec<usize>,
}

impl Planned {
    /// Its type.
    #[must_use]
    pub const fn task_type(&self) -> &TaskType {
        &self.task_type
    }
    /// The task as it was proposed.
    #[must_use]
    pub const fn draft(&self) -> &DraftTask {
        &self.draft
    }
    /// Places, in the validated plan, of the tasks it depends on: always before its own.
    #[must_use]
    pub fn depends_on(&self) -> &[usize] {
        &self.depends_on
    }
}

/// Checks a plan against the types that may be used and the titles of the goal's tasks so far. The tasks come back in
/// an order in which each stands after those it depends on.
///
/// # Errors
/// Every reason why it is refused, each a fragment for [`super::retry_remark`].
pub fn validate(draft: &PlanDraft, types: &[TaskType], titles: &[String]) -> Result<Vec<Planned>, Vec<String>> {
    let tasks = &draft.tasks;
    let mut reasons = Vec::new();
    if !(MIN_TASKS..=MAX_TASKS).contains(&tasks.len()) {
        reasons.push(format!("the plan has {} tasks; {MIN_TASKS} to {MAX_TASKS} are demanded", tasks.len()));
    }
    let mut seen: BTreeMap<String, String> =
        titles.iter().map(|title| (normal(title), format!("a task the goal has already, {}", shown(title)))).collect();
    let mut places = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        let name = format!("task {}", shown(&task.key));
        let mut refuse = |reason: &str| reasons.push(format!("{name}: {reason}"));
        fields(task, types, &mut refuse);
        let title = normal(&task.title);
        if let Some(other) = seen.get(&title) {
            refuse(&format!("its title is that of {other}"));
        } else if !title.is_empty() {
            seen.insert(title, name.clone());
        }
        if places.insert(task.key.as_str(), at).is_some() {
            refuse("its key is used twice");
        }
    }
    let edges = edges(tasks, &places, &mut reasons);
    if let Some(cycle) = find_cycle(&edges) {
        let keys: Vec<&str> = cycle.iter().filter_map(|&at| tasks.get(at)).map(|t| t.key.as_str()).collect();
        reasons.push(format!("the tasks depend on each other in a circle: {}", clip(&keys.join(" → "))));
    }
    if reasons.is_empty() { Ok(in_order(tasks, &edges, types)) } else { Err(reasons) }
}

fn fields(task: &DraftTask, types: &[TaskType], refuse: &mut impl FnMut(&str)) {
    let key = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if task.key.is_empty() || task.key.len() > MAX_KEY || !task.key.bytes().all(key) {
        refuse(&format!("its key must have 1 to {MAX_KEY} letters, digits, `-`, `_` or `.`"));
    }
    if task.task_type == PLANNING || !types.iter().any(|t| t.as_str() == task.task_type) {
        let known: Vec<&str> = types.iter().map(TaskType::as_str).filter(|t| *t != PLANNING).collect();
        refuse(&format!("its type {} is not one of {}", shown(&task.task_type), known.join(", ")));
    }
    if task.title.chars().any(char::is_control) || task.title.chars().count() > MAX_TITLE {
        refuse(&format!("its title must be one line of at most {MAX_TITLE} characters"));
    }
    if normal(&task.title).is_empty() {
        refuse("its title says nothing");
    }
    if task.description.trim().is_empty() || task.description.chars().count() > MAX_DESCRIPTION {
        refuse(&format!("its description must have 1 to {MAX_DESCRIPTION} characters"));
    }
    if !(1..=MAX_CRITERIA).contains(&task.acceptance_criteria.len()) {
        refuse(&format!(
            "it has {} acceptance criteria; 1 to {MAX_CRITERIA} are demanded",
            task.acceptance_criteria.len()
        ));
    }
    if task.acceptance_criteria.iter().any(|c| c.trim().is_empty() || c.chars().count() > MAX_CRITERION) {
        refuse(&format!("each acceptance criterion must have 1 to {MAX_CRITERION} characters"));
    }
    // A NUL cannot be kept by every store.
    if task.acceptance_criteria.iter().chain([&task.description]).any(|text| text.contains('\0')) {
        refuse("text must not contain NUL characters");
    }
}

fn edges(
    tasks: &[DraftTask],
    places: &BTreeMap<&str, usize>,
    reasons: &mut Vec<String>,
) -> BTreeMap<usize, Vec<usize>> {
    let mut edges = BTreeMap::new();
    for (at, task) in tasks.iter().enumerate() {
        let mut depends_on = Vec::new();
        for key in &task.depends_on {
            match places.get(key.as_str()) {
                Some(place) if !depends_on.contains(place) => depends_on.push(*place),
                Some(_) => {}
                None => reasons.push(format!(
                    "task {}: it depends on {}, which is not in the plan",
                    shown(&task.key),
                    shown(key)
                )),
            }
        }
        edges.insert(at, depends_on);
    }
    edges
}

// Takes, again and again, the first task whose dependencies are all taken. `edges` has no circle, so each round takes
// one.
fn in_order(tasks: &[DraftTask], edges: &BTreeMap<usize, Vec<usize>>, types: &[TaskType]) -> Vec<Planned> {
    let mut taken: Vec<usize> = Vec::with_capacity(tasks.len());
    let mut planned = Vec::with_capacity(tasks.len());
    let place = |taken: &[usize], at: usize| taken.iter().position(|&t| t == at);
    for _ in tasks {
        let ready = edges
            .iter()
            .filter(|(at, _)| !taken.contains(at))
            .find_map(|(&at, deps)| Some((at, deps.iter().map(|&d| place(&taken, d)).collect::<Option<Vec<_>>>()?)));
        let Some((at, depends_on)) = ready else { break };
        taken.push(at);
        let Some(draft) = tasks.get(at).cloned() else { break };
        let Some(task_type) = types.iter().find(|t| t.as_str() == draft.task_type).cloned() else { break };
        planned.push(Planned { task_type, draft, depends_on });
    }
    planned
}

// Two titles are the same when they differ in case, punctuation and white space only.
fn normal(title: &str) -> String {
    let words: Vec<String> =
        title.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    words.join(" ")
}

fn shown(text: &str) -> String {
    format!("{:?}", clip(text))
}

fn clip(text: &str) -> String {
    text.chars().take(80).collect()
}
