//! The port's suite, over HTTP against a scripted server.

use juggernaut_core::conformance::llm;
use juggernaut_openrouter::{OpenRouter, OpenRouterOptions};
use juggernaut_scripted_llm::ScriptedServer;

#[tokio::test]
async fn conforms_over_http() {
    let server = ScriptedServer::start(llm::script()).await.unwrap();
    let options =
        OpenRouterOptions { base_url: server.base_url(), model: "scripted".to_owned(), ..OpenRouterOptions::default() };
    llm::run(&OpenRouter::new(options).unwrap()).await;
    let journal = server.journal();
    assert!(journal.len() > 20, "the answers came from the server: {journal:?}");
}
