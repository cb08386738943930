//! What every [`LlmProvider`] does, shown with a model behind it that answers from [`script`].

use crate::base::money::Micros;
use crate::brain::message::{ChatAnswer, ChatRequest, Finish, Message, ResponseSchema, ToolCall, ToolSpec, Usage};
use crate::memory::llm::script::{Failure, Reply, Rule, Say, Script};
use crate::port::llm::{Delta, LlmProvider};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::time::Duration;

const GREETING: &str = "Good day, wörld — 你好 🎉,\nand \"welcome\"\tback.";
const BROKEN_ARGUMENTS: &str = "{\"command\": \"ls";
const USAGE: Usage = Usage { prompt_tokens: 12, cached_tokens: 4, completion_tokens: 7, cost: Some(Micros(1234)) };

/// The script that the model behind the provider must answer from.
#[must_use]
pub fn script() -> Script {
    let priced = Say { content: json!(GREETING), usage: Some(USAGE), ..Say::default() };
    let short = Say { content: json!("once upon"), finish: Some(Finish::Length), ..Say::default() };
    let mut rules = vec![
        Rule::when("greet me", Reply::Say(priced)),
        Rule::when("tell a tale", Reply::Say(short)),
        Rule { saw: vec!["the sum is 5".to_owned()], turn: Some(1), ..Rule::when("add", Reply::text("It makes 5.")) },
        Rule {
            tool: Some("add".to_owned()),
            turn: Some(0),
            ..Rule::when("add", Reply::call("add", json!({ "a": 2, "b": 3 })))
        },
        Rule::when("two calls", two_calls()),
        Rule { schema: Some("verdict".to_owned()), ..Rule::when("judge", Reply::json(json!({ "good": true }))) },
    ];
    rules.extend(failures().into_iter().map(|(name, failure, _)| Rule::when(name, Reply::Fail(failure))));
    Script { rules, usage: Usage::default() }
}

fn two_calls() -> Reply {
    let Reply::Say(mut say) = Reply::call("look", json!({})) else { return Reply::text("") };
    say.tool_calls
        .push(crate::memory::llm::script::Call { name: "shell".to_owned(), arguments: json!(BROKEN_ARGUMENTS) });
    say.content = json!("I look first.");
    Reply::Say(say)
}

type Right = fn(&Error) -> bool;

