use super::*;
use futures::stream;
use juggernaut_core::port::llm::Message;
use proptest::prelude::*;

fn provider() -> OpenRouter {
    OpenRouter::new(OpenRouterOptions { model: "some/model".to_owned(), ..OpenRouterOptions::default() }).unwrap()
}

fn request() -> ChatRequest {
    ChatRequest {
        model: None,
        messages: vec![Message::User { content: "hi".to_owned() }],
        tools: vec![],
        response_schema: None,
        max_tokens: 10,
        timeout: Duration::from_secs(5),
    }
}

/// Reads a stream that comes in these chunks.
fn read(chunks: Vec<Vec<u8>>) -> (Result<ChatAnswer>, String) {
    let chunks = stream::iter(chunks.into_iter().map(|chunk| Ok(Bytes::from(chunk))));
    let mut text = String::new();
    let mut on_delta = |delta| {
        if let Delta::Content(more) = delta {
            text.push_str(&more);
        }
    };
    let answer = futures::executor::block_on(provider().read_stream(chunks, &request(), &mut on_delta));
    (answer, text)
}

const EVENTS: &str = concat!(
    ": OPENROUTER PROCESSING\n\n",
    "data: {\"id\":\"gen-1\",\"model\":\"some/model\",\"choices\":[{\"delta\":{\"content\":\"wörld 你好 🎉 \"}}]}\n\n",
    ": OPENROUTER PROCESSING\r\n\r\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"e\\u0301nd\"}}]}\r\n\r\n",
    "event: message\ndata: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"c\",",
    "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"ü\\\":\"}}]}}]}\n\n",
    "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"1}\"}}]},",
    "\"finish_reason\":\"tool_calls\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"cost\":0.0015}}\n\n",
    "data: [DONE]\n\n",
);

fn cut_at(bytes: &[u8], mut cuts: Vec<usize>) -> Vec<Vec<u8>> {
    cuts.sort_unstable();
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let mut begin = 0;
    ends.map(|end| bytes[std::mem::replace(&mut begin, end)..end].to_vec()).collect()
}

#[test]
fn one_chunk_gives_the_answer() {
    let (answer, text) = read(vec![EVENTS.as_bytes().to_vec()]);
    let answer = answer.unwrap();
    assert_eq!((answer.content.as_str(), answer.id.as_str()), ("wörld 你好 🎉 e\u{301}nd", "gen-1"));
    assert_eq!(answer.tool_calls[0].arguments, "{\"ü\":1}");
    assert_eq!(answer.usage.cost, Some(juggernaut_core::base::money::Micros(1500)));
    assert_eq!(text, answer.content);
}

#[test]
fn one_byte_at_a_time_gives_the_answer() {
    let bytes = EVENTS.as_bytes().iter().map(|byte| vec![*byte]).collect();
    assert_eq!(read(bytes).0.unwrap(), read(vec![EVENTS.as_bytes().to_vec()]).0.unwrap());
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_answer(cuts in prop::collection::vec(0..EVENTS.len(), 0..40)) {
        let whole = read(vec![EVENTS.as_bytes().to_vec()]);
        let pieces = read(cut_at(EVENTS.as_bytes(), cuts));
        prop_assert_eq!(pieces.0.unwrap(), whole.0.unwrap());
        prop_assert_eq!(pieces.1, whole.1);
    }

    #[test]
    fn a_stream_that_ends_before_its_finish_is_transient(end in 0..EVENTS.find("data: {\"choices\":[],").unwrap()) {
        // Two bytes less than the whole event: without its empty line an event has not come.
        let (answer, _) = read(vec![EVENTS.as_bytes()[..end.saturating_sub(2)].to_vec()]);
        prop_assert!(matches!(answer, Err(Error::Transient { .. })), "{:?}", answer);
    }

    #[test]
    fn bytes_of_any_kind_give_an_answer_or_an_error(noise in prop::collection::vec(any::<u8>(), 0..200), at in 0..EVENTS.len()) {
        let mut bytes = EVENTS.as_bytes().to_vec();
        bytes.splice(at..at, noise);
        let (answer, _) = read(vec![bytes]);
        prop_assert!(matches!(answer, Ok(_) | Err(Error::Transient { .. })), "{:?}", answer);
    }
}
