//! Whom a mailbox wakes.

use std::task::Waker;

/// Who waits for the next push.
#[derive(Debug)]
pub(crate) enum Consumer {
    Nobody,
    /// The process's task, whose waker the process has.
    Task,
    /// Something within the task that has a waker of its own.
    Other(Waker),
}
