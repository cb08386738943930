//! A real model behind a real server: `OPENROUTER_BASE_URL=http://127.0.0.1:4130/v1 cargo nextest run --run-ignored only`.

use juggernaut_core::Error;
use juggernaut_core::base::secret::Secret;
use juggernaut_core::port::llm::{ChatRequest, Delta, LlmProvider, Message, ResponseSchema};
use juggernaut_openrouter::{OpenRouter, OpenRouterOptions};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test]
#[ignore = "needs a model server at OPENROUTER_BASE_URL"]
async fn streams_fits_a_schema_and_keeps_its_time() {
    let env = |name: &str| std::env::var(name).ok();
    let provider = OpenRouter::new(OpenRouterOptions {
        base_url: env("OPENROUTER_BASE_URL").expect("OPENROUTER_BASE_URL is set"),
        api_key: env("OPENROUTER_API_KEY").map(Secret::from),
        model: env("OPENROUTER_MODEL").unwrap_or_else(|| "default".to_owned()),
        ..OpenRouterOptions::default()
    })
    .unwrap();
    provider.check().await.unwrap();
    let plain = ChatRequest {
        model: None,
        messages: vec![Message::User { content: "Say a few words about the sea.".to_owned() }],
        tools: vec![],
        response_schema: None,
        max_tokens: 60,
        timeout: Duration::from_secs(120),
    };

    let (mut deltas, mut text) = (0, String::new());
    let mut on_delta = |delta| {
        if let Delta::Content(more) = delta {
            deltas += 1;
            text.push_str(&more);
        }
    };
    let streamed = provider.stream(&plain, &mut on_delta).await.unwrap();
    println!("{deltas} deltas: {streamed:?}");
    assert!(deltas > 1 && text == streamed.content);
    assert!(streamed.usage.prompt_tokens > 0 && streamed.usage.completion_tokens > 0);

    let schema = json!({ "type": "object", "additionalProperties": false, "required": ["calm", "colour"], "properties": {
        "calm": { "type": "boolean" }, "colour": { "type": "string", "maxLength": 12 } } });
    let wanted = ResponseSchema { name: "sea".to_owned(), schema };
    let bound = provider.complete(&ChatRequest { response_schema: Some(wanted), ..plain.clone() }).await.unwrap();
    println!("bound: {bound:?}");
    let value: Value = serde_json::from_str(&bound.content).unwrap();
    assert!(value["calm"].is_boolean() && value["colour"].is_string());

    let begun = Instant::now();
    let hurried = ChatRequest { max_tokens: 4000, timeout: Duration::from_millis(50), ..plain };
    let late = provider.stream(&hurried, &mut |_| ()).await;
    println!("hurried: {late:?} after {:?}", begun.elapsed());
    assert!(matches!(late, Err(Error::Transient { .. })), "{late:?}");
}
