//! Puts an answer together. A whole answer is one piece of a stream, so both ways give the same.

use juggernaut_core::base::money::Micros;
use juggernaut_core::port::llm::{ChatAnswer, Delta, Finish, ToolCall, Usage};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Why what came is not an answer.
#[derive(Debug, PartialEq)]
pub(crate) enum Unusable {
    /// It is no chat completion, for this reason.
    Garbled(String),
    /// The host tells of an error.
    Refused(Value),
}

#[derive(Deserialize)]
struct Piece {
    id: Option<String>,
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<WireUsage>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(alias = "message")]
    delta: Option<Said>,
    finish_reason: Option<String>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Said {
    content: Option<String>,
    refusal: Option<String>,
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
struct WireCall {
    index: Option<usize>,
    id: Option<String>,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    name: Option<String>,
    arguments: Option<Value>,
}

#[derive(Deserialize)]
struct WireUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    cost: Option<f64>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
}

/// The answer so far.
#[derive(Default)]
pub(crate) struct Assembly {
    id: Option<String>,
    model: Option<String>,
    content: String,
    refused: bool,
    calls: BTreeMap<usize, ToolCall>,
    finish_reason: Option<String>,
    ended: bool,
    usage: Usage,
}

impl Assembly {
    /// Adds one JSON document: an event of a stream, or the whole answer.
    pub(crate) fn add(&mut self, json: &[u8], on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<(), Unusable> {
        let piece: Piece = serde_json::from_slice(json).map_err(|e| Unusable::Garbled(e.to_string()))?;
        if let Some(error) = piece.error {
            return Err(Unusable::Refused(error));
        }
        self.id = self.id.take().or(piece.id.filter(|id| !id.is_empty()));
        self.model = self.model.take().or(piece.model.filter(|model| !model.is_empty()));
        if let Some(usage) = piece.usage {
            self.usage = usage.into();
        }
        let Some(choice) = piece.choices.unwrap_or_default().into_iter().next() else { return Ok(()) };
        if let Some(error) = choice.error {
            return Err(Unusable::Refused(error));
        }
        if let Some(said) = choice.delta {
            self.add_said(said, on_delta);
        }
        if let Some(reason) = choice.finish_reason {
            if reason == "error" {
                return Err(Unusable::Refused(Value::from("the answer ended in an error")));
            }
            self.finish_reason = Some(reason);
            self.ended = true;
        }
        Ok(())
    }

    fn add_said(&mut self, said: Said, on_delta: &mut (dyn FnMut(Delta) + Send)) {
        self.refused |= said.refusal.as_ref().is_some_and(|text| !text.is_empty());
        for text in [said.content, said.refusal].into_iter().flatten().filter(|text| !text.is_empty()) {
            self.content.push_str(&text);
            on_delta(Delta::Content(text));
        }
        for part in said.tool_calls.unwrap_or_default() {
            let (name, arguments) = part.function.map_or((None, None), |f| (f.name, f.arguments));
            let name = name.filter(|name| !name.is_empty());
            let last = self.calls.last_key_value().map(|(index, _)| *index);
            // Hosts that leave out the index begin a call with its name.
            let index = part.index.unwrap_or(match (last, &name) {
                (None, _) => 0,
                (Some(last), None) => last,
                (Some(last), Some(_)) => last.saturating_add(1),
            });
            let empty = || ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
            let call = self.calls.entry(index).or_insert_with(empty);
            if let Some(id) = part.id.filter(|_| call.id.is_empty()) {
                call.id = id;
            }
            if let Some(name) = name.filter(|_| call.name.is_empty()) {
                call.name = name;
            }
            match arguments {
                Some(Value::String(text)) => call.arguments.push_str(&text),
                None | Some(Value::Null) => {}
                Some(object) => call.arguments.push_str(&object.to_string()),
            }
            if !call.name.is_empty() {
                on_delta(Delta::ToolCall { name: call.name.clone() });
            }
        }
    }

    /// The host says that nothing more comes.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Has the host said that it is done?
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// The whole, if it is one.
    pub(crate) fn finish(self, asked_model: &str) -> Result<ChatAnswer, Unusable> {
        let mut tool_calls: Vec<ToolCall> = self.calls.into_values().collect();
        if tool_calls.iter().any(|call| call.name.is_empty()) {
            return Err(Unusable::Garbled("a tool call has no name".to_owned()));
        }
        name_calls(&mut tool_calls);
        let finish = match self.finish_reason.as_deref() {
            _ if self.refused => Finish::ContentFilter,
            Some("length") => Finish::Length,
            Some("content_filter") => Finish::ContentFilter,
            _ if tool_calls.is_empty() => Finish::Stop,
            _ => Finish::ToolCalls,
        };
        if self.content.is_empty() && tool_calls.is_empty() && finish == Finish::Stop {
            return Err(Unusable::Garbled("it has neither text nor tool calls".to_owned()));
        }
        Ok(ChatAnswer {
            id: self.id.unwrap_or_default(),
            model: self.model.unwrap_or_else(|| asked_model.to_owned()),
            content: self.content,
            tool_calls,
            finish,
            usage: self.usage,
        })
    }
}

/// Gives an id to calls that have none of their own, and an empty object to those without arguments.
fn name_calls(calls: &mut [ToolCall]) {
    for index in 0..calls.len() {
        let (before, rest) = calls.split_at_mut(index);
        let Some(call) = rest.first_mut() else { return };
        if call.id.is_empty() || before.iter().any(|other| other.id == call.id) {
            call.id = format!("call_{index}");
        }
        if call.arguments.trim().is_empty() {
            call.arguments = "{}".to_owned();
        }
    }
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        Self {
            prompt_tokens: wire.prompt_tokens.unwrap_or_default(),
            cached_tokens: wire.prompt_tokens_details.and_then(|d| d.cached_tokens).unwrap_or_default(),
            completion_tokens: wire.completion_tokens.unwrap_or_default(),
            cost: wire.cost.filter(|dollars| *dollars >= 0.0).map(Micros::from_dollars_ceil),
        }
    }
}

#[cfg(test)]
mod tests;
