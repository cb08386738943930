use super::*;
use crate::base::change::{CheckRun, CheckStatus};
use chrono::TimeDelta;
use proptest::prelude::*;
use uuid::Uuid;

fn sha(digit: char) -> Sha {
    Sha::new(digit.to_string().repeat(40)).unwrap()
}

fn run(name: &str, status: CheckStatus) -> CheckRun {
    CheckRun { name: name.into(), status, summary: String::new(), output: String::new(), details: None }
}

fn checks(statuses: &[CheckStatus]) -> Checks {
    Checks { head: sha('a'), runs: statuses.iter().map(|&s| run("tests", s)).collect() }
}

fn branch(name: &str) -> BranchName {
    BranchName::new(name).unwrap()
}

fn good_change() -> ChangeFacts {
    ChangeFacts {
        configured_repository: "owner/name".into(),
        configured_base: branch("main"),
        pushed_head: Some(sha('a')),
        change: Change {
            repository: "owner/name".into(),
            number: 7,
            url: "https://host/owner/name/pull/7".into(),
            title: "a change".into(),
            branch: branch("work"),
            base: branch("main"),
            head: sha('a'),
            draft: false,
            changed_files: 2,
            state: ChangeState::Merged { commit: sha('b'), head: sha('a'), reachable: true, reverted_by: None },
        },
        checks: checks(&[CheckStatus::Passed]),
    }
}

fn merged(facts: &mut ChangeFacts) -> (&mut Sha, &mut bool, &mut Option<Sha>) {
    match &mut facts.change.state {
        ChangeState::Merged { head, reachable, reverted_by, .. } => (head, reachable, reverted_by),
        ChangeState::Open | ChangeState::Closed => panic!("not merged"),
    }
}

fn hearing() -> Hearing {
    Hearing { attempt: 2, executor: WorkerId::new("w1").unwrap(), verifier: "verifier:git".into() }
}

fn now() -> Time {
    Time::UNIX_EPOCH + TimeDelta::seconds(9)
}

fn reasons(demand: &Demand, facts: Facts) -> Vec<String> {
    judge(demand, facts, hearing(), now()).unwrap_err().reasons
}

fn accepted(demand: &Demand, facts: Facts) -> Evidence {
    judge(demand, facts, hearing(), now()).unwrap().evidence().clone()
}

fn at_another_head(facts: &mut ChangeFacts) {
    *merged(facts).0 = sha('c');
    facts.checks.head = sha('c');
}

fn all_checks(facts: &mut ChangeFacts, status: CheckStatus) {
    facts.checks.runs.iter_mut().for_each(|run| run.status = status);
}

type Lie = (&'static str, fn(&mut ChangeFacts), &'static str);

/// Each falsifies one fact of a good change.
const LIES: [Lie; 20] = [
    ("still open", |f| f.change.state = ChangeState::Open, "is open, not merged"),
    ("closed unmerged", |f| f.change.state = ChangeState::Closed, "is closed without a merge"),
    ("another repository", |f| f.change.repository = "other/name".into(), "is not in owner/name"),
    ("merged into another base", |f| f.change.base = branch("dev"), "is for dev, not main"),
    ("a draft", |f| f.change.draft = true, "is a draft"),
    ("an empty diff", |f| f.change.changed_files = 0, "changes no file"),
    ("merged and checked at another head", at_another_head, "was merged at cccccccccc, not at aaaaaaaaaa as pushed"),
    ("another head pushed", |f| f.pushed_head = Some(sha('d')), "not at dddddddddd as pushed"),
    ("somebody else's change", |f| f.pushed_head = None, "was not pushed by this task"),
    ("green checks of another commit", |f| f.checks.head = sha('c'), "the checks are of cccccccccc, not of aaaaaaaaaa"),
    ("a red check", |f| all_checks(f, CheckStatus::Failed), "checks are red"),
    ("one red among green", |f| f.checks.runs.push(run("lint", CheckStatus::Failed)), "checks are red"),
    ("a pending check", |f| all_checks(f, CheckStatus::Pending), "checks have not ended"),
    ("one pending among green", |f| f.checks.runs.push(run("lint", CheckStatus::Pending)), "checks have not ended"),
    ("no checks", |f| f.checks.runs.clear(), "no checks ran"),
    ("skipped checks only", |f| all_checks(f, CheckStatus::Skipped), "no checks ran"),
    ("base force-pushed since", |f| *merged(f).1 = false, "merge bbbbbbbbbb is not on main now"),
    ("reverted", |f| *merged(f).2 = Some(sha('e')), "merge bbbbbbbbbb was reverted by eeeeeeeeee"),
    ("another repository configured", |f| f.configured_repository = "o/n".into(), "is not in o/n"),
    ("another base configured", |f| f.configured_base = branch("release"), "is for main, not release"),
];

