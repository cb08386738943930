//! A language model that answers from a script: for tests, the offline demo, and as the specification of the others.

pub mod script;

use crate::base::hash::Digest;
use crate::brain::message::{ChatAnswer, ChatRequest, Finish, Message, ToolCall};
use crate::port::llm::{Delta, LlmProvider};
use crate::{Error, Result};
use async_trait::async_trait;
use script::{Failure, Reply, Rule, Say, Script};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A question that a rule of the script answered, or failed as it says.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Counts from 1.
    pub sequence: u64,
    /// Index of the rule in the script.
    pub rule: usize,
    /// Hash of the conversation that was sent.
    pub messages: Digest,
    /// True when the rule is an answer, false when it is a failure.
    pub answered: bool,
    /// The question itself.
    pub request: ChatRequest,
}

/// A model that answers from a [`Script`] and keeps a journal of what it was asked.
#[derive(Debug)]
pub struct ScriptedLlm {
    script: Script,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How often each rule was used.
    used: Vec<u32>,
    sequence: u64,
    journal: Vec<Asked>,
}

impl ScriptedLlm {
    /// A model with a fresh script.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self::resume(script, [])
    }

    /// A model that goes on after these rules, by index, were used before, as a journal kept outside tells.
    #[must_use]
    pub fn resume(script: Script, used_rules: impl IntoIterator<Item = usize>) -> Self {
        let mut state = State { used: vec![0; script.rules.len()], sequence: 0, journal: Vec::new() };
        for rule in used_rules {
            state.sequence += 1;
            if let Some(used) = state.used.get_mut(rule) {
                *used += 1;
            }
        }
        Self { script, state: Mutex::new(state) }
    }

    /// Everything asked of this instance so far.
    #[must_use]
    pub fn journal(&self) -> Vec<Asked> {
        self.state().journal.clone()
    }

    /// How many answers were given, failures not counted.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.state().journal.iter().filter(|asked| asked.answered).count()
    }

    /// Uses up the first rule that fits and says what it replies.
    ///
    /// # Errors
    /// [`Error::Invalid`] when no rule fits.
    pub fn play(&self, request: &ChatRequest) -> Result<(Asked, Reply)> {
        let mut state = self.state();
        let found = self.script.rules.iter().zip(&state.used).position(|(rule, used)| rule.fits(request, *used));
        let Some((index, rule)) = found.and_then(|index| Some((index, self.script.rules.get(index)?))) else {
            return Err(nothing_fits(request));
        };
        if let Some(used) = state.used.get_mut(index) {
            *used += 1;
        }
        state.sequence += 1;
        let asked = Asked {
            sequence: state.sequence,
            rule: index,
            messages: Digest::of(&request.messages)?,
            answered: matches!(rule.answer, Reply::Say(_)),
            request: request.clone(),
        };
        state.journal.push(asked.clone());
        Ok((asked, rule.answer.clone()))
    }

    /// The whole answer that a [`Say`] stands for.
    #[must_use]
    pub fn answer(&self, asked: &Asked, say: &Say) -> ChatAnswer {
        let sequence = asked.sequence;
        let call = |(index, call): (usize, &script::Call)| ToolCall {
            id: format!("call_{sequence}_{index}"),
            name: call.name.clone(),
            arguments: script::text(&call.arguments),
        };
        let finish = if say.tool_calls.is_empty() { Finish::Stop } else { Finish::ToolCalls };
        ChatAnswer {
            id: format!("scripted-{sequence}"),
            model: asked.request.model.clone().unwrap_or_else(|| "scripted".to_owned()),
            content: script::text(&say.content),
            tool_calls: say.tool_calls.iter().enumerate().map(call).collect(),
            finish: say.finish.unwrap_or(finish),
            usage: say.usage.unwrap_or(self.script.usage),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl LlmProvider for ScriptedLlm {
    fn describe(&self) -> String {
        format!("scripted model of {} rules", self.script.rules.len())
    }

    async fn complete(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        let (asked, reply) = self.play(request)?;
        match reply {
            Reply::Say(say) => Ok(self.answer(&asked, &say)),
            Reply::Fail(failure) => Err(error_of(&failure)),
        }
    }

    async fn stream(&self, request: &ChatRequest, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<ChatAnswer> {
        let answer = self.complete(request).await?;
        for word in answer.content.split_inclusive(' ') {
            on_delta(Delta::Content(word.to_owned()));
        }
        for call in &answer.tool_calls {
            on_delta(Delta::ToolCall { name: call.name.clone() });
        }
        Ok(answer)
    }

    async fn check(&self) -> Result<()> {
        Ok(())
    }
}

fn error_of(failure: &Failure) -> Error {
    match failure {
        Failure::RateLimited { retry_after_secs } => Error::Transient {
            reason: "the model provider limits the rate".to_owned(),
            retry_after: retry_after_secs.map(Duration::from_secs),
            source: None,
        },
        Failure::Unavailable => Error::transient("the model provider is unavailable"),
        Failure::Broken => Error::transient("the model provider failed in the middle of an answer"),
        Failure::Cut => Error::transient("the answer was cut off before its end"),
        Failure::Garbage => {
            Error::transient("the model provider answered with something that is not a chat completion")
        }
        Failure::Unauthorized => Error::denied("the model provider refused the key"),
        Failure::OutOfCredit => Error::denied("the model provider's account is out of credit"),
        Failure::UnknownModel => Error::not_found("model"),
        Failure::TooLong => Error::invalid("the conversation is longer than the model's context"),
    }
}

fn nothing_fits(request: &ChatRequest) -> Error {
    let asked = request.messages.iter().rev().find_map(|message| match message {
        Message::User { content } => Some(content.trim()),
        Message::System { .. } | Message::Assistant { .. } | Message::Tool { .. } => None,
    });
    let text: String = asked.unwrap_or_default().chars().take(200).collect();
    let turn = script::turn_of(&request.messages);
    Error::invalid(format!("no rule of the script fits turn {turn} of the conversation that asks {text:?}"))
}

impl Rule {
    fn fits(&self, request: &ChatRequest, used: u32) -> bool {
        let said = |wanted: &String| script::said(&request.messages).any(|text| text.contains(wanted));
        let saw = |wanted: &String| script::tool_results(&request.messages).any(|text| text.contains(wanted));
        self.times.is_none_or(|times| used < times)
            && self.turn.is_none_or(|turn| turn == script::turn_of(&request.messages))
            && self.tool.as_ref().is_none_or(|name| request.tools.iter().any(|tool| tool.name == *name))
            && self.schema.as_ref().is_none_or(|name| request.response_schema.as_ref().is_some_and(|s| s.name == *name))
            && self.when.iter().all(said)
            && self.saw.iter().all(saw)
    }
}

#[cfg(test)]
mod tests;
