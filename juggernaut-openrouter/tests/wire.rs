//! Hosts that answer badly, slowly, half or not at all.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use juggernaut_core::base::secret::Secret;
use juggernaut_core::port::llm::{ChatAnswer, ChatRequest, LlmProvider, Message};
use juggernaut_core::{Error, Result};
use juggernaut_openrouter::{OpenRouter, OpenRouterOptions};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wiremock::matchers::{body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const KEY: &str = "sk-canary-0123456789";
const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const HELLO: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"grüß dich\"}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

fn options(base_url: String) -> OpenRouterOptions {
    let api_key = Some(Secret::from(KEY.to_owned()));
    OpenRouterOptions { base_url, api_key, model: "some/model".to_owned(), ..OpenRouterOptions::default() }
}

fn provider(base_url: String) -> OpenRouter {
    OpenRouter::new(options(base_url)).unwrap()
}

fn request() -> ChatRequest {
    ChatRequest {
        model: None,
        messages: vec![Message::User { content: "hi".to_owned() }],
        tools: vec![],
        response_schema: None,
        max_tokens: 10,
        timeout: Duration::from_secs(20),
    }
}

/// Both ways of asking.
async fn both(provider: &OpenRouter) -> [Result<ChatAnswer>; 2] {
    [provider.complete(&request()).await, provider.stream(&request(), &mut |_| ()).await]
}

fn reason(result: Result<ChatAnswer>) -> (Error, String) {
    let error = result.unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("canary"), "{text}");
    (error, text)
}

/// A host that sends these bytes in these pieces to every caller, and then closes or hangs.
async fn raw(pieces: Vec<Vec<u8>>, hangs: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let pieces = pieces.clone();
            tokio::spawn(async move {
                caller.set_nodelay(true).unwrap();
                read_request(&mut caller).await;
                for piece in pieces {
                    if caller.write_all(&piece).await.is_err() {
                        return;
                    }
                    tokio::task::yield_now().await;
                }
                if hangs {
                    // Until the caller gives up.
                    let _gone = caller.read(&mut [0]).await;
                }
            });
        }
    });
    base_url
}

async fn read_request(caller: &mut TcpStream) {
    let mut seen = Vec::new();
    let mut byte = [0; 1024];
    while !seen.ends_with(b"}") {
        let read = caller.read(&mut byte).await.unwrap();
        seen.extend_from_slice(&byte[..read]);
        if read == 0 || seen.starts_with(b"GET") {
            return;
        }
    }
}

async fn host(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/v1/chat/completions")).respond_with(template).mount(&server).await;
    server
}

fn v1(server: &MockServer) -> String {
    format!("{}/v1", server.uri())
}

#[tokio::test]
async fn a_trickled_stream_is_read_whole() {
    let bytes = [SSE, ": OPENROUTER PROCESSING\n\n", HELLO, FINISH, "data: [DONE]\n\n"].concat();
    let base = raw(bytes.bytes().map(|byte| vec![byte]).collect(), false).await;
    let answer = provider(base).stream(&request(), &mut |_| ()).await.unwrap();
    assert_eq!(answer.content, "grüß dich");
}

#[tokio::test]
async fn a_stream_that_breaks_before_its_end_is_transient_and_after_it_an_answer() {
    let cut = raw(vec![[SSE, HELLO].concat().into_bytes()], false).await;
    let (error, text) = reason(provider(cut).stream(&request(), &mut |_| ()).await);
    assert!(matches!(error, Error::Transient { .. }) && text.contains("cut off before its end"), "{text}");

    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let broken = |events: &str| vec![format!("{chunked}{:x}\r\n{events}\r\n", events.len()).into_bytes()];
    let base = raw(broken(HELLO), false).await;
    let (error, text) = reason(provider(base).stream(&request(), &mut |_| ()).await);
    assert!(matches!(error, Error::Transient { .. }) && text.contains("connection broke"), "{text}");

    let base = raw(broken(&[HELLO, FINISH].concat()), false).await;
    let answer = provider(base).stream(&request(), &mut |_| ()).await.unwrap();
    assert_eq!(answer.content, "grüß dich");
}

