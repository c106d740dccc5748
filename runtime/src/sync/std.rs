//! Threads as the operating system runs them.

pub(super) use std::sync::Mutex;
pub(crate) use std::sync::{Condvar, MutexGuard, atomic};
pub(crate) use std::thread_local as per_thread;
