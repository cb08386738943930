//! The tools a model may call, and the strict reading of its calls. An unknown tool or field is an error, never a guess.

use super::message::{ToolCall, ToolSpec};
use crate::base::change::{FileEdit, RepoPath};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Which files there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListFiles {
    /// Only paths that start with this; empty for all.
    #[serde(default)]
    pub prefix: String,
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// Which file.
    pub path: RepoPath,
    /// The first line wanted, from 1.
    #[serde(default)]
    pub first_line: Option<usize>,
    /// How many lines; at most 2,000.
    #[serde(default)]
    pub lines: Option<usize>,
}

/// Lines that contain a text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchFiles {
    /// The text, literally; one line.
    pub text: String,
}

/// One edit of a proposed change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum Edit {
    /// Write a whole file, new or not.
    Write {
        /// Which file.
        path: RepoPath,
        /// Its whole content.
        content: String,
    },
    /// Replace a passage that stands in the file exactly once.
    Replace {
        /// Which file.
        path: RepoPath,
        /// The passage, word for word.
        find: String,
        /// What stands there afterwards.
        replace: String,
    },
    /// Remove a file.
    Delete {
        /// Which file.
        path: RepoPath,
    },
}

impl Edit {
    /// The file it touches.
    #[must_use]
    pub const fn path(&self) -> &RepoPath {
        match self {
            Self::Write { path, .. } | Self::Replace { path, .. } | Self::Delete { path } => path,
        }
    }
}

/// A change to propose: committed to a branch, checked, and merged when the checks are green.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeChange {
    /// One line, at most 100 characters.
    pub title: String,
    /// What changes and why.
    pub summary: String,
    /// The edits, 1 to 100, applied in order.
    pub edits: Vec<Edit>,
}

/// A call that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolUse {
    /// `list_files`
    ListFiles(ListFiles),
    /// `read_file`
    ReadFile(ReadFile),
    /// `search_files`
    SearchFiles(SearchFiles),
    /// `propose_change`
    ProposeChange(ProposeChange),
}

/// Which tools a conversation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolSet {
    /// None.
    None,
    /// Reading the repository.
    Read,
    /// Reading, and proposing a change.
    Change,
}

/// The tools of a set, as the model is told of them.
#[must_use]
pub fn specs(set: ToolSet) -> Vec<ToolSpec> {
    let read = || {
        vec![
            spec::<ListFiles>("list_files", "Lists the files of the repository with their sizes."),
            spec::<ReadFile>("read_file", "Reads a text file of the repository."),
            spec::<SearchFiles>("search_files", "Finds the lines of the repository that contain a text literally."),
        ]
    };
    match set {
        ToolSet::None => Vec::new(),
        ToolSet::Read => read(),
        ToolSet::Change => {
            let mut tools = read();
            tools.push(spec::<ProposeChange>(
                "propose_change",
                "Proposes one change: the edits are committed to a branch, the repository's checks run, and the change \
                 is merged when they are green. If they are red you get their output and propose again.",
            ));
            tools
        }
    }
}

fn spec<T: JsonSchema>(name: &str, description: &str) -> ToolSpec {
    let parameters = schemars::schema_for!(T).to_value();
    ToolSpec { name: name.to_owned(), description: description.to_owned(), parameters }
}

/// Reads a call against the tools of a set.
///
/// # Errors
/// What is wrong with the call, for the model to correct.
pub fn read(set: ToolSet, call: &ToolCall) -> Result<ToolUse, String> {
    let offered = specs(set);
    if !offered.iter().any(|tool| tool.name == call.name) {
        let names: Vec<String> = offered.into_iter().map(|tool| tool.name).collect();
        return Err(format!("there is no tool {:?}; the tools are: {}", call.name, names.join(", ")));
    }
    match call.name.as_str() {
        "list_files" => arguments(call).map(ToolUse::ListFiles),
        "read_file" => arguments(call).map(ToolUse::ReadFile),
        "search_files" => arguments(call).map(ToolUse::SearchFiles),
        _ => arguments::<ProposeChange>(call).and_then(bounded).map(ToolUse::ProposeChange),
    }
}

fn arguments<T: DeserializeOwned>(call: &ToolCall) -> Result<T, String> {
    // Some models send no text at all for a call without arguments.
    let text = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
    serde_json::from_str(text).map_err(|e| format!("the arguments of {} do not fit its schema: {e}", call.name))
}

fn bounded(change: ProposeChange) -> Result<ProposeChange, String> {
    let title = change.title.trim();
    if title.is_empty() || title.chars().count() > 100 || title.contains('\n') {
        return Err("title must be one line of 1 to 100 characters".into());
    }
    if change.edits.is_empty() || change.edits.len() > 100 {
        return Err("a change has 1 to 100 edits".into());
    }
    Ok(change)
}