#[test]
fn a_merged_and_checked_change_is_proof() {
    let facts = Facts::Change(Box::new(good_change()));
    let evidence = accepted(&Demand::MergedChange, facts.clone());
    assert_eq!(evidence.summary, "change owner/name#7 merged into main as bbbbbbbbbb, 2 files, checks green");
    assert_eq!(evidence.digest, Digest::of(&facts).unwrap());
    assert_eq!(
        (evidence.attempt, evidence.executor.as_str(), evidence.verifier.as_str(), evidence.verified_at),
        (2, "w1", "verifier:git", now())
    );
    assert_eq!((evidence.demand, evidence.facts), (Demand::MergedChange, facts));
}

#[test]
fn one_lie_about_a_change_refuses_for_its_own_reason_alone() {
    for (lie, tell, expected) in LIES {
        let mut facts = good_change();
        tell(&mut facts);
        let found = reasons(&Demand::MergedChange, Facts::Change(Box::new(facts)));
        assert_eq!(found.len(), 1, "{lie}: {found:?}");
        assert!(found[0].contains(expected), "{lie}: {found:?}");
    }
}

#[test]
fn nobody_verifies_their_own_work() {
    let own = Hearing { verifier: "w1".into(), ..hearing() };
    let facts = Facts::Change(Box::new(good_change()));
    let refused = judge(&Demand::MergedChange, facts, own, now()).unwrap_err();
    assert_eq!(refused.reasons, ["w1 cannot verify its own work"]);
    assert_eq!(refused.to_string(), "not verified: w1 cannot verify its own work");
}

fn document(path: &str) -> DocumentFacts {
    let hash = Digest::of_bytes(b"text");
    DocumentFacts { path: RepoPath::new(path).unwrap(), pushed: hash.clone(), found: Some(hash), visible_bytes: 4 }
}

fn documents(documents: Vec<DocumentFacts>) -> Facts {
    Facts::Documents { change: Box::new(good_change()), documents }
}

#[test]
fn documents_are_where_they_are_said_to_be_and_what_was_pushed() {
    let demand = Demand::Documents;
    let evidence = accepted(&demand, documents(vec![document("docs/a.md"), document("b.md")]));
    assert!(evidence.summary.ends_with("checks green; 2 documents in place"), "{}", evidence.summary);

    assert_eq!(reasons(&demand, documents(vec![])), ["no document is named"]);
    let missing = DocumentFacts { found: None, ..document("notes.txt") };
    assert_eq!(reasons(&demand, documents(vec![missing])), ["there is no notes.txt on the base branch"]);
    let empty = DocumentFacts { visible_bytes: 0, ..document("a.md") };
    assert_eq!(reasons(&demand, documents(vec![document("b.md"), empty])), ["a.md is empty"]);
    let other = DocumentFacts { found: Some(Digest::of_bytes(b"other")), ..document("a.md") };
    assert_eq!(reasons(&demand, documents(vec![other])), ["a.md is not what was pushed"]);

    for (lie, tell, _) in LIES {
        let mut change = good_change();
        tell(&mut change);
        let facts = Facts::Documents { change: Box::new(change), documents: vec![document("a.md")] };
        assert_eq!(reasons(&demand, facts).len(), 1, "{lie}");
    }
}

