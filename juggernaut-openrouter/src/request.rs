//! A question in the words of chat completions; only fields that every compatible host knows.

use juggernaut_core::port::llm::{ChatRequest, Message, ToolCall};
use serde_json::{Map, Value, json};

pub(crate) fn body(request: &ChatRequest, model: &str, stream: bool) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(model));
    body.insert("messages".to_owned(), request.messages.iter().map(message).collect());
    body.insert("max_tokens".to_owned(), json!(request.max_tokens));
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| json!({ "type": "function", "function": tool }));
        body.insert("tools".to_owned(), tools.collect());
    }
    if let Some(wanted) = &request.response_schema {
        let schema = json!({ "name": wanted.name, "strict": is_strict(&wanted.schema), "schema": wanted.schema });
        body.insert("response_format".to_owned(), json!({ "type": "json_schema", "json_schema": schema }));
    }
    if stream {
        body.insert("stream".to_owned(), json!(true));
        body.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }
    Value::Object(body)
}

fn message(message: &Message) -> Value {
    match message {
        Message::System { content } => json!({ "role": "system", "content": content }),
        Message::User { content } => json!({ "role": "user", "content": content }),
        Message::Tool { tool_call_id, content } => {
            json!({ "role": "tool", "tool_call_id": tool_call_id, "content": content })
        }
        Message::Assistant { content, tool_calls } if tool_calls.is_empty() => {
            json!({ "role": "assistant", "content": content })
        }
        Message::Assistant { content, tool_calls } => {
            let content = (!content.is_empty()).then_some(content);
            json!({ "role": "assistant", "content": content, "tool_calls": tool_calls.iter().map(call).collect::<Value>() })
        }
    }
}

fn call(call: &ToolCall) -> Value {
    // Hosts parse the arguments of earlier calls, and fail the whole conversation over one that the model broke.
    let arguments = match serde_json::from_str::<Map<String, Value>>(&call.arguments) {
        Ok(_) => call.arguments.clone(),
        Err(_) => json!({ "not_a_json_object": call.arguments }).to_string(),
    };
    json!({ "id": call.id, "type": "function", "function": { "name": call.name, "arguments": arguments } })
}

/// Hosts that enforce `strict` refuse a schema in which an object is open or a property optional.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let closed = match map.get("properties") {
                Some(Value::Object(properties)) => {
                    let required = map.get("required").and_then(Value::as_array);
                    map.get("additionalProperties") == Some(&Value::Bool(false))
                        && properties.keys().all(|name| required.is_some_and(|all| all.iter().any(|r| r == name)))
                }
                _ => map.get("type") != Some(&json!("object")),
            };
            closed && map.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use juggernaut_core::port::llm::{ResponseSchema, ToolSpec};
    use std::time::Duration;

    fn request(messages: Vec<Message>) -> ChatRequest {
        ChatRequest {
            model: None,
            messages,
            tools: vec![],
            response_schema: None,
            max_tokens: 64,
            timeout: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_plain_question_has_no_more_than_it_needs() {
        let body = body(&request(vec![Message::User { content: "hi".into() }]), "m", false);
        assert_eq!(body, json!({ "model": "m", "messages": [{ "role": "user", "content": "hi" }], "max_tokens": 64 }));
    }

    #[test]
    fn tools_schema_and_history_take_the_shape_of_chat_completions() {
        let call = |arguments: &str| ToolCall { id: "c1".into(), name: "add".into(), arguments: arguments.into() };
        let mut asked = request(vec![
            Message::Assistant { content: String::new(), tool_calls: vec![call("{\"a\": 1}"), call("{oops")] },
            Message::Tool { tool_call_id: "c1".into(), content: "2".into() },
        ]);
        let schema = json!({ "type": "object", "properties": {}, "additionalProperties": false });
        asked.tools = vec![ToolSpec { name: "add".into(), description: "adds".into(), parameters: schema.clone() }];
        asked.response_schema = Some(ResponseSchema { name: "sum".into(), schema: schema.clone() });
        let body = body(&asked, "m", true);
        assert_eq!(
            body["messages"],
            json!([
                { "role": "assistant", "content": null, "tool_calls": [
                    { "id": "c1", "type": "function", "function": { "name": "add", "arguments": "{\"a\": 1}" } },
                    { "id": "c1", "type": "function",
                      "function": { "name": "add", "arguments": "{\"not_a_json_object\":\"{oops\"}" } },
                ] },
                { "role": "tool", "tool_call_id": "c1", "content": "2" },
            ])
        );
        assert_eq!(
            body["tools"],
            json!([{ "type": "function",
                     "function": { "name": "add", "description": "adds", "parameters": schema } }])
        );
        assert_eq!(
            body["response_format"],
            json!({ "type": "json_schema", "json_schema": { "name": "sum", "strict": true, "schema": schema } })
        );
        assert_eq!((&body["stream"], &body["stream_options"]["include_usage"]), (&json!(true), &json!(true)));
    }

    #[test]
    fn strict_is_promised_only_for_closed_schemas() {
        let closed = json!({ "type": "object", "additionalProperties": false, "required": ["a"], "properties": { "a":
            { "type": "array", "items": { "type": "string" } } } });
        let optional = json!({ "type": "object", "additionalProperties": false, "properties": { "a": {} } });
        let open = json!({ "type": "object", "required": ["a"], "properties": { "a": {} } });
        let nested = json!({ "type": "array", "items": open });
        assert!(is_strict(&closed));
        for loose in [optional, open, nested, json!({ "type": "object" })] {
            assert!(!is_strict(&loose), "{loose}");
        }
    }
}