/// Applies edits in order to the files they touch. `files` holds the present content of each, none where there is
/// no such file. Answers with what each touched file becomes, leaving out files that stay as they were.
///
/// # Errors
/// What is wrong with an edit, for the model to correct.
pub fn apply(edits: &[Edit], files: &BTreeMap<RepoPath, Option<String>>) -> Result<Vec<FileEdit>, String> {
    let mut now: BTreeMap<RepoPath, Option<String>> = BTreeMap::new();
    for edit in edits {
        let path = edit.path();
        let current = now.get(path).or_else(|| files.get(path)).cloned().flatten();
        let next = match edit {
            Edit::Write { content, .. } => Some(content.clone()),
            Edit::Delete { .. } if current.is_none() => return Err(format!("there is no {path} to delete")),
            Edit::Delete { .. } => None,
            Edit::Replace { find, replace, .. } => {
                let Some(text) = current else { return Err(format!("there is no {path} to edit")) };
                match text.matches(find.as_str()).count() {
                    _ if find.is_empty() => return Err(format!("the passage to find in {path} is empty")),
                    0 => return Err(format!("the passage to find does not stand in {path}; read the file again")),
                    1 => Some(text.replacen(find.as_str(), replace, 1)),
                    n => return Err(format!("the passage to find stands {n} times in {path}; give more of it")),
                }
            }
        };
        now.insert(path.clone(), next);
    }
    let changed = now.into_iter().filter(|(path, content)| files.get(path).is_none_or(|before| before != content));
    let edits: Vec<FileEdit> = changed.map(|(path, content)| FileEdit { path, content }).collect();
    if edits.is_empty() { Err("the edits change nothing".into()) } else { Ok(edits) }
}

/// Does a path match one of the patterns `dir/**`, `*.ext`, `**/name` or a whole path?
#[must_use]
pub fn is_protected(path: &RepoPath, patterns: &[String]) -> bool {
    let path = path.as_str().to_lowercase();
    patterns.iter().map(|p| p.to_lowercase()).any(|pattern| {
        if let Some(folder) = pattern.strip_suffix("/**") {
            path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
        } else if let Some(name) = pattern.strip_prefix("**/") {
            path == name || path.ends_with(&format!("/{name}"))
        } else if let Some(ending) = pattern.strip_prefix('*') {
            path.ends_with(ending)
        } else {
            path == pattern
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }
    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: "1".into(), name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn calls_are_read_strictly() {
        let read_file = read(ToolSet::Read, &call("read_file", r#"{"path":"src/lib.rs"}"#)).unwrap();
        assert_eq!(read_file, ToolUse::ReadFile(ReadFile { path: path("src/lib.rs"), first_line: None, lines: None }));
        assert_eq!(
            read(ToolSet::Read, &call("list_files", "")).unwrap(),
            ToolUse::ListFiles(ListFiles { prefix: String::new() })
        );
        for (set, name, arguments, reason) in [
            (ToolSet::Read, "propose_change", "{}", "there is no tool"),
            (ToolSet::Change, "shell", r#"{"command":"ls"}"#, "there is no tool"),
            (ToolSet::None, "list_files", "{}", "there is no tool"),
            (ToolSet::Change, "read_file", r#"{"path":"../etc/passwd"}"#, "not a path inside the repository"),
            (ToolSet::Change, "read_file", r#"{"path":".git/config"}"#, "not a path inside the repository"),
            (ToolSet::Change, "read_file", r#"{"path":"a","mode":"w"}"#, "unknown field"),
            (ToolSet::Change, "read_file", "path=a", "do not fit its schema"),
            (ToolSet::Change, "propose_change", r#"{"title":"t","summary":"s","edits":[]}"#, "1 to 100 edits"),
        ] {
            let refused = read(set, &call(name, arguments)).unwrap_err();
            assert!(refused.contains(reason), "{name} {arguments}: {refused}");
        }
    }

    #[test]
    fn edits_apply_in_order_and_must_change_something() {
        let files = BTreeMap::from([(path("a"), Some("one two two".to_owned())), (path("b"), None)]);
        let replace =
            |find: &str, with: &str| Edit::Replace { path: path("a"), find: find.into(), replace: with.into() };
        let changed = apply(&[replace("one", "1"), replace("1 two two", "3")], &files).unwrap();
        assert_eq!(changed, [FileEdit { path: path("a"), content: Some("3".into()) }]);
        for (edits, reason) in [
            (vec![replace("two", "2")], "2 times"),
            (vec![replace("three", "3")], "does not stand"),
            (vec![replace("", "3")], "empty"),
            (vec![replace("one", "one")], "change nothing"),
            (vec![Edit::Delete { path: path("b") }], "no b to delete"),
            (vec![Edit::Replace { path: path("b"), find: "x".into(), replace: "y".into() }], "no b to edit"),
        ] {
            let refused = apply(&edits, &files).unwrap_err();
            assert!(refused.contains(reason), "{refused}");
        }
    }

    #[test]
    fn protected_paths_are_found_in_any_case() {
        let patterns = ["juggernaut.toml", ".github/workflows/**", "*.lock", "**/CODEOWNERS"].map(String::from);
        for hit in [
            "juggernaut.toml",
            "Juggernaut.TOML",
            ".github/workflows/ci.yml",
            "a/Cargo.lock",
            "docs/CODEOWNERS",
            "CODEOWNERS",
        ] {
            assert!(is_protected(&path(hit), &patterns), "{hit}");
        }
        for miss in ["src/juggernaut.toml", ".github/workflows.md", "lock", "CODEOWNERS.md"] {
            assert!(!is_protected(&path(miss), &patterns), "{miss}");
        }
    }
}
