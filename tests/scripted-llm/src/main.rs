//! Serves a script until it is killed; the first line on stdout says where.

use clap::Parser;
use juggernaut_scripted_llm::{ScriptedServer, ServerOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

/// A chat completions server on loopback that answers from a script.
#[derive(Parser)]
struct Arguments {
    /// The script, a JSON file.
    script: PathBuf,
    /// The port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Milliseconds before each answer.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// A file that keeps the journal over restarts.
    #[arg(long)]
    journal: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let text = std::fs::read_to_string(&arguments.script)
        .map_err(|e| io::Error::new(e.kind(), format!("cannot read {}: {e}", arguments.script.display())))?;
    let script = serde_json::from_str(&text)
        .map_err(|e| io::Error::other(format!("{} is not a script: {e}", arguments.script.display())))?;
    let delay = Duration::from_millis(arguments.delay_ms);
    let options = ServerOptions { script, port: arguments.port, delay, journal: arguments.journal };
    let server = ScriptedServer::start_with(options).await?;
    let mut stdout = io::stdout();
    writeln!(stdout, "listening {}", server.base_url())?;
    stdout.flush()?;
    server.run().await
}