#[tokio::test]
async fn a_whole_answer_that_is_cut_is_transient() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":";
    for result in both(&provider(raw(vec![head.into()], false).await)).await {
        let (error, text) = reason(result);
        assert!(matches!(error, Error::Transient { .. }) && text.contains("cannot read the answer"), "{text}");
    }
}

#[tokio::test]
async fn silence_ends_at_the_time_limits() {
    let begun = Instant::now();
    let mute = raw(vec![], true).await;
    let short = ChatRequest { timeout: Duration::from_millis(200), ..request() };
    let (error, text) = reason(provider(mute.clone()).complete(&short).await);
    assert!(matches!(error, Error::Transient { .. }) && text.contains("within 0.2 s"), "{text}");

    let capped = OpenRouterOptions { request_timeout: Duration::from_millis(100), ..options(mute) };
    let capped = OpenRouter::new(capped).unwrap();
    for result in both(&capped).await {
        let (error, text) = reason(result);
        assert!(matches!(error, Error::Transient { .. }) && text.contains("within 0.1 s"), "{text}");
    }
    assert!(matches!(capped.check().await, Err(Error::Transient { .. })));

    let stuck = raw(vec![[SSE, HELLO].concat().into_bytes()], true).await;
    let idle = OpenRouterOptions { idle_timeout: Duration::from_millis(200), ..options(stuck) };
    let (error, text) = reason(OpenRouter::new(idle).unwrap().stream(&request(), &mut |_| ()).await);
    assert!(matches!(error, Error::Transient { .. }) && text.contains("nothing came for 0.2 s"), "{text}");
    assert!(begun.elapsed() < Duration::from_secs(15), "no limit was waited past");
}

#[tokio::test]
async fn errors_with_status_200_are_errors() {
    for (code, right) in [
        (json!(429), (|e| matches!(e, Error::Transient { .. })) as fn(&Error) -> bool),
        (json!(402), |e| matches!(e, Error::Denied { .. })),
        (json!("server_error"), |e| matches!(e, Error::Transient { .. })),
    ] {
        let body = json!({ "error": { "code": code, "message": "upstream says no" } });
        let whole = host(ResponseTemplate::new(200).set_body_json(&body)).await;
        for result in both(&provider(v1(&whole))).await {
            let (error, text) = reason(result);
            assert!(right(&error) && text.contains("upstream says no"), "{code}: {text}");
        }
        let event = raw(vec![format!("{SSE}{HELLO}data: {body}\n\n").into_bytes()], false).await;
        let (error, text) = reason(provider(event).stream(&request(), &mut |_| ()).await);
        assert!(right(&error) && text.contains("upstream says no"), "{code}: {text}");
    }
}

#[tokio::test]
async fn retry_after_is_passed_on_in_both_forms() {
    let in_a_minute = std::time::SystemTime::now() + Duration::from_secs(60);
    let date = chrono::DateTime::<chrono::Utc>::from(in_a_minute).format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (value, about) in [("60".to_owned(), 60..=60), (date, 55..=60)] {
        let server = host(ResponseTemplate::new(429).insert_header("retry-after", value.as_str())).await;
        for result in both(&provider(v1(&server))).await {
            let Err(Error::Transient { retry_after: Some(after), .. }) = result else { panic!("{value}: {result:?}") };
            assert!(about.contains(&after.as_secs()), "{value}: {after:?}");
        }
    }
}

