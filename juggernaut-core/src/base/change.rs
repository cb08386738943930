//! The words of a code host: commits, branches, paths, edits, checks and changes.
//!
//! A *change* is what GitHub calls a pull request: commits on a branch, proposed for a base branch.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A commit's full object name: 40 or 64 lowercase hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Sha(String);

impl Sha {
    /// Takes a full object name.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for anything but 40 or 64 lowercase hex digits.
    pub fn new(hex: impl Into<String>) -> crate::Result<Self> {
        let hex = hex.into();
        let digits = hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        if digits && matches!(hex.len(), 40 | 64) {
            Ok(Self(hex))
        } else {
            Err(crate::Error::invalid(format!("{hex:?} is not a full commit name")))
        }
    }
    /// The hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// The first ten digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

/// A branch's short name, such as `main`: what `git check-ref-format --branch` accepts, at most 200 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(String);

impl BranchName {
    /// Takes a short branch name.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when git would refuse the name.
    pub fn new(name: impl Into<String>) -> crate::Result<Self> {
        let name = name.into();
        let bad_char = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        let bad_part = |p: &str| p.is_empty() || p.starts_with('.') || p.ends_with('.') || p.ends_with(".lock");
        let bad = name.is_empty()
            || name.len() > 200
            || name.starts_with('-')
            || name == "@"
            || name == "HEAD"
            || name.contains("..")
            || name.contains("@{")
            || name.contains(bad_char)
            || name.split('/').any(bad_part);
        if bad { Err(crate::Error::invalid(format!("{name:?} is not a valid branch name"))) } else { Ok(Self(name)) }
    }
    /// The short name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file's path inside a repository: relative, `/` between its parts, no `..`, nothing under `.git`, at most 1,024
/// bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct RepoPath(String);

impl RepoPath {
    /// Takes a path; a leading `./` is dropped.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when the path is absolute, climbs out, reaches into `.git` or has control characters.
    pub fn new(path: impl Into<String>) -> crate::Result<Self> {
        let path = path.into();
        let path = path.strip_prefix("./").unwrap_or(&path).to_owned();
        // Case and trailing dots or spaces are folded because some file systems fold them: `.GIT` is `.git` there.
        let is_git =
            |p: &str| p.trim_end_matches(['.', ' ']).eq_ignore_ascii_case(".git") || p.eq_ignore_ascii_case("git~1");
        let bad_part = |p: &str| p.is_empty() || p == "." || p == ".." || is_git(p);
        let bad = path.len() > 1024
            || path.contains(['\\', ':'])
            || path.chars().any(char::is_control)
            || path.split('/').any(bad_part);
        if bad {
            Err(crate::Error::invalid(format!("{path:?} is not a path inside the repository")))
        } else {
            Ok(Self(path))
        }
    }
    /// The path with `/` between its parts.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_newtype {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = crate::Error;
            fn try_from(text: String) -> crate::Result<Self> { Self::new(text) }
        }
        impl From<$name> for String {
            fn from(value: $name) -> Self { value.0 }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(&self.0) }
        }
    )*};
}
text_newtype!(Sha, BranchName, RepoPath);

/// What happens to one file in a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileEdit {
    /// Which file.
    pub path: RepoPath,
    /// Its whole new content, or nothing when the file goes. Text only; the file's mode is kept.
    pub content: Option<String>,
}

/// How one check ended, or that it has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// Queued or running.
    Pending,
    /// Ran and succeeded.
    Passed,
    /// Ran and failed, was cancelled, or ran out of time.
    Failed,
    /// Did not run, and says so: neither green nor red.
    Skipped,
}

/// One check at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckRun {
    /// The check's name.
    pub name: String,
    /// How it ended.
    pub status: CheckStatus,
    /// One line for people: exit code, duration, or that the time limit passed.
    pub summary: String,
    /// The last part of what it printed, at most 16 KiB.
    pub output: String,
    /// Where the whole output can be looked at: a path or an address.
    pub details: Option<String>,
}

/// All checks at one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Checks {
    /// The commit they ran at.
    pub head: Sha,
    /// The runs; empty when none are configured or none have started.
    pub runs: Vec<CheckRun>,
}

/// The checks of a commit taken together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// At least one passed, none failed, none pending.
    Green,
    /// At least one failed.
    Red,
    /// Some have not ended.
    Pending,
    /// Nothing ran: not green.
    Missing,
}

impl Checks {
    /// No checks ran is not green; one red is red whatever is still running.
    #[must_use]
    pub fn verdict(&self) -> CheckVerdict {
        let has = |status| self.runs.iter().any(|run| run.status == status);
        if has(CheckStatus::Failed) {
            CheckVerdict::Red
        } else if has(CheckStatus::Pending) {
            CheckVerdict::Pending
        } else if has(CheckStatus::Passed) {
            CheckVerdict::Green
        } else {
            CheckVerdict::Missing
        }
    }
}

/// Where a change stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ChangeState {
    /// Proposed.
    Open,
    /// Ended without a merge.
    Closed,
    /// Merged.
    Merged {
        /// The commit the merge made on the base.
        commit: Sha,
        /// The head that was merged. Stored under another name, since [`Change`] has a `head` beside it.
        #[serde(rename = "merged_head")]
        head: Sha,
        /// Is that commit an ancestor of the base branch's head now?
        reachable: bool,
        /// The commit on the base that reverts it, where one was found.
        reverted_by: Option<Sha>,
    },
}

/// A change as its code host shows it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Change {
    /// The repository's full name.
    pub repository: String,
    /// The change's number in that repository.
    pub number: u64,
    /// Where people can look at it: an address or a path.
    pub url: String,
    /// Its title.
    pub title: String,
    /// The branch its commits are on.
    pub branch: BranchName,
    /// The branch it is proposed for.
    pub base: BranchName,
    /// The newest commit on its branch.
    pub head: Sha,
    /// Marked as not ready?
    pub draft: bool,
    /// How many files it changes against the base.
    pub changed_files: u32,
    /// Where it stands.
    #[serde(flatten)]
    pub state: ChangeState,
}

#[cfg(test)]
mod tests;
