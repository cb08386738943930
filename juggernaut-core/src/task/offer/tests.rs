use super::*;
use proptest::prelude::*;
use serde_json::json;

fn refusal(demand: &Demand, text: &str) -> String {
    let refused = Offer::read(demand, text).unwrap_err();
    assert_eq!(refused.reasons.len(), 1, "{text}");
    refused.reasons[0].clone()
}

fn offered(text: &str) -> (String, u64) {
    match Offer::read(&Demand::MergedChange, text) {
        Ok(Offer::Change { repository, number }) => (repository, number),
        other => panic!("{text:?}: {other:?}"),
    }
}

const WORDS: [&str; 18] = [
    "Done",
    "Completed the task",
    "Fixed it",
    "",
    "   ",
    "exactly twenty chars",
    "I did the work and it was fine, trust me",
    "Task executed: {\"error\":\"x\"}",
    "Put it into production",
    "inserted 5 rows into users",
    "Created two records",
    "156",
    "created notes.txt",
    "the path is /a/b.rs",
    "https://x.io/a.png",
    "SKIP: not needed",
    "merged commit abc123",
    "sha 1234567890abcdef1234567890abcdef12345678",
];

#[test]
fn words_are_no_change() {
    let assurance = "I checked everything twice and it all works as it should, you can rely on it. ".repeat(3);
    for text in WORDS.into_iter().chain([assurance.as_str()]) {
        for demand in [Demand::MergedChange, Demand::Documents] {
            let reason = refusal(&demand, text);
            assert!(reason.contains("names no change: a merged change is demanded"), "{text:?}: {reason}");
        }
    }
}

#[test]
fn a_number_without_its_repository_is_no_change() {
    for text in ["PR #156", "#156", "merged PR #156.", "see pull request 156, merged", "pr 156"] {
        let reason = refusal(&Demand::MergedChange, text);
        assert!(reason.contains("names a change without its repository"), "{text:?}: {reason}");
    }
}

#[test]
fn a_change_is_named_by_address_or_by_repository_and_number() {
    for (text, repository, number) in [
        ("https://github.com/owner/name/pull/7", "owner/name", 7),
        ("merged as https://github.com/owner/name/pull/7.", "owner/name", 7),
        ("(https://host.example/owner/name/pull/7/files)", "owner/name", 7),
        ("https://github.com/owner/name/pull/7#issuecomment-1", "owner/name", 7),
        ("http://localhost:3000/owner/name/pull/12?diff=split", "owner/name", 12),
        ("owner/name#156", "owner/name", 156),
        ("`owner/name#156`, as asked", "owner/name", 156),
        ("/srv/repos/name#3", "/srv/repos/name", 3),
        ("owner/name#156 and again https://github.com/owner/name/pull/156", "owner/name", 156),
    ] {
        assert_eq!(offered(text), (repository.to_owned(), number), "{text}");
    }
}

#[test]
fn two_changes_are_not_one() {
    for text in [
        "owner/name#1 owner/name#2",
        "owner/name#1 and other/name#1",
        "https://github.com/o/n/pull/1 https://github.com/o/n/pull/2",
    ] {
        assert!(refusal(&Demand::MergedChange, text).contains("names more than one change"), "{text}");
    }
}

#[test]
fn what_only_looks_like_a_change_is_none() {
    for text in [
        "owner/name#0",
        "owner/name#-1",
        "owner/name#1x",
        "owner/name#99999999999999999999999",
        "owner/name#",
        "/#1",
        "owner/#1",
        "owner/name#+1",
        "a//b#1",
        "https://github.com/owner/name/issues/7",
        "https://github.com/pull/7",
        "https://github.com/owner/name/pull/",
        "https://github.com/owner/pull/7",
        "ftp://github.com/owner/name/pull/7",
        "https://example.com/notes#7",
    ] {
        let read = Offer::read(&Demand::MergedChange, text);
        assert!(read.is_err(), "{text}: {read:?}");
    }
}

