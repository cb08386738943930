//! Names every failure by what the caller does next, in words that never hold the key or a whole body.

use crate::answer::Unusable;
use crate::body::Broken;
use juggernaut_core::Error;
use juggernaut_core::base::secret::{ExposeSecret, Secret};
use juggernaut_core::base::time::{Clock, SystemClock, Time};
use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;
use std::time::Duration;

/// Most characters of a host's own words.
const MAX_EXCERPT: usize = 300;
/// Longest pause that a host may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Makes the errors of one host.
#[derive(Debug)]
pub(crate) struct Failures {
    host: String,
    base_url: String,
    key: Option<Secret>,
}

impl Failures {
    pub(crate) fn new(host: String, base_url: String, key: Option<Secret>) -> Self {
        Self { host, base_url, key }
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn unreachable(&self, error: reqwest::Error) -> Error {
        let error = error.without_url();
        let cause = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source()).last();
        let why = cause.map(ToString::to_string).unwrap_or_default();
        let what = if error.is_connect() { "cannot reach" } else { "lost the connection to" };
        Error::transient_from(format!("{what} {}: {}", self.host, self.excerpt(&why)), error)
    }

    pub(crate) fn too_slow(&self, limit: Duration) -> Error {
        Error::transient(format!("{} gave no whole answer within {} s", self.host, limit.as_secs_f32()))
    }

    pub(crate) fn cut(&self) -> Error {
        Error::transient(format!("the answer of {} was cut off before its end", self.host))
    }

    pub(crate) fn of_body(&self, broken: Broken) -> Error {
        Error::transient_from(format!("cannot read the answer of {}: {broken}", self.host), broken)
    }

    pub(crate) fn of_events(&self, error: sse_stream::Error) -> Error {
        Error::transient_from(format!("cannot read the streamed answer of {}: {error}", self.host), error)
    }

    pub(crate) fn of_answer(&self, unusable: Unusable, model: &str) -> Error {
        match unusable {
            Unusable::Garbled(why) => Error::transient(format!(
                "{} answered with something that is not a chat completion: {}",
                self.host,
                self.excerpt(&why)
            )),
            Unusable::Refused(error) => {
                let status = error.get("code").and_then(status_of).unwrap_or(502);
                self.of_error(status, &error, None, model)
            }
        }
    }

    pub(crate) fn of_status(&self, status: u16, headers: &HeaderMap, body: &str, model: &str) -> Error {
        if (300..400).contains(&status) {
            let to = headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
            return Error::invalid(format!(
                "{} redirects to {}, which is not followed; correct the base URL",
                self.host,
                self.excerpt(to)
            ));
        }
        let json: Option<Value> = serde_json::from_str(body).ok();
        let error = json.and_then(|json| json.get("error").cloned()).unwrap_or_else(|| Value::from(body));
        let now = SystemClock.now();
        let retry_after = headers.get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| pause(v, now));
        self.of_error(status, &error, retry_after, model)
    }

    fn of_error(&self, status: u16, error: &Value, retry_after: Option<Duration>, model: &str) -> Error {
        let host = &self.host;
        let words = error.get("message").unwrap_or(error);
        let says = self.excerpt(words.as_str().unwrap_or(&words.to_string()));
        let facts = format!("{says} {}", error.get("code").unwrap_or(&Value::Null)).to_lowercase();
        let is = |signs: &[&str]| signs.iter().any(|sign| facts.contains(sign));
        if status < 500
            && is(&["context length", "context_length", "context window", "context size", "maximum context"])
        {
            return Error::invalid(format!("the conversation is longer than the context of model {model}: {says}"));
        }
        match status {
            402 => Error::denied(format!("out of credit at {host}; add credit there: {says}")),
            429 if is(&["insufficient_quota"]) => Error::denied(format!("out of credit at {host}: {says}")),
            401 | 403 if self.key.is_none() => {
                Error::denied(format!("{host} wants a key; set OPENROUTER_API_KEY ({status}: {says})"))
            }
            401 | 403 => Error::denied(format!("{host} refused the key; check OPENROUTER_API_KEY ({status}: {says})")),
            404 => self.no_model(model, &says),
            400 if is(&["not a valid model", "model_not_found"]) => self.no_model(model, &says),
            408 | 425 | 429 | 500.. => Error::Transient {
                reason: format!("{host} cannot answer now ({status}): {says}"),
                retry_after,
                source: None,
            },
            _ => Error::invalid(format!("{host} refused the request ({status}): {says}")),
        }
    }

    fn no_model(&self, model: &str, says: &str) -> Error {
        Error::not_found(format!("model {model} at {} (it says: {says})", self.base_url))
    }

    /// The beginning of a host's words on one line, without the key.
    fn excerpt(&self, text: &str) -> String {
        let key = self.key.as_ref().map(|key| key.expose_secret().trim());
        let text = key.map_or_else(|| text.to_owned(), |key| text.replace(key, "[key]"));
        let line: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        let line = line.join(" ");
        if line.chars().count() <= MAX_EXCERPT {
            return if line.is_empty() { "no reason given".to_owned() } else { line };
        }
        line.chars().take(MAX_EXCERPT - 1).chain(['…']).collect()
    }
}

