//! Secrets that never print: `Debug` shows a placeholder, there is no `Display`, and memory is wiped on drop.

pub use secrecy::{ExposeSecret, SecretString as Secret};