fn failures() -> [(&'static str, Failure, Right); 9] {
    let transient: Right = |error| matches!(error, Error::Transient { .. });
    let denied: Right = |error| matches!(error, Error::Denied { .. });
    let rate: Right =
        |error| matches!(error, Error::Transient { retry_after: Some(after), .. } if *after == Duration::from_secs(7));
    [
        ("fail rate", Failure::RateLimited { retry_after_secs: Some(7) }, rate),
        ("fail down", Failure::Unavailable, transient),
        ("fail broken", Failure::Broken, transient),
        ("fail cut", Failure::Cut, transient),
        ("fail garbage", Failure::Garbage, transient),
        ("fail key", Failure::Unauthorized, denied),
        ("fail credit", Failure::OutOfCredit, denied),
        ("fail model", Failure::UnknownModel, |error| matches!(error, Error::NotFound { .. })),
        ("fail long", Failure::TooLong, |error| matches!(error, Error::Invalid { .. })),
    ]
}

/// Runs the whole suite.
///
/// # Panics
/// When the provider does not do what the port says.
pub async fn run(provider: &dyn LlmProvider) {
    assert!(!provider.describe().is_empty());
    assert_ok("check", provider.check().await);
    text_and_usage(provider).await;
    tools(provider).await;
    schema(provider).await;
    errors(provider).await;
}

async fn text_and_usage(provider: &dyn LlmProvider) {
    let answer = both(provider, &ask("greet me")).await;
    assert_eq!((answer.content.as_str(), answer.finish), (GREETING, Finish::Stop));
    assert_eq!(answer.usage, USAGE);
    assert!(answer.tool_calls.is_empty());
    let named = ChatRequest { model: Some("some/model".to_owned()), ..ask("greet me") };
    assert_eq!(both(provider, &named).await.model, "some/model");
    let cut = both(provider, &ask("tell a tale")).await;
    assert_eq!((cut.content.as_str(), cut.finish, cut.usage.cost), ("once upon", Finish::Length, None));
}

async fn tools(provider: &dyn LlmProvider) {
    let number = json!({ "type": "number" });
    let parameters = json!({ "type": "object", "properties": { "a": number, "b": number }, "required": ["a", "b"] });
    let tool = ToolSpec { name: "add".to_owned(), description: "adds two numbers".to_owned(), parameters };
    let mut request = ChatRequest { tools: vec![tool], ..ask("add two and three") };
    let answer = both(provider, &request).await;
    assert_eq!(answer.finish, Finish::ToolCalls);
    let [ToolCall { id, name, arguments }] = answer.tool_calls.as_slice() else {
        assert!(answer.tool_calls.len() == 1, "one call, not {:?}", answer.tool_calls);
        return;
    };
    assert!(!id.is_empty() && name == "add", "{answer:?}");
    assert_eq!(serde_json::from_str::<Value>(arguments).ok(), Some(json!({ "a": 2, "b": 3 })));

    let result = Message::Tool { tool_call_id: id.clone(), content: "the sum is 5".to_owned() };
    request.messages.extend([Message::Assistant { content: answer.content, tool_calls: answer.tool_calls }, result]);
    assert_eq!(both(provider, &request).await.content, "It makes 5.");

    let two = both(provider, &ask("two calls")).await;
    let calls: Vec<(&str, &str)> = two.tool_calls.iter().map(|c| (c.name.as_str(), c.arguments.as_str())).collect();
    assert_eq!(calls, [("look", "{}"), ("shell", BROKEN_ARGUMENTS)], "arguments stay as the model wrote them");
    assert_eq!(two.content, "I look first.");
    let ids: std::collections::BTreeSet<_> = two.tool_calls.iter().map(|call| &call.id).collect();
    assert_eq!(ids.len(), 2, "each call has its own id: {two:?}");
}

async fn schema(provider: &dyn LlmProvider) {
    let schema = json!({ "type": "object", "properties": { "good": { "type": "boolean" } }, "required": ["good"],
                         "additionalProperties": false });
    let wanted = ResponseSchema { name: "verdict".to_owned(), schema };
    let answer = both(provider, &ChatRequest { response_schema: Some(wanted), ..ask("judge") }).await;
    assert_eq!(serde_json::from_str::<Value>(&answer.content).ok(), Some(json!({ "good": true })));
}

async fn errors(provider: &dyn LlmProvider) {
    let unknown: (&str, Right) = ("what no rule knows", |error| matches!(error, Error::Invalid { .. }));
    let cases = failures().map(|(name, _, right)| (name, right)).into_iter().chain([unknown]);
    for (name, right) in cases {
        let request = ask(name);
        let streamed = provider.stream(&request, &mut |_| ()).await;
        for (way, result) in [("complete", provider.complete(&request).await), ("stream", streamed)] {
            let error = result.err();
            assert!(error.as_ref().is_some_and(right), "{way} of {name:?} gave {error:?}");
        }
    }
}

/// Asks both ways and demands the same answer, and deltas that add up to it.
async fn both(provider: &dyn LlmProvider, request: &ChatRequest) -> ChatAnswer {
    let mut text = String::new();
    let mut names: Vec<String> = Vec::new();
    let mut on_delta = |delta| match delta {
        Delta::Content(more) => text.push_str(&more),
        Delta::ToolCall { name } if names.last() != Some(&name) => names.push(name),
        Delta::ToolCall { .. } => {}
    };
    let streamed = assert_ok("stream", provider.stream(request, &mut on_delta).await);
    assert_eq!(text, streamed.content, "the deltas are the text");
    let called: Vec<&String> = streamed.tool_calls.iter().map(|call| &call.name).collect();
    assert_eq!(names.iter().collect::<Vec<_>>(), called, "the deltas name the calls");
    let whole = assert_ok("complete", provider.complete(request).await);
    assert_eq!(without_ids(&whole), without_ids(&streamed), "both ways give the same");
    whole
}

fn without_ids(answer: &ChatAnswer) -> ChatAnswer {
    let mut answer = ChatAnswer { id: String::new(), ..answer.clone() };
    answer.tool_calls.iter_mut().for_each(|call| call.id.clear());
    answer
}

#[expect(clippy::panic, reason = "a suite tells what is wrong as tests do")]
fn assert_ok<T>(what: &str, result: Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{what} failed: {error:?}"))
}

fn ask(text: &str) -> ChatRequest {
    ChatRequest {
        model: None,
        messages: vec![
            Message::System { content: "You are asked by a test.".to_owned() },
            Message::User { content: text.to_owned() },
        ],
        tools: Vec::new(),
        response_schema: None,
        max_tokens: 256,
        timeout: Duration::from_secs(30),
    }
}