/// OpenRouter tells the status that it would have sent, as a number; others send words.
fn status_of(code: &Value) -> Option<u16> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// The pause asked for: seconds, or the HTTP date at which it ends.
fn pause(value: &str, now: Time) -> Option<Duration> {
    let value = value.trim();
    let pause = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => (Time::from(chrono::DateTime::parse_from_rfc2822(value).ok()?) - now).to_std().unwrap_or_default(),
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failures() -> Failures {
        let key = Some(Secret::from("sk-canary".to_owned()));
        Failures::new("host".to_owned(), "https://host/v1".to_owned(), key)
    }

    fn of(status: u16, body: &Value) -> Error {
        failures().of_status(status, &HeaderMap::new(), &body.to_string(), "some/model")
    }

    #[test]
    fn retry_after_in_seconds_and_as_a_date() {
        let now: Time = "2026-01-02T03:04:05Z".parse().unwrap();
        let secs = |value: &str| pause(value, now).map(|pause| pause.as_secs());
        assert_eq!(secs("7"), Some(7));
        assert_eq!(secs("Fri, 02 Jan 2026 03:05:05 GMT"), Some(60));
        assert_eq!(secs("Thu, 01 Jan 2026 03:05:05 GMT"), Some(0), "a date gone by");
        assert_eq!(secs("99999999"), Some(3600), "bounded");
        assert_eq!(secs("soon"), None);
        assert_eq!(secs("-1"), None);
    }

    #[test]
    fn every_status_has_its_variant() {
        let error = json!({ "error": { "message": "words" } });
        for status in 300..600 {
            let found = of(status, &error);
            let right = match status {
                401..=403 => matches!(found, Error::Denied { .. }),
                404 => matches!(found, Error::NotFound { .. }),
                408 | 425 | 429 | 500.. => matches!(found, Error::Transient { .. }),
                _ => matches!(found, Error::Invalid { .. }),
            };
            assert!(right, "{status}: {found:?}");
        }
    }

    #[test]
    fn what_hosts_say_refines_the_status() {
        let say = |code: &str, message: &str| json!({ "error": { "code": code, "message": message } });
        let long = of(400, &say("context_length_exceeded", "too many tokens"));
        assert!(matches!(&long, Error::Invalid { reason } if reason.contains("longer than the context")), "{long}");
        let model = of(400, &say("400", "x/y is not a valid model ID"));
        assert!(matches!(&model, Error::NotFound { what } if what.contains("some/model")), "{model}");
        assert!(matches!(of(429, &say("insufficient_quota", "pay")), Error::Denied { .. }));
        let inside = Unusable::Refused(json!({ "code": 429, "message": "slow" }));
        assert!(matches!(failures().of_answer(inside, "m"), Error::Transient { .. }));
        let inside = Unusable::Refused(json!({ "code": 402, "message": "pay" }));
        assert!(matches!(failures().of_answer(inside, "m"), Error::Denied { .. }));
        let inside = Unusable::Refused(json!("text only"));
        assert!(matches!(failures().of_answer(inside, "m"), Error::Transient { .. }));
    }

    #[test]
    fn words_are_short_on_one_line_and_without_the_key() {
        let body = format!("key sk-canary\r\n\u{1b}[31mis bad {}", "ü".repeat(1000));
        let text = failures().of_status(500, &HeaderMap::new(), &body, "m").to_string();
        assert!(text.contains("key [key]") && !text.contains("canary") && !text.contains('\u{1b}'), "{text}");
        assert!(text.chars().count() < MAX_EXCERPT + 60 && !text.contains('\n'), "{text}");
        assert!(!format!("{:?}", failures()).contains("canary"));
    }
}