#[test]
fn a_report_is_read_strictly() {
    let good = json!({"checks": [
        {"name": "readme is there", "check": {"kind": "file_exists", "path": "README.md"}},
        {"name": "no debug left", "check": {"kind": "file_lacks", "path": "src/a.rs", "text": "dbg!"}},
        {"name": "tests", "check": {"kind": "checks_pass"}},
    ]});
    let Ok(Offer::Report(report)) = Offer::read(&Demand::NamedChecks, &good.to_string()) else { panic!() };
    assert_eq!(report.checks.len(), 3);

    for text in WORDS {
        assert!(refusal(&Demand::NamedChecks, text).contains("is not proof; a report of named checks"), "{text}");
    }
    let check = |kind: &str, path: &str| json!({"name": "n", "check": {"kind": kind, "path": path}});
    for (bad, expected) in [
        (json!({"checks": []}), "no check is named"),
        (json!({"checks": vec![check("file_exists", "a"); 51]}), "more than 50 checks"),
        (json!({"passed": true}), "unknown field `passed`"),
        (json!({"verified": true, "checks": [check("file_exists", "a")]}), "unknown field `verified`"),
        (json!({"checks": [check("file_exists", "../a")]}), "is not a path inside the repository"),
        (json!({"checks": [check("trust_me", "a")]}), "unknown variant `trust_me`"),
        (json!({"checks": [{"name": "n", "passed": true}]}), "unknown field `passed`"),
        (json!([1]), "is not proof"),
    ] {
        let reason = refusal(&Demand::NamedChecks, &bad.to_string());
        assert!(reason.contains(expected), "{bad}: {reason}");
    }
}

#[test]
fn research_is_read_strictly() {
    let with = |quote: &str| json!({"summary": "s", "sources": [{"path": "a.md", "quote": quote}]}).to_string();
    let Ok(Offer::Research(research)) = Offer::read(&Demand::Sources, &with("a passage of it")) else { panic!() };
    assert_eq!(research.sources[0].path.as_str(), "a.md");

    for text in WORDS {
        assert!(refusal(&Demand::Sources, text).contains("is not proof"), "{text}");
    }
    let many = json!({"summary": "s", "sources": vec![json!({"path": "a", "quote": "long enough"}); 51]});
    for (bad, expected) in [
        (with("too short"), "the quote from a.md has fewer than 10 characters"),
        (with("  short    "), "fewer than 10 characters"),
        (json!({"summary": "s", "sources": []}).to_string(), "no source is named"),
        (many.to_string(), "more than 50 sources"),
        (json!({"summary": "s"}).to_string(), "missing field `sources`"),
    ] {
        let reason = refusal(&Demand::Sources, &bad);
        assert!(reason.contains(expected), "{bad}: {reason}");
    }
}

#[test]
fn runs_and_plans_are_never_proven_by_words() {
    for text in WORDS.into_iter().chain(["12 passed; 0 failed"]) {
        assert!(refusal(&Demand::TestRun, text).contains("by a run that is read, not by words"));
        assert!(refusal(&Demand::Plan, text).contains("by its tasks in the queue, not by words"));
    }
}

#[test]
fn without_a_demand_the_words_are_kept_for_the_embedder() {
    let demand = Demand::NotDemanded { reason: "r".into() };
    assert_eq!(Offer::read(&demand, "Done"), Ok(Offer::Custom(json!("Done"))));
}

fn every_demand() -> impl Strategy<Value = Demand> {
    prop::sample::select(vec![
        Demand::MergedChange,
        Demand::Documents,
        Demand::TestRun,
        Demand::NamedChecks,
        Demand::Sources,
        Demand::Plan,
    ])
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_in_bounded_words(demand in every_demand(), text in any::<String>()) {
        match Offer::read(&demand, &text) {
            Ok(_) => {}
            Err(refused) => prop_assert!(refused.to_string().len() < 1_500, "{}", refused),
        }
    }

    #[test]
    fn near_misses_never_panic(demand in every_demand(), text in "[a-z/#0-9:?.(){}\"\\[\\], ]{0,80}") {
        if let Ok(Offer::Change { repository, number }) = Offer::read(&demand, &text) {
            prop_assert!(number > 0 && repository.contains('/') && text.contains(&repository));
        }
    }

    #[test]
    fn long_keys_and_values_are_not_echoed(text in "[a-z]{2000,4000}") {
        for json in [json!({&text: 1}), json!({"checks": [{"name": &text, "check": {"kind": &text}}]}), json!([&text])] {
            for demand in [Demand::NamedChecks, Demand::Sources] {
                let refused = Offer::read(&demand, &json.to_string()).unwrap_err();
                prop_assert!(refused.to_string().len() < 1_500, "{}", refused.to_string().len());
            }
        }
    }
}
