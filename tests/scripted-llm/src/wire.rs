//! Chat completions, from the server's side.

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use juggernaut_core::memory::llm::script::{Failure, Reply};
use juggernaut_core::memory::llm::{Asked, ScriptedLlm};
use juggernaut_core::port::llm::{ChatAnswer, ChatRequest, Message, ResponseSchema, ToolCall, ToolSpec};
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// Reads a question, strictly: a client that sends something odd shall hear of it.
pub(crate) fn request(body: &Value) -> Result<ChatRequest, String> {
    let list = |name: &str| body.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let model = body.get("model").and_then(Value::as_str).ok_or("the request names no model")?;
    let messages = list("messages").iter().map(message).collect::<Result<Vec<_>, _>>()?;
    if messages.is_empty() {
        return Err("the request has no messages".to_owned());
    }
    let tool = |tool: &Value| {
        serde_json::from_value::<ToolSpec>(tool["function"].clone()).map_err(|e| format!("a tool is malformed: {e}"))
    };
    let response_schema = match body.get("response_format") {
        None => None,
        Some(format) if format["type"] == "json_schema" => Some(
            serde_json::from_value::<ResponseSchema>(format["json_schema"].clone())
                .map_err(|e| format!("response_format is malformed: {e}"))?,
        ),
        Some(other) => return Err(format!("response_format {other} is not known here")),
    };
    Ok(ChatRequest {
        model: Some(model.to_owned()),
        messages,
        tools: list("tools").iter().map(tool).collect::<Result<_, _>>()?,
        response_schema,
        max_tokens: body.get("max_tokens").and_then(Value::as_u64).and_then(|n| n.try_into().ok()).unwrap_or(u32::MAX),
        timeout: Duration::MAX,
    })
}

fn message(message: &Value) -> Result<Message, String> {
    let content = message["content"].as_str().map(str::to_owned);
    let must = || content.clone().ok_or_else(|| format!("a message has no text: {message}"));
    match message["role"].as_str() {
        Some("system") => Ok(Message::System { content: must()? }),
        Some("user") => Ok(Message::User { content: must()? }),
        Some("tool") => {
            let id = message["tool_call_id"].as_str().ok_or("a tool message answers no call")?;
            Ok(Message::Tool { tool_call_id: id.to_owned(), content: must()? })
        }
        Some("assistant") => {
            let calls = message["tool_calls"].as_array().map_or(&[][..], Vec::as_slice);
            let tool_calls = calls.iter().map(call).collect::<Option<_>>().ok_or("a tool call is malformed")?;
            Ok(Message::Assistant { content: content.unwrap_or_default(), tool_calls })
        }
        _ => Err(format!("a message has no known role: {message}")),
    }
}

fn call(call: &Value) -> Option<ToolCall> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let function = &call["function"];
    Some(ToolCall { id: text(&call["id"])?, name: text(&function["name"])?, arguments: text(&function["arguments"])? })
}

pub(crate) fn respond(llm: &ScriptedLlm, asked: &Asked, reply: &Reply, streamed: bool) -> Response {
    match reply {
        Reply::Say(say) => {
            let answer = llm.answer(asked, say);
            if streamed { sse(events(&answer), End::Done) } else { axum::Json(whole(&answer)).into_response() }
        }
        Reply::Fail(failure) => fail(failure, streamed),
    }
}

pub(crate) fn error(status: StatusCode, message: &str) -> Response {
    (status, axum::Json(json!({ "error": { "code": status.as_u16(), "message": message } }))).into_response()
}

