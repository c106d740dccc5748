//! A message on its way into a mailbox that may have no room for it.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::current;
use crate::process::{Process, Refused};
use crate::room::Turn;

/// The process that an address leads to now.
pub(crate) enum Resolved<'a, M> {
    Fixed(&'a Arc<Process<M>>),
    Found(Arc<Process<M>>),
}

impl<M> Deref for Resolved<'_, M> {
    type Target = Process<M>;

    #[inline]
    fn deref(&self) -> &Process<M> {
        match self {
            Resolved::Fixed(process) => process,
            Resolved::Found(process) => process,
        }
    }
}

/// Ready once the mailbox has the message, or with the message if the process has ended or its mailbox rejects it.
///
/// # Cancel safety
/// Dropping it drops the message, and lets the next sender have its place.
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct Sending<'a, M: Send + 'static> {
    process: Resolved<'a, M>,
    message: Option<M>,
    turn: Option<Turn>,
}

impl<'a, M: Send + 'static> Sending<'a, M> {
    #[inline]
    pub(crate) fn new(process: Resolved<'a, M>, message: M) -> Self {
        Sending { process, message: Some(message), turn: None }
    }

    #[inline]
    pub(crate) fn process(&self) -> &Process<M> {
        &self.process
    }

    /// Brings the message into the mailbox, unless it is there already.
    #[inline]
    pub(crate) fn poll_now(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refused<M>>> {
        let Some(message) = self.message.take() else {
            return Poll::Ready(Ok(()));
        };
        match self.process.push_in_turn(message, &mut self.turn, cx.waker()) {
            Err(Refused::Full(message)) if self.process.makes_senders_wait => {
                self.message = Some(message);
                Poll::Pending
            }
            sent => Poll::Ready(sent),
        }
    }
}

// The message is moved, never pinned.
impl<M: Send + 'static> Unpin for Sending<'_, M> {}

impl<M: Send + 'static> Future for Sending<'_, M> {
    type Output = Result<(), Refused<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.message.is_some() {
            ready!(current::poll_budget(cx));
            current::spend();
        }
        self.poll_now(cx)
    }
}

impl<M: Send + 'static> Drop for Sending<'_, M> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn {
            self.process.leave_line(turn);
        }
    }
}
