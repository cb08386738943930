//! Why something is not moving: every reason, each with what to do about it where a person can do something.

use super::{Picture, STALE_AFTER, WorkerSeen, is_planning, progress_of, stall};
use crate::base::id::{GoalId, TaskId, WorkerId};
use crate::base::risk::Risk;
use crate::govern;
use crate::plan::goal::{Goal, GoalStatus, Progress};
use crate::task::claim::Blocker;
use crate::task::lifecycle::{State, Status};
use crate::task::{Task, TaskType};
use serde::Serialize;
use std::collections::BTreeSet;

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason {
    /// What stands in the way.
    pub reason: String,
    /// What a person can do about it: a command, where there is one.
    pub remedy: Option<String>,
}

impl Reason {
    fn new(reason: impl Into<String>, remedy: Option<String>) -> Self {
        Self { reason: reason.into(), remedy }
    }
}

/// Why a task is where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskWhy {
    /// The task.
    pub id: TaskId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub status: Status,
    /// The reasons; never empty.
    pub reasons: Vec<Reason>,
    /// Its risk, as weighed last or as it would be weighed now.
    pub risk: Risk,
}

/// Why a goal is where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoalWhy {
    /// The goal.
    pub id: GoalId,
    /// Its title.
    pub title: String,
    /// Where it stands.
    pub status: GoalStatus,
    /// How far it is.
    pub progress: Progress,
    /// The same in whole percent.
    pub percent: u32,
    /// It is active, and nothing of it can move without a person.
    pub stalled: bool,
    /// What is to say about the goal itself.
    pub reasons: Vec<Reason>,
    /// Its tasks that are not completed, planning first, grouped by what stands in their way.
    pub tasks: Vec<Group>,
}

/// Tasks with one reason in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// The reason.
    #[serde(flatten)]
    pub reason: Reason,
    /// The tasks: their ids and titles.
    pub tasks: Vec<(TaskId, String)>,
}

/// Why a worker is doing what it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkerWhy {
    /// The worker.
    pub id: WorkerId,
    /// Its role.
    pub worker_type: String,
    /// `busy`, `idle`, `stale` or `offline`.
    pub status: &'static str,
    /// The reasons; never empty.
    pub reasons: Vec<Reason>,
}

/// Why a task of the picture is not moving, or how it moves.
#[must_use]
pub fn why_task(picture: &Picture, task: &Task) -> TaskWhy {
    TaskWhy {
        id: task.id(),
        title: task.spec.title.clone(),
        status: task.status(),
        reasons: task_reasons(picture, task, &picture.handled()),
        risk: task.risk.clone().unwrap_or_else(|| govern::risk::assess(&task.spec)),
    }
}

fn task_reasons(picture: &Picture, task: &Task, handled: &BTreeSet<TaskType>) -> Vec<Reason> {
    let (id, life) = (task.id(), &task.life);
    let worker = life.worker.as_ref().map_or("a worker", WorkerId::as_str);
    let error = life.error.as_deref().unwrap_or("no reason is recorded");
    let retry = || Some(format!("juggernaut task retry {id}"));
    match life.state {
        State::Pending | State::AwaitingPrMerge => claimable(picture, task, handled),
        State::InProgress => match life.lease.as_ref().filter(|lease| lease.expires_at <= picture.now) {
            None => vec![Reason::new(format!("{worker} is working on it, in attempt {}", life.attempt), None)],
            Some(lease) => {
                let at = lease.expires_at.format("%H:%M:%S UTC");
                let remedy = "a running watchdog puts it back into the queue: juggernaut up".to_owned();
                vec![Reason::new(format!("the lease of {worker} expired at {at}: it died or stalled"), Some(remedy))]
            }
        },
        State::WaitingApproval => waiting(picture, task),
        State::Completed => {
            let proof = task.evidence.last().map_or("without evidence", |evidence| evidence.summary.as_str());
            vec![Reason::new(format!("it is completed: {proof}"), None)]
        }
        State::Failed => vec![Reason::new(format!("it failed: {error}"), retry())],
        State::Cancelled => vec![Reason::new(format!("it was called off: {error}"), retry())],
        State::DeadLetter => {
            vec![Reason::new(format!("it failed {} times, the last time: {error}", life.failures), retry())]
        }
    }
}

fn claimable(picture: &Picture, task: &Task, handled: &BTreeSet<TaskType>) -> Vec<Reason> {
    let found = picture.blockers(task, handled);
    if found.is_empty() {
        let turn = "nothing stands in its way: a worker that handles its type claims it when its turn comes";
        return vec![Reason::new(turn, None)];
    }
    found.iter().map(|blocker| Reason::new(blocker.to_string(), remedy(task, blocker))).collect()
}

fn remedy(task: &Task, blocker: &Blocker) -> Option<String> {
    match blocker {
        Blocker::NotClaimable { .. } | Blocker::NotDue { .. } => None,
        Blocker::Dependency { id, state } if state.is_terminal() => Some(format!("juggernaut task retry {id}")),
        Blocker::Dependency { id, .. } => Some(format!("juggernaut why task {id}")),
        Blocker::TypeNotHandled { .. } => Some("start a worker that does: juggernaut up".to_owned()),
        Blocker::GoalHeld { .. } => task.spec.goal_id.map(|goal| format!("juggernaut goal resume {goal}")),
    }
}

