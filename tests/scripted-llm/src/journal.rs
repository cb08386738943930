//! What was answered, in memory and as JSON lines in a file.

use juggernaut_core::base::hash::Digest;
use juggernaut_core::base::time::{Clock, SystemClock, Time};
use juggernaut_core::memory::llm::Asked;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A question that a rule answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Counts from 1, over restarts where the journal is kept in a file.
    pub sequence: u64,
    /// Index of the rule in the script.
    pub rule: usize,
    /// Hash of the conversation that was sent.
    pub messages: Digest,
    /// True for an answer, false for a scripted failure.
    pub answered: bool,
    /// When.
    pub at: Time,
}

#[derive(Debug)]
pub(crate) struct Journal(Mutex<Kept>);

#[derive(Debug)]
struct Kept {
    entries: Vec<Entry>,
    file: Option<File>,
}

impl Journal {
    pub(crate) fn open(path: Option<PathBuf>) -> io::Result<Self> {
        let Some(path) = path else { return Ok(Self(Mutex::new(Kept { entries: Vec::new(), file: None }))) };
        let file = OpenOptions::new().create(true).read(true).append(true).open(&path)?;
        let mut entries = Vec::new();
        for line in std::fs::read_to_string(&path)?.lines() {
            entries.push(serde_json::from_str(line)?);
        }
        Ok(Self(Mutex::new(Kept { entries, file: Some(file) })))
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.kept().entries.clone()
    }

    pub(crate) fn add(&self, asked: &Asked) -> io::Result<()> {
        let Asked { sequence, rule, messages, answered, .. } = asked;
        let at = SystemClock.now();
        let entry = Entry { sequence: *sequence, rule: *rule, messages: messages.clone(), answered: *answered, at };
        let mut kept = self.kept();
        if let Some(file) = &mut kept.file {
            let line = format!("{}\n", serde_json::to_string(&entry)?);
            file.write_all(line.as_bytes())?;
        }
        kept.entries.push(entry);
        Ok(())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
