use super::*;
use proptest::prelude::*;

fn sha(digit: char) -> Sha {
    Sha::new(digit.to_string().repeat(40)).unwrap()
}

#[test]
fn a_commit_is_named_in_full() {
    assert_eq!(sha('a').short(), "aaaaaaaaaa");
    assert!(Sha::new("0".repeat(64)).is_ok());
    for bad in ["", "abc1234", "HEAD", &"a".repeat(39), &"a".repeat(41), &"A".repeat(40), &"g".repeat(40)] {
        assert!(Sha::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn branch_names_are_those_git_takes() {
    for good in ["main", "juggernaut/task-1", "release-1.2", "a@b", "feature/x_y", "ä"] {
        assert!(BranchName::new(good).is_ok(), "{good}");
    }
    #[rustfmt::skip]
    let bad = ["", "@", "HEAD", "-x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[0]", "a\\b", "a@{1}", "/a", "a/",
        "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a\nb", "a\u{7f}b"];
    for bad in bad.into_iter().map(str::to_owned).chain(["x".repeat(201)]) {
        assert!(BranchName::new(bad.clone()).is_err(), "{bad:?}");
    }
}

#[test]
fn paths_stay_inside_the_repository() {
    assert_eq!(RepoPath::new("./src/a b.rs").unwrap().as_str(), "src/a b.rs");
    for good in ["README.md", ".github/workflows/ci.yml", ".gitignore", "a/.gitkeep", "..a", "a..b", "git/x"] {
        assert!(RepoPath::new(good).is_ok(), "{good}");
    }
    #[rustfmt::skip]
    let bad = ["", ".", "..", "/etc/passwd", "../a", "a/../../b", "a/..", "a//b", "a/", ".git", ".git/config", "a/.git/x",
        ".GIT/config", ".git./config", ".git /config", "GIT~1/config", "a\\b", "C:/x", "a:stream", "a\0b", "a\nb", "././a"];
    for bad in bad.into_iter().map(str::to_owned).chain(["x".repeat(1025)]) {
        assert!(RepoPath::new(bad.clone()).is_err(), "{bad:?}");
    }
}

#[test]
fn what_is_stored_is_checked_again_when_it_is_read() {
    assert!(serde_json::from_str::<RepoPath>("\"../a\"").is_err());
    assert!(serde_json::from_str::<Sha>("\"abc\"").is_err());
    assert!(serde_json::from_str::<BranchName>("\"a b\"").is_err());
    assert_eq!(serde_json::from_str::<RepoPath>("\"a/b\"").unwrap(), RepoPath::new("a/b").unwrap());
}

#[test]
fn checks_are_green_only_when_something_passed_and_nothing_else_is_open() {
    use CheckStatus::{Failed, Passed, Pending, Skipped};
    let verdict = |statuses: &[CheckStatus]| {
        let run = |&status| CheckRun {
            name: "c".into(),
            status,
            summary: String::new(),
            output: String::new(),
            details: None,
        };
        Checks { head: sha('a'), runs: statuses.iter().map(run).collect() }.verdict()
    };
    assert_eq!(verdict(&[]), CheckVerdict::Missing);
    assert_eq!(verdict(&[Skipped]), CheckVerdict::Missing);
    assert_eq!(verdict(&[Passed, Skipped]), CheckVerdict::Green);
    assert_eq!(verdict(&[Passed, Pending]), CheckVerdict::Pending);
    assert_eq!(verdict(&[Passed, Pending, Failed]), CheckVerdict::Red);
}

#[test]
fn a_change_reads_back_with_both_its_heads() {
    let merged = ChangeState::Merged { commit: sha('b'), head: sha('a'), reachable: true, reverted_by: Some(sha('d')) };
    for state in [ChangeState::Open, ChangeState::Closed, merged] {
        let change = Change {
            repository: "owner/name".into(),
            number: 7,
            url: "u".into(),
            title: "t".into(),
            branch: BranchName::new("work").unwrap(),
            base: BranchName::new("main").unwrap(),
            head: sha('c'),
            draft: false,
            changed_files: 1,
            state,
        };
        let json = serde_json::to_string(&change).unwrap();
        assert_eq!(serde_json::from_str::<Change>(&json).unwrap(), change, "{json}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_path_that_climbs_out(text in "[./a-bgit~ :\\\\]{0,24}|\\PC{0,12}") {
        if let Ok(path) = RepoPath::new(text) {
            let mut depth = 0;
            for part in path.as_str().split('/') {
                depth += if part == ".." { -1 } else { 1 };
                prop_assert!(depth > 0 && !part.eq_ignore_ascii_case(".git"), "{}", path);
            }
            prop_assert!(!path.as_str().starts_with('/'));
        }
    }
}
