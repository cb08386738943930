use super::*;
use serde_json::json;

fn fold(pieces: &[Value]) -> Result<ChatAnswer, Unusable> {
    let mut assembly = Assembly::default();
    for piece in pieces {
        assembly.add(piece.to_string().as_bytes(), &mut |_| ())?;
    }
    assembly.finish("asked/model")
}

fn delta(delta: Value) -> Value {
    json!({ "choices": [{ "delta": delta }] })
}

fn message(message: Value, finish: &str) -> Value {
    json!({ "id": "a", "choices": [{ "message": message, "finish_reason": finish }] })
}

#[test]
fn interleaved_tool_call_deltas_are_put_together_by_index() {
    let answer = fold(&[
        delta(json!({ "role": "assistant", "content": null, "tool_calls": [
            { "index": 1, "id": "b", "function": { "name": "second", "arguments": "" } } ] })),
        delta(json!({ "tool_calls": [{ "index": 0, "id": "a", "function": { "name": "first", "arguments": "{\"x\"" } }] })),
        delta(json!({ "tool_calls": [{ "index": 0, "function": { "arguments": ":1}" } }] })),
        json!({ "choices": [{ "delta": {}, "finish_reason": "tool_calls" }] }),
    ])
    .unwrap();
    let call = |id: &str, name: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: name.to_owned(),
        arguments: arguments.to_owned(),
    };
    assert_eq!(answer.tool_calls, [call("a", "first", "{\"x\":1}"), call("b", "second", "{}")]);
    assert_eq!((answer.finish, answer.model.as_str()), (Finish::ToolCalls, "asked/model"));
}

#[test]
fn hosts_without_index_or_ids_and_with_object_arguments_are_understood() {
    let answer = fold(&[message(
        json!({ "content": "", "tool_calls": [
            { "function": { "name": "f", "arguments": { "x": 1 } } },
            { "id": "same", "function": { "name": "g", "arguments": "{}" } },
            { "id": "same", "function": { "name": "h", "arguments": "{}" } },
        ] }),
        "stop",
    )])
    .unwrap();
    let ids: Vec<_> = answer.tool_calls.iter().map(|call| (call.id.as_str(), call.arguments.as_str())).collect();
    assert_eq!(ids, [("call_0", "{\"x\":1}"), ("same", "{}"), ("call_2", "{}")]);
    assert_eq!(answer.finish, Finish::ToolCalls);
}

#[test]
fn usage_and_cost() {
    let with = |usage: Value| {
        let mut whole = message(json!({ "content": "x" }), "stop");
        whole["usage"] = usage;
        fold(&[whole]).unwrap().usage
    };
    let full = json!({ "prompt_tokens": 10, "completion_tokens": 2, "cost": 0.000_012_1,
                       "prompt_tokens_details": { "cached_tokens": 4 } });
    let usage = Usage { prompt_tokens: 10, cached_tokens: 4, completion_tokens: 2, cost: Some(Micros(13)) };
    assert_eq!(with(full), usage);
    assert_eq!(with(json!({ "prompt_tokens": 1, "completion_tokens": 1, "prompt_tokens_details": null })).cost, None);
    assert_eq!(with(json!({ "cost": -1.0 })).cost, None);
    assert_eq!(with(json!(null)), Usage::default());
}

#[test]
fn what_is_no_answer_is_said_to_be_none() {
    let garbled = |piece: Value| matches!(fold(std::slice::from_ref(&piece)), Err(Unusable::Garbled(_)));
    assert!(garbled(json!({})));
    assert!(garbled(json!({ "choices": [] })));
    assert!(garbled(json!("nonsense")));
    assert!(garbled(json!({ "choices": "nonsense" })));
    assert!(garbled(message(json!({ "content": null }), "stop")));
    assert!(garbled(message(json!({ "tool_calls": [{ "id": "x" }] }), "tool_calls")));
}

#[test]
fn errors_inside_an_answer_are_found_wherever_hosts_put_them() {
    for piece in [
        json!({ "error": { "code": 502, "message": "gone" } }),
        json!({ "choices": [{ "message": { "content": "half" }, "error": { "code": 502 } }] }),
        json!({ "choices": [{ "delta": { "content": "half" }, "finish_reason": "error" }] }),
    ] {
        assert!(matches!(fold(std::slice::from_ref(&piece)), Err(Unusable::Refused(_))), "{piece}");
    }
}

#[test]
fn an_answer_that_was_cut_or_refused_keeps_its_reason_and_usage() {
    let mut cut = message(json!({ "content": "" }), "length");
    cut["usage"] = json!({ "completion_tokens": 9 });
    let answer = fold(&[cut]).unwrap();
    assert_eq!((answer.finish, answer.usage.completion_tokens), (Finish::Length, 9));
    let refused = fold(&[message(json!({ "content": null, "refusal": "no" }), "stop")]).unwrap();
    assert_eq!((refused.finish, refused.content.as_str()), (Finish::ContentFilter, "no"));
}
