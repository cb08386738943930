//! Ids by a unique prefix, as people type them.

use crate::base::id::{ApprovalId, GoalId, TaskId};
use crate::port::Store;
use crate::port::store::{ApprovalFilter, TaskFilter};
use crate::{Error, Result};
use std::fmt::Display;

/// Most matches named in the refusal of an ambiguous prefix.
const MAX_NAMED: usize = 10;

/// The task whose id begins with `text`.
///
/// # Errors
/// `NotFound` for none, `Invalid` for several, naming them, and for what cannot be the beginning of an id.
pub async fn find_task(store: &dyn Store, text: &str) -> Result<TaskId> {
    let prefix = id_prefix("task", text)?;
    let filter = TaskFilter { id_prefix: Some(prefix), limit: MAX_NAMED + 1, ..Default::default() };
    let found = store.tasks(&filter).await?;
    only("task", text, found.iter().map(|task| (task.id(), task.spec.title.as_str())).collect())
}

/// The goal whose id begins with `text`.
///
/// # Errors
/// As [`find_task`].
pub async fn find_goal(store: &dyn Store, text: &str) -> Result<GoalId> {
    let prefix = id_prefix("goal", text)?;
    let found = store.goals(Some(&prefix)).await?;
    only("goal", text, found.iter().map(|goal| (goal.id, goal.title.as_str())).collect())
}

/// The request for approval whose id begins with `text`.
///
/// # Errors
/// As [`find_task`].
pub async fn find_approval(store: &dyn Store, text: &str) -> Result<ApprovalId> {
    let id_prefix = Some(id_prefix("approval", text)?);
    let found = store.approvals(&ApprovalFilter { id_prefix, ..Default::default() }).await?;
    only("approval", text, found.iter().map(|approval| (approval.id, approval.reason.as_str())).collect())
}

fn id_prefix(noun: &str, text: &str) -> Result<String> {
    let lower = text.trim().to_ascii_lowercase();
    let fits = |b: u8| b.is_ascii_hexdigit() || b == b'-';
    if lower.is_empty() || lower.len() > 36 || !lower.bytes().all(fits) {
        return Err(Error::invalid(format!("{text:?} is not a {noun} id or the beginning of one")));
    }
    Ok(lower)
}

fn only<Id: Display + Copy>(noun: &str, text: &str, found: Vec<(Id, &str)>) -> Result<Id> {
    match found.as_slice() {
        [] => Err(Error::not_found(format!("{noun} {text}"))),
        [(id, _)] => Ok(*id),
        several => {
            let named: Vec<String> =
                several.iter().take(MAX_NAMED).map(|(id, about)| format!("{id} ({about})")).collect();
            let more = if several.len() > MAX_NAMED { " and more" } else { "" };
            Err(Error::invalid(format!("{noun} id {text} is ambiguous: it begins {}{more}", named.join(", "))))
        }
    }
}
