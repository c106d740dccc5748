//! A message on its way into a mailbox that may have no room for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::current;
use crate::process::{Process, Refused};
use crate::room::Turn;

/// Ready once the mailbox has the message, or with the message if the process has ended or its mailbox rejects it.
///
/// # Cancel safety
/// Dropping it drops the message, and lets the next sender have its place.
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct Sending<M: Send + 'static> {
    process: Arc<Process<M>>,
    message: Option<M>,
    turn: Option<Turn>,
}

impl<M: Send + 'static> Sending<M> {
    pub(crate) fn new(process: Arc<Process<M>>, message: M) -> Self {
        Sending { process, message: Some(message), turn: None }
    }

    pub(crate) fn process(&self) -> &Arc<Process<M>> {
        &self.process
    }
}

// The message is moved, never pinned.
impl<M: Send + 'static> Unpin for Sending<M> {}

impl<M: Send + 'static> Future for Sending<M> {
    type Output = Result<(), Refused<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.message.is_some() {
            ready!(current::poll_budget(cx));
        }
        let Some(message) = this.message.take() else {
            return Poll::Ready(Ok(()));
        };
        current::spend();
        match this.process.push_in_turn(message, &mut this.turn, cx.waker()) {
            Err(Refused::Full(message)) if this.process.mailbox.makes_senders_wait() => {
                this.message = Some(message);
                Poll::Pending
            }
            sent => Poll::Ready(sent),
        }
    }
}

impl<M: Send + 'static> Drop for Sending<M> {
    fn drop(&mut self) {
        if let Some(turn) = self.turn {
            self.process.leave_line(turn);
        }
    }
}
