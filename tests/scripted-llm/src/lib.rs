//! A language model server on loopback that answers from a script, in the words of chat completions.
//!
//! The script is the one of [`juggernaut_core::memory::llm`]. Its journal can be kept in a file that outlives the server,
//! so that a test which kills processes can count the answers that were given.

mod journal;
mod wire;

pub use journal::Entry;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use journal::Journal;
use juggernaut_core::memory::llm::ScriptedLlm;
use juggernaut_core::memory::llm::script::Script;
use serde_json::{Value, json};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a server answers, and how.
#[derive(Debug, Default)]
pub struct ServerOptions {
    /// What it answers.
    pub script: Script,
    /// The port on loopback; 0 takes a free one.
    pub port: u16,
    /// How long each answer takes to begin.
    pub delay: Duration,
    /// Where the journal is kept, one JSON object a line; what stands there already counts as used.
    pub journal: Option<PathBuf>,
}

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct ScriptedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<io::Result<()>>,
}

#[derive(Debug)]
struct Shared {
    llm: ScriptedLlm,
    journal: Journal,
    delay: Duration,
}

impl ScriptedServer {
    /// Starts on a free port.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_with(ServerOptions { script, ..ServerOptions::default() }).await
    }

    /// Starts as the options say.
    ///
    /// # Errors
    /// When the port cannot be had, or the journal cannot be read or written.
    pub async fn start_with(options: ServerOptions) -> io::Result<Self> {
        let journal = Journal::open(options.journal)?;
        let used = journal.entries().into_iter().map(|entry| entry.rule);
        let llm = ScriptedLlm::resume(options.script, used);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { llm, journal, delay: options.delay });
        let app = Router::new()
            .route("/healthz", get(|| async { "ok" }))
            .route(
                "/journal",
                get(|State(shared): State<Arc<Shared>>| async move { axum::Json(shared.journal.entries()) }),
            )
            .fallback(any_prefix)
            .with_state(Arc::clone(&shared));
        let task = tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { address, shared, task })
    }

    /// The base URL to configure.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Everything that a rule answered so far, also before this server started.
    #[must_use]
    pub fn journal(&self) -> Vec<Entry> {
        self.shared.journal.entries()
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn run(mut self) -> io::Result<()> {
        (&mut self.task).await.map_err(io::Error::other)?
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn any_prefix(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let path = uri.path();
    if method == Method::GET && path.ends_with("/models") {
        return axum::Json(json!({ "object": "list", "data": [{ "id": "scripted", "object": "model" }] }))
            .into_response();
    }
    if method == Method::POST && path.ends_with("/chat/completions") {
        return shared.answer(&body).await;
    }
    wire::error(StatusCode::NOT_FOUND, &format!("there is no {method} {path} here"))
}

impl Shared {
    async fn answer(&self, body: &[u8]) -> Response {
        let asked: Value = match serde_json::from_slice(body) {
            Ok(asked) => asked,
            Err(error) => return wire::error(StatusCode::BAD_REQUEST, &format!("the request is not JSON: {error}")),
        };
        let request = match wire::request(&asked) {
            Ok(request) => request,
            Err(why) => return wire::error(StatusCode::BAD_REQUEST, &why),
        };
        let (played, reply) = match self.llm.play(&request) {
            Ok(played) => played,
            Err(error) => return wire::error(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        // Written before it is answered: an answer that a client saw is always in the journal.
        if let Err(error) = self.journal.add(&played) {
            return wire::error(StatusCode::INTERNAL_SERVER_ERROR, &format!("the journal cannot be written: {error}"));
        }
        tokio::time::sleep(self.delay).await;
        wire::respond(&self.llm, &played, &reply, asked.get("stream") == Some(&Value::Bool(true)))
    }
}
