//! Text from outside carries a label, and the label only rises.

use serde::{Deserialize, Serialize};

/// Text that somebody outside may have written: tool results, files, pages, other agents' messages.
/// It has no `Display`, so it cannot slip into a prompt, a query or a shell by formatting.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Untrusted<T>(T);

impl<T> Untrusted<T> {
    /// Labels a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
    /// Hands the value to code that treats it as data only.
    pub const fn as_data(&self) -> &T {
        &self.0
    }
    /// Unwraps the value for code that treats it as data only.
    pub fn into_data(self) -> T {
        self.0
    }
}

impl<T> std::fmt::Debug for Untrusted<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Untrusted(..)")
    }
}
