//! Whom a mailbox wakes.

use std::task::Waker;

/// Who waits for the next push.
#[derive(Debug, Default)]
pub(crate) enum Consumer {
    #[default]
    Nobody,
    /// The process's task, whose waker the process has.
    Task,
    /// Something within the task that has a waker of its own; boxed, for that is rare.
    Other(Box<Waker>),
}

impl Consumer {
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}
