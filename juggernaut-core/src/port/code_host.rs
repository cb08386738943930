//! The code host: where a change is proposed, checked and merged. Implemented by git and GitHub adapters.

use crate::Result;
use crate::base::change::{BranchName, Change, Checks, FileEdit, RepoPath, Sha};
use crate::base::effect::EffectKey;
use async_trait::async_trait;

/// Which repository and which branch changes go to, as configured: never as a worker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The full name, such as `owner/name`, or the path of a local repository.
    pub name: String,
    /// The branch that finished work is merged into.
    pub base: BranchName,
}

/// One file of a commit's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path.
    pub path: RepoPath,
    /// Its size in bytes.
    pub bytes: u64,
}

/// One line that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The file.
    pub path: RepoPath,
    /// The line's number, from 1.
    pub line: u64,
    /// The line's text, at most 500 characters.
    pub text: String,
}

/// Which change is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeRef {
    /// By its number.
    Number(u64),
    /// The newest change of this branch.
    Branch(BranchName),
}

/// One commit with all edits, on a branch.
#[derive(Debug, Clone)]
pub struct Push {
    /// The branch: created, or replaced when its head is still `replaces`.
    pub branch: BranchName,
    /// The commit the new one stands on.
    pub parent: Sha,
    /// The commit message. The adapter adds a `Juggernaut-Effect: KEY` trailer.
    pub message: String,
    /// What it changes; never empty.
    pub edits: Vec<FileEdit>,
    /// The head the branch has now; none when it must not exist yet.
    pub replaces: Option<Sha>,
    /// Names this act. A push whose key is already on the branch's head answers with that head and does nothing.
    pub key: EffectKey,
}

/// A change to propose.
#[derive(Debug, Clone)]
pub struct OpenChange {
    /// The branch with the commits.
    pub branch: BranchName,
    /// The branch it is proposed for.
    pub base: BranchName,
    /// Its title, one line.
    pub title: String,
    /// Its description, Markdown.
    pub body: String,
}

/// A merge to do (squashed into one commit).
#[derive(Debug, Clone)]
pub struct Merge {
    /// The change's number.
    pub number: u64,
    /// The head that was checked: any other head refuses.
    pub head: Sha,
    /// The message of the merge commit. The adapter adds a `Juggernaut-Effect: KEY` trailer.
    pub message: String,
    /// Names this act.
    pub key: EffectKey,
}

/// A code host. Reading methods read what is there now, never what was said.
///
/// Errors: `NotFound`, `Conflict` (the branch or head moved, or the merge conflicts: read again), `Denied`
/// (credentials, protection rules, checks that are not green), `Invalid`, `Transient`, `OutcomeUnknown`.
#[async_trait]
pub trait CodeHost: Send + Sync + std::fmt::Debug {
    /// The configured repository and base branch.
    fn repository(&self) -> &Repository;

    /// The head of a branch, or none when there is no such branch.
    async fn head(&self, branch: &BranchName) -> Result<Option<Sha>>;

    /// The files at a commit whose path starts with `prefix`, in path order, at most `limit`.
    async fn files(&self, at: &Sha, prefix: &str, limit: usize) -> Result<Vec<FileEntry>>;

    /// A file's content at a commit, or none when there is no such file.
    async fn read(&self, at: &Sha, path: &RepoPath) -> Result<Option<Vec<u8>>>;

    /// The lines at a commit that contain `text` literally, in path order, at most `limit`.
    async fn search(&self, at: &Sha, text: &str, limit: usize) -> Result<Vec<Match>>;

    /// Makes one commit and puts it at the head of its branch. Answers with the commit.
    async fn push(&self, push: &Push) -> Result<Sha>;

    /// Proposes a branch; an open change of the same branch and base is answered instead of a second one.
    async fn open_change(&self, change: &OpenChange) -> Result<Change>;

    /// A change as it is now, or none when there is none.
    async fn change(&self, which: &ChangeRef) -> Result<Option<Change>>;

    /// The checks at a commit. A host that runs checks itself runs those that have not run there yet and answers when
    /// they ended; others answer with what there is.
    async fn checks(&self, head: &Sha) -> Result<Checks>;

    /// Merges a change and answers with it. Refused with `Conflict` when its head moved or it conflicts with the base,
    /// with `Denied` when its checks are not green at that head. Already merged at that head is success.
    async fn merge(&self, merge: &Merge) -> Result<Change>;
}
