use super::*;
use serde_json::json;

fn ask(messages: Vec<Message>) -> ChatRequest {
    ChatRequest {
        model: None,
        messages,
        tools: Vec::new(),
        response_schema: None,
        max_tokens: 100,
        timeout: Duration::from_secs(5),
    }
}

fn user(text: &str) -> Message {
    Message::User { content: text.to_owned() }
}

fn model(rules: serde_json::Value) -> ScriptedLlm {
    ScriptedLlm::new(serde_json::from_value(json!({ "rules": rules })).unwrap())
}

#[tokio::test]
async fn first_fitting_rule_with_uses_left_answers() {
    let llm = model(json!([
        { "when": ["red", "round"], "times": 1, "answer": { "say": { "content": "once" } } },
        { "when": ["red"], "turn": 1, "answer": { "say": { "content": "second turn" } } },
        { "when": ["red"], "answer": { "say": { "content": "any" } } },
    ]));
    let red = ask(vec![Message::System { content: "round".into() }, user("red")]);
    assert_eq!(llm.complete(&red).await.unwrap().content, "once");
    assert_eq!(llm.complete(&red).await.unwrap().content, "any");
    let later = ask(vec![user("red"), Message::Assistant { content: "hm".into(), tool_calls: vec![] }]);
    assert_eq!(llm.complete(&later).await.unwrap().content, "second turn");
    let rules: Vec<usize> = llm.journal().iter().map(|asked| asked.rule).collect();
    assert_eq!(rules, [0, 2, 1]);
}

#[tokio::test]
async fn a_question_without_a_rule_is_refused_and_not_counted() {
    let llm = model(json!([{ "when": ["red"], "answer": { "say": {} } }]));
    let error = llm.complete(&ask(vec![user(&format!("blue {}", "x".repeat(5000)))])).await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert!(error.to_string().contains("blue xxx") && error.to_string().len() < 400, "{error}");
    assert_eq!(llm.answers(), 0);
}

#[tokio::test]
async fn failures_are_in_the_journal_but_are_not_answers() {
    let llm = model(json!([
        { "times": 1, "answer": { "fail": { "rate_limited": { "retry_after_secs": 7 } } } },
        { "answer": { "say": { "content": "yes" } } },
    ]));
    let error = llm.complete(&ask(vec![user("x")])).await.unwrap_err();
    assert!(matches!(error, Error::Transient { retry_after: Some(after), .. } if after.as_secs() == 7), "{error:?}");
    llm.complete(&ask(vec![user("x")])).await.unwrap();
    assert_eq!((llm.journal().len(), llm.answers()), (2, 1));
}

#[tokio::test]
async fn a_resumed_model_remembers_what_was_used() {
    let script: Script = serde_json::from_value(json!({ "rules": [
        { "times": 1, "answer": { "say": { "content": "first" } } },
        { "answer": { "say": { "content": "then" } } },
    ]}))
    .unwrap();
    let llm = ScriptedLlm::resume(script, [0]);
    let answer = llm.complete(&ask(vec![user("x")])).await.unwrap();
    assert_eq!((answer.content.as_str(), answer.id.as_str()), ("then", "scripted-2"));
}

#[test]
fn a_misspelt_script_is_refused() {
    for bad in [
        json!({ "rules": [{ "wen": ["x"], "answer": { "say": {} } }] }),
        json!({ "rules": [{ "answer": { "say": { "contents": "x" } } }] }),
        json!({ "rules": [{ "answer": { "fail": "sulks" } }] }),
        json!({ "rules": [{}] }),
    ] {
        assert!(serde_json::from_value::<Script>(bad.clone()).is_err(), "{bad}");
    }
}

#[tokio::test]
async fn conforms() {
    crate::conformance::llm::run(&ScriptedLlm::new(crate::conformance::llm::script())).await;
}
