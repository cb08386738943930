//! The picture, the reasons and the alarm, on small queues.

use super::*;
use crate::base::effect::Effect;
use crate::base::hash::Digest;
use crate::base::id::ApprovalId;
use crate::base::money::Micros;
use crate::task::NewTask;
use crate::task::claim::compare;
use crate::task::lifecycle::{Lease, Life};
use proptest::prelude::*;
use uuid::Uuid;

pub(super) fn at(seconds: i64) -> Time {
    Time::UNIX_EPOCH + TimeDelta::seconds(1_000_000 + seconds)
}

fn task_id(n: u128) -> TaskId {
    TaskId::from_uuid(Uuid::from_u128(n))
}

fn kind(name: &str) -> TaskType {
    TaskType::new(name).unwrap()
}

fn worker(types: &[&str], seen: i64) -> WorkerSeen {
    WorkerSeen {
        id: WorkerId::new("w1").unwrap(),
        worker_type: "executor".into(),
        task_types: types.iter().map(|t| kind(t)).collect(),
        last_heartbeat: at(seen),
        stopped: false,
    }
}

fn task(n: u128, goal: &Goal, state: State) -> Task {
    let mut spec = NewTask::new(kind("code"), format!("task {n}"));
    spec.id = task_id(n);
    spec.goal_id = Some(goal.id);
    let mut life = Life::new(at(0), 3);
    life.state = state;
    if state == State::InProgress {
        let worker = WorkerId::new("w1").unwrap();
        life.lease = Some(Lease { task: spec.id, attempt: 1, worker: worker.clone(), expires_at: at(60) });
        life.worker = Some(worker);
    }
    Task { spec, created_at: at(0), life, unmet: vec![], risk: None, evidence: vec![], cost: Micros::ZERO }
}

fn picture(goal: &Goal, tasks: impl IntoIterator<Item = Task>) -> Picture {
    Picture {
        now: at(0),
        workers: vec![worker(&["code", "planning"], 0)],
        goals: BTreeMap::from([(goal.id, goal.clone())]),
        tasks: tasks.into_iter().map(|task| (task.id(), task)).collect(),
        approvals: vec![],
    }
}

fn stalls(goal: &Goal, tasks: impl IntoIterator<Item = Task>) -> Vec<String> {
    stall::judge(&picture(goal, tasks)).stalled.into_iter().flat_map(|stalled| stalled.reasons).collect()
}

fn approval(task: TaskId) -> Approval {
    let effect = Effect::RunTask {
        task_type: "code".into(),
        title: "t".into(),
        description: String::new(),
        payload: serde_json::json!({}),
        acceptance_criteria: vec![],
    };
    Approval {
        id: ApprovalId::from_uuid(Uuid::from_u128(77)),
        task_id: task,
        digest: effect.digest().unwrap_or_else(|_| Digest::of_bytes(b"")),
        effect,
        risk: crate::govern::risk::assess(&NewTask::new(kind("code"), "t")),
        reason: "high risk 0.70".into(),
        requested_by: WorkerId::new("w1").unwrap(),
        requested_at: at(0),
        decision: None,
    }
}

#[test]
fn a_goal_with_work_that_goes_on_is_not_stalled() {
    let goal = Goal::new("g", "me");
    for state in [State::Pending, State::InProgress, State::WaitingApproval, State::AwaitingPrMerge] {
        assert_eq!(stalls(&goal, [task(1, &goal, state)]), [""; 0], "{state:?}");
    }
    let mut later = task(1, &goal, State::Pending);
    later.life.run_at = at(3600);
    assert_eq!(stalls(&goal, [later]), [""; 0], "a retry comes back by itself");
    assert_eq!(stalls(&goal, [task(1, &goal, State::Completed)]), [""; 0], "it is complete");
}

#[test]
fn a_goal_without_a_way_on_is_stalled_and_says_why() {
    let goal = Goal::new("g", "me");
    assert!(stalls(&goal, [])[0].contains("no task that could be done"));
    let failed = stalls(&goal, [task(1, &goal, State::Completed), task(2, &goal, State::DeadLetter)]);
    assert!(failed[0].contains("task 2") && failed[0].contains("dead_letter"), "{failed:?}");
    let mut blocked = task(3, &goal, State::Pending);
    blocked.unmet = vec![task_id(2)];
    let found = stalls(&goal, [task(2, &goal, State::Cancelled), blocked.clone()]);
    assert!(found.iter().any(|r| r.contains("ended as cancelled")), "{found:?}");
    assert_eq!(stalls(&goal, [task(2, &goal, State::Pending), blocked]), [""; 0]);
    let mut nobody = task(1, &goal, State::Pending);
    nobody.spec.task_type = kind("deployment");
    assert!(stalls(&goal, [nobody])[0].contains("no living worker handles tasks of type deployment"));
}

#[test]
fn a_busy_goal_hides_no_stalled_one_and_a_held_one_raises_no_alarm() {
    let (busy, stuck) = (Goal::new("busy", "me"), Goal::new("stuck", "me"));
    let mut held = Goal::new("held", "me");
    held.status = GoalStatus::Paused;
    let mut all = picture(&busy, [task(1, &busy, State::InProgress), task(2, &stuck, State::Failed)]);
    all.goals.extend([(stuck.id, stuck.clone()), (held.id, held)]);
    let found: Vec<GoalId> = stall::judge(&all).stalled.iter().map(|s| s.id).collect();
    assert_eq!(found, [stuck.id]);
}

