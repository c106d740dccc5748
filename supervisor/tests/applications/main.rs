//! Applications: what starts when, what their ends mean, what they are configured with.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod common;
#[path = "../log/mod.rs"]
mod log;

mod ending;
mod environment;
mod starting;