#[tokio::test]
async fn an_answer_without_end_is_stopped() {
    let flood = "x".repeat(9 * 1024 * 1024);
    let whole = host(ResponseTemplate::new(200).set_body_string(flood.clone())).await;
    for result in both(&provider(v1(&whole))).await {
        let (error, text) = reason(result);
        assert!(matches!(error, Error::Transient { .. }) && text.contains("larger than 8 MiB"), "{text}");
        assert!(text.len() < 1000);
    }
    let event = raw(vec![SSE.into(), b"data: ".to_vec(), flood.clone().into_bytes()], false).await;
    let (error, text) = reason(provider(event).stream(&request(), &mut |_| ()).await);
    assert!(matches!(error, Error::Transient { .. }) && text.contains("larger than 8 MiB"), "{text}");
    let failing = host(ResponseTemplate::new(400).set_body_string(flood)).await;
    for result in both(&provider(v1(&failing))).await {
        let (error, text) = reason(result);
        assert!(matches!(error, Error::Invalid { .. }) && text.len() < 1000, "{text}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_goes_nowhere() {
    let other = MockServer::start().await;
    let to = format!("{}/v1/chat/completions", other.uri());
    for status in [301, 302, 307, 308] {
        let server = host(ResponseTemplate::new(status).insert_header("location", to.as_str())).await;
        for result in both(&provider(v1(&server))).await {
            let (error, text) = reason(result);
            assert!(matches!(error, Error::Invalid { .. }) && text.contains("correct the base URL"), "{text}");
        }
    }
    assert_eq!(other.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn nobody_listening_is_transient() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let provider = provider(base);
    for result in both(&provider).await {
        let (error, text) = reason(result);
        assert!(matches!(error, Error::Transient { .. }) && text.contains("cannot reach 127.0.0.1:"), "{text}");
    }
    assert!(matches!(provider.check().await, Err(Error::Transient { .. })));
}

#[tokio::test]
async fn a_key_echoed_back_is_not_repeated() {
    let said = format!("Incorrect API key provided: {KEY}");
    let server = host(ResponseTemplate::new(401).set_body_json(json!({ "error": { "message": said } }))).await;
    for result in both(&provider(v1(&server))).await {
        let (error, text) = reason(result);
        assert!(matches!(error, Error::Denied { .. }) && text.contains("check OPENROUTER_API_KEY"), "{text}");
    }
    assert!(!format!("{:?}", provider(v1(&server))).contains("canary"));
}

#[tokio::test]
async fn the_key_goes_out_as_a_bearer_and_none_when_there_is_none() {
    let server = MockServer::start().await;
    let models = || Mock::given(method("GET")).and(path("/v1/models"));
    let right = models().and(header("authorization", format!("Bearer {KEY}").as_str()));
    right.respond_with(ResponseTemplate::new(200)).with_priority(1).mount(&server).await;
    models().respond_with(ResponseTemplate::new(401)).mount(&server).await;
    provider(v1(&server)).check().await.unwrap();
    let keyless = OpenRouterOptions { api_key: None, ..options(v1(&server)) };
    let Err(Error::Denied { reason }) = OpenRouter::new(keyless).unwrap().check().await else { panic!("taken") };
    assert!(reason.contains("set OPENROUTER_API_KEY"), "{reason}");
    let keyless = &server.received_requests().await.unwrap()[1];
    assert!(!keyless.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_host_that_does_not_stream_still_answers() {
    let body = json!({ "choices": [{ "message": { "content": "whole" }, "finish_reason": "stop" }] });
    let server = MockServer::start().await;
    let streamed = Mock::given(body_partial_json(json!({ "stream": true, "model": "named/one" })));
    streamed.respond_with(ResponseTemplate::new(200).set_body_json(body)).mount(&server).await;
    let mut deltas = Vec::new();
    let asked = ChatRequest { model: Some("named/one".to_owned()), ..request() };
    let answer = provider(v1(&server)).stream(&asked, &mut |delta| deltas.push(delta)).await.unwrap();
    assert_eq!((answer.content.as_str(), answer.model.as_str(), deltas.len()), ("whole", "named/one", 1));
}

#[test]
fn it_is_described_by_host_and_model_alone() {
    assert_eq!(provider("https://openrouter.ai/api/v1".to_owned()).describe(), "openrouter.ai model some/model");
}
