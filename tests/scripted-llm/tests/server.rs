//! The program itself: where it listens, what it answers, and what it remembers after it was killed.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use juggernaut_core::memory::llm::script::{Reply, Rule, Script};
use juggernaut_scripted_llm::{Entry, ScriptedServer};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// The running program, killed without warning when it is dropped.
struct Program {
    child: Child,
    base_url: String,
}

impl Program {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_juggernaut-scripted-llm"));
        command.arg(folder.join("script.json")).arg("--journal").arg(folder.join("journal.jsonl"));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base_url = line.trim().strip_prefix("listening ").unwrap().to_owned();
        Self { child, base_url }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn ask(base_url: &str, text: &str) -> (u16, Value) {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": text }] });
    let asked = reqwest::Client::new().post(format!("{base_url}/chat/completions")).json(&body);
    let response = asked.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn said(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap()
}

#[tokio::test]
async fn a_killed_server_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let script = json!({ "rules": [
        { "when": ["hello"], "times": 1, "answer": { "say": { "content": "first" } } },
        { "when": ["hello"], "answer": { "say": { "content": "again" } } },
    ]});
    std::fs::write(folder.path().join("script.json"), script.to_string()).unwrap();

    let program = Program::start(folder.path());
    assert_eq!(said(&ask(&program.base_url, "hello").await.1), "first");
    drop(program);

    let program = Program::start(folder.path());
    assert_eq!(said(&ask(&program.base_url, "hello").await.1), "again");
    let root = program.base_url.trim_end_matches("/v1");
    let journal: Vec<Entry> = reqwest::get(format!("{root}/journal")).await.unwrap().json().await.unwrap();
    let rules: Vec<(u64, usize)> = journal.iter().map(|entry| (entry.sequence, entry.rule)).collect();
    assert_eq!(rules, [(1, 0), (2, 1)]);
    assert_eq!(journal[0].messages, journal[1].messages, "the same question has the same hash");
    let lines = std::fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 2);
}

#[tokio::test]
async fn any_prefix_is_served_and_anything_else_refused() {
    let server =
        ScriptedServer::start(Script { rules: vec![Rule::when("hello", Reply::text("hi"))], ..Script::default() });
    let server = server.await.unwrap();
    let root = server.base_url().trim_end_matches("/v1").to_owned();
    for prefix in ["/v1", "/api/v1", ""] {
        assert_eq!(said(&ask(&format!("{root}{prefix}"), "hello").await.1), "hi", "{prefix}");
        assert!(reqwest::get(format!("{root}{prefix}/models")).await.unwrap().status().is_success());
    }
    assert!(reqwest::get(format!("{root}/healthz")).await.unwrap().status().is_success());
    assert_eq!(reqwest::get(format!("{root}/elsewhere")).await.unwrap().status().as_u16(), 404);
    let (status, refusal) = ask(&format!("{root}/v1"), "who are you").await;
    assert!(status == 400 && refusal["error"]["message"].as_str().unwrap().contains("who are you"), "{refusal}");
    assert_eq!(server.journal().len(), 3, "only answers are in the journal");
}
