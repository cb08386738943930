use super::*;
use crate::task::evidence::{Demand, Facts, Hearing, judge};
use proptest::prelude::*;
use uuid::Uuid;

const MAX: u32 = 3;

fn at(second: i64) -> Time {
    Time::UNIX_EPOCH + TimeDelta::seconds(second)
}

fn task() -> TaskId {
    TaskId::from_uuid(Uuid::from_u128(1))
}

fn claimed() -> Event {
    Event::Claimed { task: task(), worker: WorkerId::new("w1").unwrap(), until: at(60) }
}

fn completed() -> Event {
    let hearing = Hearing { attempt: 1, executor: WorkerId::new("w1").unwrap(), verifier: "verifier".into() };
    let demand = Demand::NotDemanded { reason: "a test".into() };
    Event::Completed(Box::new(judge(&demand, Facts::Nothing, hearing, at(0)).unwrap()))
}

fn failed(retry_in: Option<i64>) -> Event {
    Event::Failed { error: "it broke".into(), retry_in: retry_in.map(TimeDelta::seconds) }
}

fn every_event() -> [Event; 13] {
    let reason = || "said so".to_owned();
    [
        claimed(),
        completed(),
        failed(Some(60)),
        Event::LeaseExpired,
        Event::ApprovalAsked { reason: reason() },
        Event::Approved,
        Event::Rejected { reason: reason() },
        Event::MergeAwaited { look_at: at(90), reason: reason() },
        Event::Parked { until: at(120), reason: reason() },
        Event::HandedBack,
        Event::Cancelled { reason: reason() },
        Event::Retried,
        Event::Reopened { reason: reason() },
    ]
}

fn step(life: &Life, event: Event) -> Life {
    apply(life, event, at(10)).unwrap().next().clone()
}

/// A life that came to its state by steps.
fn life_in(state: State) -> Life {
    let new = Life::new(at(0), MAX);
    let working = step(&new, claimed());
    let reason = || "why".to_owned();
    match state {
        State::Pending => new,
        State::InProgress => working,
        State::WaitingApproval => step(&working, Event::ApprovalAsked { reason: reason() }),
        State::AwaitingPrMerge => step(&working, Event::MergeAwaited { look_at: at(20), reason: reason() }),
        State::Completed => step(&working, completed()),
        State::Failed => step(&working, failed(None)),
        State::Cancelled => step(&working, Event::Cancelled { reason: reason() }),
        State::DeadLetter => {
            let mut life = working;
            for _ in 1..MAX {
                life = step(&step(&life, failed(Some(1))), claimed());
            }
            step(&life, Event::LeaseExpired)
        }
    }
}

#[test]
fn every_pair_of_state_and_event_is_a_step_or_a_rejection() {
    let (p, i, w, a) = (State::Pending, State::InProgress, State::WaitingApproval, State::AwaitingPrMerge);
    let (c, f, x) = (State::Completed, State::Failed, State::Cancelled);
    let dl = State::DeadLetter;
    let (no, to) = (None, Some);
    #[rustfmt::skip]
    let table: [(State, [Option<State>; 13]); 8] = [
        // claimed completed failed expired asked approved rejected awaited parked handed cancelled retried reopened
        (p,  [to(i), no,    no,    no,    no,    no,    no,    no,    no,    no,    to(x), no,    no   ]),
        (i,  [no,    to(c), to(p), to(p), to(w), no,    no,    to(a), to(p), to(p), to(x), no,    no   ]),
        (w,  [no,    no,    no,    no,    no,    to(p), to(f), no,    no,    no,    to(x), no,    no   ]),
        (a,  [to(i), no,    no,    no,    no,    no,    no,    no,    no,    no,    to(x), no,    no   ]),
        (c,  [no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    to(p)]),
        (f,  [no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    to(p), no   ]),
        (x,  [no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    to(p), no   ]),
        (dl, [no,    no,    no,    no,    no,    no,    no,    no,    no,    no,    to(x), to(p), no   ]),
    ];
    assert_eq!(table.map(|(state, _)| state), State::ALL, "a state is missing");
    for (state, row) in table {
        let life = life_in(state);
        assert_eq!(life.state, state);
        for (event, expected) in every_event().into_iter().zip(row) {
            let name = event.name();
            match (apply(&life, event, at(10)), expected) {
                (Ok(step), Some(next)) => {
                    assert_eq!((step.from(), step.next().state, step.event()), (state, next, name));
                }
                (Err(rejected), None) => assert_eq!(rejected, Rejected { state, event: name }),
                (found, _) => panic!("{state:?} × {name}: {found:?}, expected {expected:?}"),
            }
        }
    }
}

#[test]
fn event_names_are_all_different() {
    let names: std::collections::BTreeSet<_> = every_event().iter().map(Event::name).collect();
    assert_eq!(names.len(), 13);
}

#[test]
fn a_rejection_says_what_was_wrong_and_is_a_conflict() {
    let rejected = apply(&life_in(State::Completed), claimed(), at(10)).unwrap_err();
    assert_eq!(rejected.to_string(), "a task that is completed cannot be claimed");
    assert!(matches!(crate::Error::from(rejected), crate::Error::Conflict { .. }));
}

