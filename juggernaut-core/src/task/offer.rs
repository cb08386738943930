//! What an executor offers as proof, read strictly: an offer says where to look, it proves nothing itself.
//!
//! Words are never an offer. "Done", two hundred characters of assurance, `Task executed: {...}` and a change number
//! without its repository are refused here, with the reason, before anything is looked up.

use super::evidence::{Demand, Refused};
use crate::base::change::RepoPath;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A check that a verification report asks the verifier to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckClaim {
    /// What is checked, in words.
    pub name: String,
    /// How it is checked.
    pub check: CheckKind,
}

/// The checks a verifier can make on the base branch by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum CheckKind {
    /// The file exists and is not empty.
    FileExists {
        /// Which file.
        path: RepoPath,
    },
    /// The file contains the text.
    FileContains {
        /// Which file.
        path: RepoPath,
        /// The text, literally.
        text: String,
    },
    /// The file exists and does not contain the text.
    FileLacks {
        /// Which file.
        path: RepoPath,
        /// The text, literally.
        text: String,
    },
    /// The configured checks are green at the base branch's head.
    ChecksPass,
}

/// A source of a summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceClaim {
    /// A file of the repository that was read with `read_file`.
    pub path: RepoPath,
    /// A passage copied from it, word for word, at least 10 characters.
    pub quote: String,
}

/// A report of checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// The checks, 1 to 50.
    pub checks: Vec<CheckClaim>,
}

/// A summary with its sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Research {
    /// What was found.
    pub summary: String,
    /// Where, 1 to 50.
    pub sources: Vec<SourceClaim>,
}

/// Where the proof is to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// A change of a repository.
    Change {
        /// The repository as given.
        repository: String,
        /// The change's number.
        number: u64,
    },
    /// Checks to make.
    Report(Report),
    /// A summary with sources.
    Research(Research),
    /// An embedder's own proof, for its own verifier.
    Custom(serde_json::Value),
}

/// Most checks or sources of one offer.
pub const MAX_ITEMS: usize = 50;

impl Offer {
    /// Reads what an executor says against what is demanded.
    ///
    /// # Errors
    /// [`Refused`] when the text does not say where proof of that kind can be looked at.
    pub fn read(demand: &Demand, text: &str) -> Result<Self, Refused> {
        match demand {
            Demand::MergedChange | Demand::Documents => change(text),
            Demand::NamedChecks => {
                let report: Report = strict(text, "a report of named checks, {\"checks\": [{\"name\", \"check\"}]}")?;
                bounded(report.checks.len(), "check")?;
                Ok(Self::Report(report))
            }
            Demand::Sources => {
                let research: Research = strict(text, "{\"summary\", \"sources\": [{\"path\", \"quote\"}]}")?;
                bounded(research.sources.len(), "source")?;
                if let Some(short) = research.sources.iter().find(|s| s.quote.trim().chars().count() < 10) {
                    return Err(Refused::because(format!(
                        "the quote from {} has fewer than 10 characters",
                        short.path
                    )));
                }
                Ok(Self::Research(research))
            }
            Demand::TestRun => Err(Refused::because("a test task is proven by a run that is read, not by words")),
            Demand::Plan => Err(Refused::because("a plan is proven by its tasks in the queue, not by words")),
            Demand::NotDemanded { .. } => Ok(Self::Custom(serde_json::Value::String(text.into()))),
        }
    }
}

fn bounded(items: usize, noun: &str) -> Result<(), Refused> {
    match items {
        0 => Err(Refused::because(format!("no {noun} is named"))),
        1..=MAX_ITEMS => Ok(()),
        _ => Err(Refused::because(format!("more than {MAX_ITEMS} {noun}s"))),
    }
}

fn strict<T: DeserializeOwned>(text: &str, shape: &str) -> Result<T, Refused> {
    serde_json::from_str(text.trim()).map_err(|e| {
        let why: String = e.to_string().chars().take(200).collect();
        Refused::because(format!("{} is not proof; {shape} is demanded ({why})", excerpt(text)))
    })
}

fn excerpt(text: &str) -> String {
    let line: String = text.trim().chars().take(60).collect();
    format!("{line:?}")
}

// `https://host/owner/name/pull/7`, `owner/name#7`, or `/path/to/repository#7`, standing alone or in a sentence.
fn change(text: &str) -> Result<Offer, Refused> {
    let mut found = text.split_whitespace().filter_map(reference);
    let Some((repository, number)) = found.next() else {
        let has_number = names_number(text);
        let missing = if has_number { "names a change without its repository" } else { "names no change" };
        return Err(Refused::because(format!("{} {missing}: a merged change is demanded", excerpt(text))));
    };
    if found.any(|other| other != (repository.clone(), number)) {
        return Err(Refused::because(format!("{} names more than one change", excerpt(text))));
    }
    Ok(Offer::Change { repository, number })
}

// `#156`, `PR 156`, `pull request 156.`: a number that is meant as a change's.
fn names_number(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().map(|w| w.trim_end_matches(['.', ',', ';', ':', ')'])).collect();
    let number = |w: &str| w.trim_start_matches('#').parse::<u64>().is_ok();
    let noun = |w: &str| ["pr", "pull", "request", "mr", "change"].iter().any(|n| w.eq_ignore_ascii_case(n));
    words.iter().any(|w| w.starts_with('#') && number(w)) || words.windows(2).any(|p| noun(p[0]) && number(p[1]))
}

fn reference(word: &str) -> Option<(String, u64)> {
    let word =
        word.trim_matches(|c: char| matches!(c, '.' | ',' | ';' | ':' | '(' | ')' | '<' | '>' | '`' | '"' | '\''));
    if let Some(rest) = word.strip_prefix("https://").or_else(|| word.strip_prefix("http://")) {
        let (address, number) = rest.rsplit_once("/pull/")?;
        let (_host, repository) = address.split_once('/')?;
        let number = number.split(['/', '#', '?']).next()?;
        return named(repository, number);
    }
    let (repository, number) = word.rsplit_once('#')?;
    named(repository, number)
}

// `owner/name`, deeper groups of it, or an absolute path.
fn named(repository: &str, number: &str) -> Option<(String, u64)> {
    let number = number.parse().ok().filter(|n| *n > 0 && !number.starts_with('+'))?;
    let parts = repository.strip_prefix('/').unwrap_or(repository);
    let whole = repository.contains('/') && parts.split('/').all(|part| !part.is_empty());
    whole.then(|| (repository.to_owned(), number))
}

#[cfg(test)]
mod tests;
