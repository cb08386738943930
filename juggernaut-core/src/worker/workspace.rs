//! The repository as a conversation sees it: a commit, with what it has proposed so far laid over it.

use crate::Result;
use crate::base::change::{FileEdit, RepoPath, Sha};
use crate::brain::tool::{ListFiles, ReadFile, SearchFiles};
use crate::port::code_host::CodeHost;
use std::collections::BTreeMap;

const MAX_FILES: usize = 1000;
const MAX_MATCHES: usize = 100;
const MAX_LINES: usize = 2000;
const MAX_READ: usize = 64 * 1024;

/// Files at a commit, with edits laid over it.
pub(crate) struct Workspace<'a> {
    host: &'a dyn CodeHost,
    at: &'a Sha,
    over: BTreeMap<RepoPath, Option<String>>,
}

impl<'a> Workspace<'a> {
    pub(crate) fn new(host: &'a dyn CodeHost, at: &'a Sha, edits: Vec<FileEdit>) -> Self {
        Self { host, at, over: edits.into_iter().map(|edit| (edit.path, edit.content)).collect() }
    }

    /// What has been proposed so far.
    pub(crate) fn edits(&self) -> Vec<FileEdit> {
        self.over.iter().map(|(path, content)| FileEdit { path: path.clone(), content: content.clone() }).collect()
    }

    /// A file's text: none when there is no such file, an error for the model when it is no text.
    pub(crate) async fn text(&self, path: &RepoPath) -> Result<Result<Option<String>, String>> {
        if let Some(content) = self.over.get(path) {
            return Ok(Ok(content.clone()));
        }
        let bytes = match self.host.read(self.at, path).await {
            // A refusal of this one file (too large, a link) is for the model to hear.
            Err(crate::Error::Invalid { reason }) => return Ok(Err(reason)),
            other => other?,
        };
        Ok(bytes.map(|b| String::from_utf8(b).map_err(|_| format!("{path} is not text"))).transpose())
    }

    pub(crate) async fn list(&self, query: &ListFiles) -> Result<String> {
        let found = self.host.files(self.at, &query.prefix, MAX_FILES).await?;
        let mut sizes: BTreeMap<RepoPath, u64> = found.into_iter().map(|f| (f.path, f.bytes)).collect();
        for (path, content) in self.over.iter().filter(|(p, _)| p.as_str().starts_with(&query.prefix)) {
            match content {
                Some(text) => sizes.insert(path.clone(), text.len() as u64),
                None => sizes.remove(path),
            };
        }
        let more = if sizes.len() >= MAX_FILES { "\n(more files; give a prefix)" } else { "" };
        let lines: Vec<String> = sizes.iter().map(|(path, bytes)| format!("{path} ({bytes} bytes)")).collect();
        Ok(if lines.is_empty() { "no files".into() } else { lines.join("\n") + more })
    }

    pub(crate) async fn search(&self, query: &SearchFiles) -> Result<Result<String, String>> {
        if query.text.trim().is_empty() || query.text.contains('\n') || query.text.len() > 500 {
            return Ok(Err("text must be one line of 1 to 500 bytes".into()));
        }
        let found = self.host.search(self.at, &query.text, MAX_MATCHES).await?;
        let mut lines: Vec<String> = found
            .into_iter()
            .filter(|m| !self.over.contains_key(&m.path))
            .map(|m| format!("{}:{}: {}", m.path, m.line, m.text))
            .collect();
        for (path, content) in &self.over {
            for (number, line) in content.iter().flat_map(|text| text.lines().enumerate()) {
                if line.contains(&query.text) && lines.len() < MAX_MATCHES {
                    lines.push(format!("{path}:{}: {line}", number + 1));
                }
            }
        }
        Ok(Ok(if lines.is_empty() { "nothing found".into() } else { lines.join("\n") }))
    }

    pub(crate) async fn read(&self, query: &ReadFile) -> Result<Result<String, String>> {
        let text = match self.text(&query.path).await? {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(Err(format!("there is no {}", query.path))),
            Err(reason) => return Ok(Err(reason)),
        };
        let first = query.first_line.unwrap_or(1).max(1);
        let wanted = query.lines.unwrap_or(MAX_LINES).min(MAX_LINES);
        let mut shown = String::new();
        let mut taken = 0;
        for line in text.split_inclusive('\n').skip(first - 1).take(wanted) {
            if shown.len() + line.len() > MAX_READ {
                break;
            }
            shown.push_str(line);
            taken += 1;
        }
        let total = text.split_inclusive('\n').count();
        if first - 1 + taken < total {
            shown.push_str(&format!("\n(lines {first} to {} of {total})", first - 1 + taken));
        }
        Ok(Ok(shown))
    }
}
