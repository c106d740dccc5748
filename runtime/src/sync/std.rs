//! Threads as the operating system runs them.

pub(super) use std::sync::Mutex;
pub(crate) use std::sync::{Condvar, MutexGuard, atomic};
pub(crate) use std::thread_local as per_thread;

use atomic::{AtomicBool, Ordering};

/// Clears a flag that is set before a task is woken, as that task runs: the task's state has ordered the two.
#[inline]
pub(crate) fn clear_woken(flag: &AtomicBool) {
    flag.store(false, Ordering::Relaxed);
}
