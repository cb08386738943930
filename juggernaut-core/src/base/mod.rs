//! Words everyone uses. Nothing here decides, waits or reaches outside.

pub mod change;
pub mod effect;
pub mod error;
pub mod hash;
pub mod id;
pub mod money;
pub mod risk;
pub mod secret;
pub mod time;
pub mod trust;
