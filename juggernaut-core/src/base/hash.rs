//! Content hashes over canonical JSON: the same value gives the same hash on every machine.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt;

/// A SHA-256 in lowercase hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The hash of raw bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// The hash of a value's canonical JSON: keys sorted at every depth, no white space.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] when the value cannot be written as JSON.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> crate::Result<Self> {
        let value = serde_json::to_value(value)
            .map_err(|e| crate::Error::invalid(format!("value cannot be written as JSON: {e}")))?;
        let mut text = String::new();
        write_canonical(&value, &mut text);
        Ok(Self::of_bytes(text.as_bytes()))
    }

    /// Wraps a hash read from a store.
    #[must_use]
    pub fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// The hex text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

// serde_json sorts keys only while nobody in the build turns on `preserve_order`, so the order is made here.
fn write_canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::String(key.clone()).to_string());
                out.push(':');
                write_canonical(&map[key], out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_canonical(item, out);
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_order_of_keys_does_not_matter_and_every_byte_does() {
        let a: Value = serde_json::from_str(r#"{"b":[1,{"y":1,"x":2}],"a":"t"}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"a":"t","b":[1,{"x":2,"y":1}]}"#).unwrap();
        assert_eq!(Digest::of(&a).unwrap(), Digest::of(&b).unwrap());
        assert_ne!(Digest::of(&a).unwrap(), Digest::of(&json!({"a":"u","b":[1,{"x":2,"y":1}]})).unwrap());
    }
}
