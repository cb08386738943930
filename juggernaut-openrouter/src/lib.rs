//! The language model port for OpenRouter and every host that speaks OpenAI's chat completions.
//!
//! It sends one request, reads one answer, whole or streamed, and names what went wrong by what to do about it. It never
//! repeats a request by itself, never follows a redirect, and keeps the key out of every message.

mod answer;
mod body;
mod failure;
mod options;
mod request;

pub use options::OpenRouterOptions;

use answer::Assembly;
use async_trait::async_trait;
use body::Broken;
use bytes::Bytes;
use failure::Failures;
use futures::{Stream, StreamExt};
use juggernaut_core::base::secret::ExposeSecret;
use juggernaut_core::port::llm::{ChatAnswer, ChatRequest, Delta, LlmProvider};
use juggernaut_core::{Error, Result};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, redirect};
use sse_stream::SseByteStream;
use std::time::Duration;

/// Longest that [`LlmProvider::check`] waits.
const CHECK_TIMEOUT: Duration = Duration::from_secs(15);

/// A model behind OpenRouter or another OpenAI-compatible host.
#[derive(Debug)]
pub struct OpenRouter {
    client: Client,
    options: OpenRouterOptions,
    failures: Failures,
}

impl OpenRouter {
    /// Prepares the connection; nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the base URL, the key or the model is unusable.
    pub fn new(options: OpenRouterOptions) -> Result<Self> {
        let base = options.base()?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &options.api_key {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret().trim()))
                .map_err(|_| Error::invalid("the model provider's key has characters that no key has; check it"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let mut builder = Client::builder()
            .default_headers(headers)
            .user_agent(concat!("juggernaut/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(options.connect_timeout)
            .redirect(redirect::Policy::none());
        if base.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| Error::invalid(format!("cannot set up HTTP: {e}")))?;
        let failures = Failures::new(base.host, options.base_url.clone(), options.api_key.clone());
        Ok(Self { client, options, failures })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.options.base_url.trim_end_matches('/'))
    }

    fn model<'a>(&'a self, request: &'a ChatRequest) -> &'a str {
        request.model.as_deref().unwrap_or(&self.options.model)
    }

    async fn within<T>(&self, limit: Duration, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let limit = limit.min(self.options.request_timeout);
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Err(self.failures.too_slow(limit)))
    }

    /// Sends, and answers with a response only when its status is a success.
    async fn send(&self, request: RequestBuilder, model: &str) -> Result<Response> {
        let response = request.send().await.map_err(|e| self.failures.unreachable(e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = body::beginning(response).await;
        Err(self.failures.of_status(status, &headers, &text, model))
    }

    fn ask(&self, request: &ChatRequest, stream: bool) -> RequestBuilder {
        let body = request::body(request, self.model(request), stream);
        let accept = if stream { "text/event-stream" } else { "application/json" };
        self.client.post(self.url("/chat/completions")).header(ACCEPT, accept).json(&body)
    }

    async fn read_whole(&self, response: Response, request: &ChatRequest) -> Result<ChatAnswer> {
        let bytes = body::whole(response, self.options.request_timeout).await.map_err(|e| self.failures.of_body(e))?;
        let mut assembly = Assembly::default();
        assembly.add(&bytes, &mut |_| ()).map_err(|e| self.failures.of_answer(e, self.model(request)))?;
        assembly.finish(self.model(request)).map_err(|e| self.failures.of_answer(e, self.model(request)))
    }

    async fn read_stream(
        &self,
        bytes: impl Stream<Item = Result<Bytes, Broken>> + Send,
        request: &ChatRequest,
        on_delta: &mut (dyn FnMut(Delta) + Send),
    ) -> Result<ChatAnswer> {
        let mut events = std::pin::pin!(SseByteStream::new(bytes));
        let mut assembly = Assembly::default();
        let failed = |e| self.failures.of_answer(e, self.model(request));
        while let Some(event) = events.next().await {
            let data = match event {
                Ok(event) => event.data.unwrap_or_default(),
                // What follows the end, the usage at most, is not worth asking and paying again.
                Err(_) if assembly.ended() => break,
                Err(error) => return Err(self.failures.of_events(error)),
            };
            if data.trim() == "[DONE]" {
                assembly.end();
                break;
            }
            if !data.trim().is_empty() {
                assembly.add(data.as_bytes(), on_delta).map_err(failed)?;
            }
        }
        if !assembly.ended() {
            return Err(self.failures.cut());
        }
        assembly.finish(self.model(request)).map_err(failed)
    }
}

#[async_trait]
impl LlmProvider for OpenRouter {
    fn describe(&self) -> String {
        format!("{} model {}", self.failures.host(), self.options.model)
    }

    async fn complete(&self, request: &ChatRequest) -> Result<ChatAnswer> {
        self.within(request.timeout, async {
            let response = self.send(self.ask(request, false), self.model(request)).await?;
            self.read_whole(response, request).await
        })
        .await
    }

    async fn stream(&self, request: &ChatRequest, on_delta: &mut (dyn FnMut(Delta) + Send)) -> Result<ChatAnswer> {
        self.within(request.timeout, async {
            let response = self.send(self.ask(request, true), self.model(request)).await?;
            if is_event_stream(&response) {
                let bytes = body::bounded(response, self.options.idle_timeout);
                return self.read_stream(bytes, request, on_delta).await;
            }
            // A host that cannot stream, or an error told with status 200.
            let answer = self.read_whole(response, request).await?;
            on_delta(Delta::Content(answer.content.clone()));
            Ok(answer)
        })
        .await
    }

    async fn check(&self) -> Result<()> {
        let models = self.client.get(self.url("/models"));
        self.within(CHECK_TIMEOUT, self.send(models, &self.options.model)).await.map(drop)
    }
}

fn is_event_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"))
}

#[cfg(test)]
mod tests;