fn test_run(status: &[CheckStatus], counts: Option<(u64, u64, u64)>) -> Facts {
    let counts = counts.map(|(passed, failed, skipped)| TestCounts { passed, failed, skipped });
    Facts::TestRun { checks: checks(status), counts }
}

#[test]
fn a_test_run_has_counts_and_no_failure() {
    use CheckStatus::{Failed, Passed, Pending, Skipped};
    let evidence = accepted(&Demand::TestRun, test_run(&[Passed], Some((5, 0, 1))));
    assert_eq!(evidence.summary, "5 passed, 0 failed, 1 skipped at aaaaaaaaaa");
    for (facts, expected) in [
        (test_run(&[Failed], Some((5, 0, 0))), "the run failed"),
        (test_run(&[Pending], Some((5, 0, 0))), "the run has not ended"),
        (test_run(&[], Some((5, 0, 0))), "nothing ran"),
        (test_run(&[Skipped], Some((5, 0, 0))), "nothing ran"),
        (test_run(&[Passed], None), "the run printed no pass and fail counts"),
        (test_run(&[Passed], Some((5, 1, 0))), "1 of 6 tests failed"),
        (test_run(&[Passed], Some((0, 0, 9))), "no test ran"),
        (test_run(&[Passed], Some((0, 0, 0))), "no test ran"),
    ] {
        assert_eq!(reasons(&Demand::TestRun, facts), [expected]);
    }
    assert_eq!(reasons(&Demand::TestRun, test_run(&[Failed], Some((1, 2, 0)))).len(), 2, "every reason at once");
}

fn named(checks: &[(&str, bool)]) -> Facts {
    let check = |&(name, passed): &(&str, bool)| NamedCheck { name: name.into(), passed, observed: "seen".into() };
    Facts::NamedChecks { checks: checks.iter().map(check).collect() }
}

#[test]
fn every_named_check_holds() {
    let evidence = accepted(&Demand::NamedChecks, named(&[("builds", true), ("runs", true)]));
    assert_eq!(evidence.summary, "2 checks hold: builds, runs");
    assert_eq!(reasons(&Demand::NamedChecks, named(&[])), ["no check is named"]);
    assert_eq!(reasons(&Demand::NamedChecks, named(&[("  ", true)])), ["a check has no name"]);
    assert_eq!(
        reasons(&Demand::NamedChecks, named(&[("builds", true), ("runs", false)])),
        ["check \"runs\" does not hold: seen"]
    );
}

fn source(location: &str) -> SourceFacts {
    SourceFacts { location: location.into(), was_read: true, quote_found: true }
}

fn research(summary: &str, sources: Vec<SourceFacts>) -> Facts {
    Facts::Sources { summary: summary.into(), sources }
}

#[test]
fn sources_were_read_and_hold_what_is_quoted() {
    let summary = "x".repeat(MIN_SUMMARY);
    let demand = Demand::Sources;
    let evidence = accepted(&demand, research(&summary, vec![source("a.md")]));
    assert_eq!(evidence.summary, "summary with 1 sources that were read");
    assert_eq!(reasons(&demand, research(&summary, vec![])), ["no source is cited"]);
    let unread = SourceFacts { was_read: false, ..source("a.md") };
    assert_eq!(reasons(&demand, research(&summary, vec![unread])), ["a.md was not read in this task"]);
    let invented = SourceFacts { quote_found: false, ..source("a.md") };
    assert_eq!(reasons(&demand, research(&summary, vec![invented])), ["a.md does not hold the quoted passage"]);
    let padded = format!("{}{}", "x".repeat(MIN_SUMMARY - 1), " ".repeat(200));
    let expected = format!("the summary has {} visible characters; at least 80 are demanded", MIN_SUMMARY - 1);
    assert_eq!(reasons(&demand, research(&padded, vec![source("a.md")])), [expected]);
}