fn waiting(picture: &Picture, task: &Task) -> Vec<Reason> {
    let open: Vec<Reason> = picture
        .approvals
        .iter()
        .filter(|approval| approval.task_id == task.id())
        .map(|approval| {
            let id = approval.id;
            let answer = format!("juggernaut approval approve {id}, or juggernaut approval reject {id} --reason …");
            Reason::new(format!("a person must answer approval {id}: {}", approval.reason), Some(answer))
        })
        .collect();
    if !open.is_empty() {
        return open;
    }
    let id = task.id();
    let remedy = format!("juggernaut task cancel {id}, then juggernaut task retry {id}");
    vec![Reason::new("it waits for an approval that nobody asks for any more", Some(remedy))]
}

/// Why a goal of the picture is not moving, or how it moves.
#[must_use]
pub fn why_goal(picture: &Picture, goal: &Goal) -> GoalWhy {
    let handled = picture.handled();
    let progress = progress_of(picture, goal.id);
    let stalled = stall::judge(picture).stalled.iter().any(|stalled| stalled.id == goal.id);
    let mut tasks: Vec<Group> = Vec::new();
    let mut open: Vec<&Task> = picture.tasks_of(goal.id).filter(|t| t.life.state != State::Completed).collect();
    open.sort_by_key(|task| (!is_planning(task), task.id()));
    for task in open {
        let named = (task.id(), task.spec.title.clone());
        for reason in task_reasons(picture, task, &handled) {
            match tasks.iter_mut().find(|group| group.reason == reason) {
                Some(group) => group.tasks.push(named.clone()),
                None => tasks.push(Group { reason, tasks: vec![named.clone()] }),
            }
        }
    }
    let mut reasons = Vec::new();
    if let Some(held) = super::held(goal) {
        let resume = matches!(goal.status, GoalStatus::Paused | GoalStatus::Parked);
        reasons
            .push(Reason::new(format!("it is {held}"), resume.then(|| format!("juggernaut goal resume {}", goal.id))));
    } else if progress.total == 0 {
        reasons.push(Reason::new("it has no tasks but planning ones yet", None));
    }
    if stalled {
        reasons.push(Reason::new("nothing of it can move until a person does something", None));
    }
    let percent = progress.percent();
    GoalWhy { id: goal.id, title: goal.title.clone(), status: goal.status, progress, percent, stalled, reasons, tasks }
}

/// Why a worker is doing what it does. The picture holds the tasks in progress and the claimable ones.
#[must_use]
pub fn why_worker(picture: &Picture, worker: &WorkerSeen) -> WorkerWhy {
    let holds = |task: &&Task| task.life.lease.as_ref().is_some_and(|lease| lease.worker == worker.id);
    let held: Vec<&Task> = picture.tasks.values().filter(holds).collect();
    let since = worker.last_heartbeat.format("%Y-%m-%d %H:%M:%S UTC");
    let own: BTreeSet<TaskType> = worker.task_types.iter().cloned().collect();
    let (status, mut reasons) = if worker.stopped {
        ("offline", vec![Reason::new(format!("it stopped; its last sign of life was {since}"), restart())])
    } else if !worker.is_alive(picture.now) {
        let minutes = STALE_AFTER.num_minutes();
        let reason = format!("it has given no sign of life for more than {minutes} minutes, the last {since}");
        ("stale", vec![Reason::new(reason, restart())])
    } else if held.is_empty() {
        ("idle", idle(picture, &own))
    } else {
        ("busy", Vec::new())
    };
    reasons.extend(held.iter().map(|task| {
        Reason::new(
            format!("it works on task {} ({}), attempt {}", task.id(), task.spec.title, task.life.attempt),
            None,
        )
    }));
    WorkerWhy { id: worker.id.clone(), worker_type: worker.worker_type.clone(), status, reasons }
}

fn restart() -> Option<String> {
    Some("juggernaut up".to_owned())
}

fn idle(picture: &Picture, own: &BTreeSet<TaskType>) -> Vec<Reason> {
    if own.is_empty() {
        return vec![Reason::new("it handles no type of task", None)];
    }
    let open: Vec<&Task> = picture.tasks.values().filter(|task| task.life.state.is_claimable()).collect();
    if open.iter().any(|task| picture.blockers(task, own).is_empty()) {
        return vec![Reason::new("there is a task for it, which it claims the next time it looks", None)];
    }
    if open.is_empty() {
        return vec![Reason::new("no task is in the queue", None)];
    }
    let blocked = open.iter().flat_map(|task| {
        let id = task.id();
        picture.blockers(task, own).into_iter().map(move |blocker| Reason::new(format!("task {id}: {blocker}"), None))
    });
    blocked.take(MAX_BLOCKED).collect()
}

/// Most blocked tasks named for an idle worker.
const MAX_BLOCKED: usize = 20;