#[test]
fn a_task_that_waits_for_a_person_names_the_request_and_the_command() {
    let goal = Goal::new("g", "me");
    let waiting = task(1, &goal, State::WaitingApproval);
    let mut seen = picture(&goal, [waiting.clone()]);
    let lost = why::why_task(&seen, &waiting);
    assert!(lost.reasons[0].reason.contains("nobody asks"), "{lost:?}");
    seen.approvals.push(approval(waiting.id()));
    let found = why::why_task(&seen, &waiting);
    let id = seen.approvals[0].id.to_string();
    assert!(found.reasons[0].reason.contains(&id));
    assert!(found.reasons[0].remedy.as_ref().unwrap().contains(&format!("juggernaut approval approve {id}")));
    assert!(found.risk.factors[0].starts_with("task_type:code"));
}

#[test]
fn a_goal_groups_its_tasks_by_reason() {
    let mut goal = Goal::new("g", "me");
    goal.status = GoalStatus::Paused;
    let tasks = [task(1, &goal, State::Pending), task(2, &goal, State::Pending), task(3, &goal, State::Completed)];
    let found = why::why_goal(&picture(&goal, tasks), &goal);
    assert_eq!(found.percent, 33);
    assert_eq!(found.tasks.len(), 1);
    assert_eq!(found.tasks[0].tasks.len(), 2);
    assert!(found.reasons[0].remedy.as_ref().unwrap().contains("goal resume"));
    assert!(!found.stalled, "an operator holds it");
}

#[test]
fn a_worker_says_what_it_does() {
    let goal = Goal::new("g", "me");
    let busy = picture(&goal, [task(1, &goal, State::InProgress)]);
    assert_eq!(why::why_worker(&busy, &worker(&["code"], 0)).status, "busy");
    assert_eq!(why::why_worker(&busy, &worker(&["code"], -301)).status, "stale");
    assert_eq!(why::why_worker(&busy, &WorkerSeen { stopped: true, ..worker(&[], 0) }).status, "offline");
    let idle = picture(&goal, [task(1, &goal, State::Pending)]);
    let found = why::why_worker(&idle, &worker(&["test"], 0));
    assert_eq!(found.status, "idle");
    assert!(found.reasons[0].reason.contains("type code"), "{found:?}");
}

fn any_task() -> impl Strategy<Value = (usize, bool, i64, Vec<u128>)> {
    (0..State::ALL.len(), any::<bool>(), -10i64..10, prop::collection::vec(0u128..8, 0..3))
}

proptest! {
    #[test]
    fn when_nothing_can_be_claimed_every_pending_task_has_a_reason(
        tasks in prop::collection::vec(any_task(), 1..8),
        types in prop::sample::subsequence(vec!["code", "test"], 0..=2),
        seen in prop_oneof![Just(0i64), Just(-600)],
        paused in any::<bool>(),
    ) {
        let mut goal = Goal::new("g", "me");
        if paused { goal.status = GoalStatus::Paused; }
        let mut all: Vec<Task> = Vec::new();
        for (n, (state, code, due, deps)) in tasks.into_iter().enumerate() {
            let mut one = task(n as u128, &goal, State::ALL[state]);
            if !code { one.spec.task_type = kind("test"); }
            one.life.run_at = at(due);
            let done = |id: &u128| all.iter().any(|t: &Task| t.id() == task_id(*id) && t.life.state == State::Completed);
            one.unmet = deps.into_iter().filter(|d| *d < n as u128 && !done(d)).map(task_id).collect();
            all.push(one);
        }
        let mut now = picture(&goal, all.clone());
        now.workers = vec![worker(&types, seen)];
        let handled = now.handled();
        all.sort_by(compare);
        // What a claim by the living worker would take, said with the claim's conditions one by one.
        let takes = |t: &Task| t.life.state.is_claimable() && t.life.run_at <= at(0) && t.unmet.is_empty()
            && seen == 0 && types.contains(&t.spec.task_type.as_str()) && !paused;
        for one in all.iter().filter(|t| t.life.state.is_claimable()) {
            prop_assert_eq!(now.blockers(one, &handled).is_empty(), takes(one));
        }
        for one in &all {
            prop_assert!(!why::why_task(&now, one).reasons.is_empty());
        }
        // The alarm is silent only if something can be claimed, comes up later, runs or waits for a person.
        let goes_on = all.iter().any(|t| takes(t)
            || matches!(t.life.state, State::InProgress | State::WaitingApproval)
            || (t.life.state.is_claimable() && t.life.run_at > at(0)));
        let complete = progress_of(&now, goal.id).is_complete();
        if !goes_on && !complete && !paused {
            let verdict = stall::judge(&now);
            prop_assert_eq!(verdict.stalled.len(), 1);
            prop_assert!(!verdict.stalled[0].reasons.is_empty());
        }
    }
}