#[test]
fn a_plan_is_in_the_queue() {
    let id = TaskId::from_uuid(Uuid::from_u128(5));
    let plan =
        |belongs: &[bool]| Facts::Plan { tasks: belongs.iter().map(|&belongs| PlannedFacts { id, belongs }).collect() };
    assert_eq!(accepted(&Demand::Plan, plan(&[true, true])).summary, "2 tasks in the queue");
    assert_eq!(reasons(&Demand::Plan, plan(&[])), ["no task of the plan is in the queue"]);
    assert_eq!(reasons(&Demand::Plan, plan(&[true, false])), [format!("task {id} does not belong to the plan")]);
}

fn every_demand() -> [Demand; 7] {
    [
        Demand::MergedChange,
        Demand::Documents,
        Demand::TestRun,
        Demand::NamedChecks,
        Demand::Sources,
        Demand::Plan,
        Demand::NotDemanded { reason: "it only cleans up".into() },
    ]
}

fn good_facts() -> [Facts; 7] {
    [
        Facts::Change(Box::new(good_change())),
        documents(vec![document("a.md")]),
        test_run(&[CheckStatus::Passed], Some((1, 0, 0))),
        named(&[("builds", true)]),
        research(&"x".repeat(MIN_SUMMARY), vec![source("a.md")]),
        Facts::Plan { tasks: vec![PlannedFacts { id: TaskId::from_uuid(Uuid::from_u128(5)), belongs: true }] },
        Facts::Nothing,
    ]
}

#[test]
fn only_facts_of_the_demanded_kind_count() {
    for (d, demand) in every_demand().into_iter().enumerate() {
        for (f, facts) in good_facts().into_iter().enumerate() {
            let found = judge(&demand, facts, hearing(), now());
            if d == f {
                assert!(found.is_ok(), "{demand:?}: {found:?}");
            } else {
                let reason = format!("the facts are not of the demanded kind {}", demand.as_str());
                assert_eq!(found.unwrap_err().reasons, [reason]);
            }
        }
    }
}

#[test]
fn that_no_proof_is_demanded_is_recorded_with_its_reason() {
    let evidence = accepted(&every_demand()[6], Facts::Nothing);
    assert_eq!(evidence.summary, "no outside proof demanded: it only cleans up");
    assert_eq!(evidence.demand, every_demand()[6]);
}

#[test]
fn evidence_reads_back_from_its_store() {
    for (demand, facts) in every_demand().into_iter().zip(good_facts()) {
        let evidence = accepted(&demand, facts);
        let json = serde_json::to_string(&evidence).unwrap();
        assert_eq!(serde_json::from_str::<Evidence>(&json).unwrap(), evidence);
    }
}

proptest! {
    #[test]
    fn any_lies_together_refuse(told in prop::collection::btree_set(0..LIES.len(), 1..6)) {
        let mut facts = good_change();
        // What is told about a merge cannot be told of a change that is not merged: the state is falsified last.
        for &at in told.iter().rev() {
            (LIES[at].1)(&mut facts);
        }
        prop_assert!(judge(&Demand::MergedChange, Facts::Change(Box::new(facts)), hearing(), now()).is_err());
    }

    #[test]
    fn a_verdict_never_depends_on_words(title in any::<String>(), url in any::<String>(), output in any::<String>()) {
        let mut facts = good_change();
        facts.change.title = title;
        facts.change.url = url;
        facts.checks.runs[0].output = output;
        let holds = judge(&Demand::MergedChange, Facts::Change(Box::new(facts.clone())), hearing(), now());
        prop_assert!(holds.is_ok());
        facts.change.state = ChangeState::Open;
        prop_assert!(judge(&Demand::MergedChange, Facts::Change(Box::new(facts)), hearing(), now()).is_err());
    }
}