fn fail(failure: &Failure, streamed: bool) -> Response {
    let half = json!({ "id": "scripted", "choices": [{ "index": 0, "delta": { "content": "half an " } }] });
    match failure {
        Failure::RateLimited { retry_after_secs } => {
            let mut response = error(StatusCode::TOO_MANY_REQUESTS, "slow down");
            if let Some(seconds) = retry_after_secs {
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
            }
            response
        }
        Failure::Unavailable => error(StatusCode::SERVICE_UNAVAILABLE, "down for the moment"),
        Failure::Unauthorized => error(StatusCode::UNAUTHORIZED, "no such key"),
        Failure::OutOfCredit => error(StatusCode::PAYMENT_REQUIRED, "insufficient credits"),
        Failure::UnknownModel => error(StatusCode::NOT_FOUND, "no such model"),
        Failure::TooLong => error(StatusCode::BAD_REQUEST, "this model's maximum context length is 8192 tokens"),
        Failure::Garbage => ([(CONTENT_TYPE, "text/html")], "<html>it works!</html>").into_response(),
        Failure::Broken => {
            let error = json!({ "error": { "code": 502, "message": "the provider failed" } });
            if streamed { sse(vec![half, error], End::Silent) } else { axum::Json(error).into_response() }
        }
        Failure::Cut if streamed => sse(vec![half], End::Cut),
        Failure::Cut => {
            let pieces = [Ok(Bytes::from("{\"id\": \"scripted\", ")), Err(io::Error::other("cut"))];
            ([(CONTENT_TYPE, "application/json")], Body::from_stream(stream::iter(pieces))).into_response()
        }
    }
}

fn whole(answer: &ChatAnswer) -> Value {
    let calls: Vec<Value> = answer.tool_calls.iter().map(wire_call).collect();
    let mut message = json!({ "role": "assistant", "content": answer.content });
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    json!({ "id": answer.id, "object": "chat.completion", "model": answer.model, "usage": usage(answer),
            "choices": [{ "index": 0, "message": message, "finish_reason": answer.finish }] })
}

fn wire_call(call: &ToolCall) -> Value {
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": call.arguments } })
}

fn usage(answer: &ChatAnswer) -> Value {
    let usage = answer.usage;
    let mut wire = json!({ "prompt_tokens": usage.prompt_tokens, "completion_tokens": usage.completion_tokens,
                           "prompt_tokens_details": { "cached_tokens": usage.cached_tokens } });
    if let Some(cost) = usage.cost {
        wire["cost"] = json!(cost.0 as f64 / 1e6);
    }
    wire
}

/// Word by word, tool arguments in two halves, then the end and the usage, as hosts do it.
fn events(answer: &ChatAnswer) -> Vec<Value> {
    let event = |delta: Value, finish: Value| {
        json!({ "id": answer.id, "object": "chat.completion.chunk", "model": answer.model,
                "choices": [{ "index": 0, "delta": delta, "finish_reason": finish }] })
    };
    let mut events = vec![event(json!({ "role": "assistant", "content": "" }), Value::Null)];
    events.extend(answer.content.split_inclusive(' ').map(|word| event(json!({ "content": word }), Value::Null)));
    for (index, call) in answer.tool_calls.iter().enumerate() {
        let middle = call.arguments.char_indices().nth(call.arguments.chars().count() / 2).map_or(0, |(at, _)| at);
        let (begin, end) = call.arguments.split_at(middle);
        let mut first = wire_call(call);
        first["index"] = json!(index);
        first["function"]["arguments"] = json!(begin);
        let rest = json!({ "index": index, "function": { "arguments": end } });
        events.extend([first, rest].map(|part| event(json!({ "tool_calls": [part] }), Value::Null)));
    }
    events.push(event(json!({}), json!(answer.finish)));
    events.push(json!({ "id": answer.id, "model": answer.model, "choices": [], "usage": usage(answer) }));
    events
}

/// How a stream ends.
#[derive(PartialEq)]
enum End {
    Done,
    Silent,
    Cut,
}

fn sse(events: Vec<Value>, end: End) -> Response {
    let mut pieces = vec![Ok(Bytes::from(": SCRIPTED PROCESSING\n\n"))];
    pieces.extend(events.iter().map(|event| Ok(Bytes::from(format!("data: {event}\n\n")))));
    match end {
        End::Done => pieces.push(Ok(Bytes::from("data: [DONE]\n\n"))),
        End::Cut => pieces.push(Err(io::Error::other("cut"))),
        End::Silent => {}
    }
    ([(CONTENT_TYPE, "text/event-stream")], Body::from_stream(stream::iter(pieces))).into_response()
}
