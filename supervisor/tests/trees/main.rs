//! Trees in files: what is read, what is refused, how they run and change.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod common;

mod checking;
mod layers;
mod reloading;
mod running;