#[test]
fn a_claim_gives_a_new_lease_that_an_old_one_never_fits() {
    let first = step(&Life::new(at(0), MAX), claimed());
    let lease = first.lease.clone().unwrap();
    assert_eq!((lease.task, lease.attempt, lease.expires_at), (task(), 1, at(60)));
    assert_eq!(first.started_at, Some(at(10)));

    let again = apply(&step(&first, Event::HandedBack), claimed(), at(50)).unwrap();
    let second = again.next().lease.as_ref().unwrap();
    assert_eq!(second.attempt, 2);
    assert_ne!(*second, lease);
    assert_eq!(again.next().started_at, Some(at(50)), "a new attempt begins now, not when the first one did");
}

#[test]
fn failing_waits_and_then_dead_letters_and_an_end_ends_at_once() {
    let mut life = Life::new(at(0), MAX);
    for failures in 1..MAX {
        life = step(&step(&life, claimed()), failed(Some(60)));
        assert_eq!((life.state, life.failures, life.run_at), (State::Pending, failures, at(70)));
        assert_eq!(life.error.as_deref(), Some("it broke"));
    }
    let dead = step(&step(&life, claimed()), failed(Some(60)));
    assert_eq!((dead.state, dead.failures, dead.completed_at), (State::DeadLetter, MAX, Some(at(10))));

    let final_failure = step(&life_in(State::InProgress), failed(None));
    assert_eq!((final_failure.state, final_failure.failures), (State::Failed, 0));
}

#[test]
fn an_expired_lease_counts_as_a_failure_and_names_the_worker() {
    let life = step(&life_in(State::InProgress), Event::LeaseExpired);
    assert_eq!((life.state, life.failures, life.run_at), (State::Pending, 1, at(10)));
    assert_eq!(life.error.as_deref(), Some("the lease of w1 expired in attempt 1"));
}

#[test]
fn waiting_burns_no_failure() {
    let working = life_in(State::InProgress);
    let [_, _, _, _, asked, _, _, awaited, parked, handed, ..] = every_event();
    for (event, run_at) in [(asked, at(10)), (awaited, at(90)), (parked, at(120)), (handed, at(10))] {
        let next = step(&working, event);
        assert_eq!((next.failures, next.run_at), (0, run_at), "{next:?}");
    }
}

#[test]
fn a_retry_and_a_reopening_start_the_count_of_failures_again_but_never_the_attempts() {
    for (state, event) in [
        (State::DeadLetter, Event::Retried),
        (State::Failed, Event::Retried),
        (State::Completed, Event::Reopened { reason: "reverted".into() }),
    ] {
        let before = life_in(state);
        let after = step(&before, event);
        assert_eq!((after.failures, after.attempt, after.completed_at), (0, before.attempt, None));
    }
}

#[test]
fn names_read_back() {
    for state in State::ALL {
        assert_eq!(State::parse(state.as_str()), Some(state));
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        assert_eq!(Status::from(state).as_str(), state.as_str());
    }
    assert_eq!(State::parse("blocked"), None, "blocked is derived, never stored");
    let shown: Vec<_> = Status::ALL.iter().map(|s| s.as_str()).collect();
    #[rustfmt::skip]
    assert_eq!(shown, ["pending", "in_progress", "waiting_approval", "awaiting_pr_merge", "blocked", "completed",
        "failed", "cancelled", "dead_letter"]);
}

fn any_event() -> impl Strategy<Value = Event> {
    let mut events = every_event().to_vec();
    events.push(failed(None));
    // Claims are drawn more often, so that walks get far.
    events.extend([claimed(), claimed(), claimed(), claimed()]);
    prop::sample::select(events)
}

proptest! {
    #[test]
    fn a_life_keeps_its_invariants_through_any_events(
        max in 1u32..4,
        events in prop::collection::vec(any_event(), 0..60),
    ) {
        let mut life = Life::new(at(0), max);
        for (second, event) in (1..).zip(events) {
            let (before, name) = (life.clone(), event.name());
            let Ok(step) = apply(&life, event, at(second)) else { continue };
            life = step.next().clone();
            prop_assert_eq!(step.from(), before.state);
            prop_assert_eq!(life.revision, before.revision + 1);
            prop_assert_eq!(life.attempt, before.attempt + u32::from(name == "claimed"));
            prop_assert!(life.failures <= max);
            prop_assert_eq!(life.lease.is_some(), life.state == State::InProgress);
            if let Some(lease) = &life.lease {
                prop_assert_eq!(lease.attempt, life.attempt);
                prop_assert_eq!(Some(&lease.worker), life.worker.as_ref());
            }
            prop_assert_eq!(life.completed_at.is_some(), life.state.is_terminal());
            prop_assert_eq!(step.verified().is_some(), life.state == State::Completed);
            if before.state.is_terminal() {
                let dropped = before.state == State::DeadLetter && name == "cancelled";
                prop_assert!(matches!(name, "retried" | "reopened") || dropped, "{} left by {name}", before.state.as_str());
            }
            if life.state == State::DeadLetter {
                prop_assert!(matches!(name, "failed" | "lease_expired"));
                prop_assert_eq!(life.failures, max);
            }
            if matches!(life.state, State::Pending | State::AwaitingPrMerge) {
                prop_assert!(life.run_at <= at(second).max(at(120)) + TimeDelta::seconds(60));
            }
        }
    }

    #[test]
    fn a_life_reads_back(events in prop::collection::vec(any_event(), 0..20)) {
        let life = events.into_iter().fold(Life::new(at(0), MAX), |life, event| {
            apply(&life, event, at(10)).map_or(life, |step| step.next().clone())
        });
        let json = serde_json::to_string(&life).unwrap();
        prop_assert_eq!(serde_json::from_str::<Life>(&json).unwrap(), life);
    }
}
