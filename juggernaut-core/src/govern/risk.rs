//! How dangerous a task is: a score from 0 to 1 with named factors.
//!
//! Source of bases, words and levels: the earlier system's risk table; changed where it erred: whole words instead of
//! substrings, title and acceptance criteria included, `deploy` and `deployment` alike, code without exemption.

use crate::base::effect::Effect;
use crate::base::risk::{Level, Risk};
use crate::task::{NewTask, Priority};
use serde_json::Value;
use std::collections::BTreeSet;

/// Base score by task type, in thousandths. Types not listed score 500: what is not known is not harmless.
const BASES: [(&str, u32); 15] = [
    ("financial", 900),
    ("deployment", 800),
    ("deploy", 800),
    ("database", 500),
    ("code", 400),
    ("planning", 200),
    ("documentation", 200),
    ("analysis", 200),
    ("test", 200),
    ("research", 200),
    ("verification", 200),
    ("scan", 100),
    ("health_check", 100),
    ("opportunity_scan", 100),
    ("report", 100),
];
const UNKNOWN_BASE: u32 = 500;

/// Words that raise the score once each, in thousandths; the first name of a group is the factor's.
const WORDS: [(&[&str], u32); 5] = [
    (&["production", "prod"], 300),
    (&["financial", "payment", "payments", "invoice", "billing"], 300),
    (&["customer", "customers"], 200),
    (&["credential", "credentials", "api_key", "apikey", "password", "secret", "secrets"], 200),
    (&["deploy", "deploys", "deployed", "deploying", "deployment"], 300),
];

/// Words of SQL, counted only where SQL is expected, in thousandths.
const SQL_WORDS: [(&str, u32); 7] = [
    ("drop", 700),
    ("truncate", 700),
    ("delete", 600),
    ("alter", 300),
    ("update", 200),
    ("insert", 100),
    ("grant", 400),
];

/// Weighs a task.
#[must_use]
pub fn assess(task: &NewTask) -> Risk {
    let kind = task.task_type.as_str();
    let base = BASES.iter().find(|(name, _)| *name == kind).map_or(UNKNOWN_BASE, |(_, score)| *score);
    let mut score = base;
    let mut factors = vec![format!("task_type:{kind}={}", shown(base))];
    let mut add = |factor: String, by: u32| {
        score += by;
        factors.push(format!("{factor}=+{}", shown(by)));
    };

    let mut words = BTreeSet::new();
    collect_words(&task.title, &mut words);
    collect_words(&task.description, &mut words);
    task.acceptance_criteria.iter().for_each(|c| collect_words(c, &mut words));
    collect_value(&task.payload, &mut words);
    for (group, by) in WORDS {
        if let Some(word) = group.iter().find(|w| words.contains(**w)) {
            add(format!("word:{word}"), by);
        }
    }

    let mut sql = BTreeSet::new();
    for field in ["sql", "query"] {
        if let Some(text) = task.payload.get(field).and_then(Value::as_str) {
            collect_words(text, &mut sql);
        }
    }
    if kind == "database" {
        sql.extend(words.iter().cloned());
    }
    for (word, by) in SQL_WORDS {
        if sql.contains(word) {
            add(format!("sql:{word}"), by);
        }
    }

    if matches!(task.priority, Priority::Critical | Priority::High) {
        add(format!("priority:{}", task.priority.as_str()), 100);
    }
    let score = score.min(1000);
    Risk { level: Level::of(score), score: f64::from(score) / 1000.0, factors }
}

/// Weighs one act on the code host. A branch of the task's own is undone by deleting it; a merge by reverting it.
#[must_use]
pub fn assess_effect(effect: &Effect) -> Risk {
    let (kind, score) = match effect {
        Effect::Push { .. } => ("push", 100),
        Effect::OpenChange { .. } => ("open_change", 100),
        Effect::Merge { .. } => ("merge", 400),
        // A task as such is weighed by `assess`, which knows its words; without them it is not harmless.
        Effect::RunTask { .. } => ("run_task", 600),
    };
    Risk { level: Level::of(score), score: shown(score), factors: vec![format!("effect:{kind}={}", shown(score))] }
}

fn shown(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

fn collect_words(text: &str, into: &mut BTreeSet<String>) {
    let separators = |c: char| !(c.is_alphanumeric() || c == '_');
    into.extend(text.split(separators).filter(|w| !w.is_empty()).map(str::to_lowercase));
}

fn collect_value(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => collect_words(text, into),
        Value::Array(items) => items.iter().for_each(|item| collect_value(item, into)),
        Value::Object(fields) => {
            for (name, item) in fields {
                collect_words(name, into);
                collect_value(item, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests;
