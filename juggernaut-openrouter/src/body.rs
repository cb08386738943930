//! Reading a response's bytes within bounds of size and silence.

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use reqwest::Response;
use std::time::Duration;

/// Most bytes of an answer.
pub(crate) const MAX_BODY: usize = 8 * 1024 * 1024;
/// Most bytes read of an error's body, and the longest wait for them.
const MAX_ERROR_BODY: usize = 64 * 1024;
const ERROR_BODY_WAIT: Duration = Duration::from_secs(5);

/// Why the bytes ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error("the connection broke: {0}")]
    Connection(#[source] reqwest::Error),
    #[error("nothing came for {} s", .0.as_secs_f32())]
    Silent(Duration),
    #[error("it is larger than {} MiB", MAX_BODY / 1024 / 1024)]
    TooLarge,
}

/// The bytes as they come, ended by an error after too many of them or too long a silence.
pub(crate) fn bounded(response: Response, idle: Duration) -> impl Stream<Item = Result<Bytes, Broken>> + Send {
    stream::unfold(Some((response, 0)), move |state| async move {
        let (mut response, read) = state?;
        let chunk = match tokio::time::timeout(idle, response.chunk()).await {
            Err(_) => return Some((Err(Broken::Silent(idle)), None)),
            Ok(Err(error)) => return Some((Err(Broken::Connection(error.without_url())), None)),
            Ok(Ok(chunk)) => chunk?,
        };
        let read = read + chunk.len();
        if read > MAX_BODY {
            return Some((Err(Broken::TooLarge), None));
        }
        Some((Ok(chunk), Some((response, read))))
    })
}

/// All bytes.
pub(crate) async fn whole(response: Response, idle: Duration) -> Result<Vec<u8>, Broken> {
    let mut chunks = std::pin::pin!(bounded(response, idle));
    let mut all = Vec::new();
    while let Some(chunk) = chunks.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all)
}

/// What an error says: as much of it as comes soon, for the status alone tells what to do.
pub(crate) async fn beginning(mut response: Response) -> String {
    let mut all = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            all.extend_from_slice(&chunk);
            if all.len() > MAX_ERROR_BODY {
                all.truncate(MAX_ERROR_BODY);
                break;
            }
        }
    };
    let _in_time = tokio::time::timeout(ERROR_BODY_WAIT, read).await.is_ok();
    String::from_utf8_lossy(&all).into_owned()
}
