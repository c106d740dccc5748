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

/// The way into a mailbox, with a place in the line before it where it has no room.
///
/// # Cancel safety
/// Dropping it lets the next sender have its place.
pub(crate) struct Way<'a, M: Send + 'static> {
    process: Resolved<'a, M>,
    turn: Option<Turn>,
}

impl<'a, M: Send + 'static> Way<'a, M> {
    #[inline]
    pub(crate) fn new(process: Resolved<'a, M>) -> Self {
        Way { process, turn: None }
    }

    #[inline]
    pub(crate) fn process(&self) -> &Process<M> {
        &self.process
    }

    /// Brings the message into the mailbox. It stays where it is as long as it has to wait for room.
    #[inline]
    pub(crate) fn poll_send(&mut self, message: &mut Option<M>, cx: &mut Context<'_>) -> Poll<Result<(), Refused<M>>> {
        let Some(taken) = message.take() else {
            return Poll::Ready(Ok(()));
        };
        match self.process.push_in_turn(taken, &mut self.turn, cx.waker()) {
            Err(Refused::Full(refused)) if self.process.makes_senders_wait => {
                *message = Some(refused);
                Poll::Pending
            }
            sent => Poll::Ready(sent),
        }
    }
}

impl<M: Send + 'static> Drop for Way<'_, M> {
    #[inline]
    fn drop(&mut self) {
        if let Some(turn) = self.turn {
            self.process.leave_line(turn);
        }
    }
}

/// Ready once the mailbox has the message, or with the message if the process has ended or its mailbox rejects it.
///
/// # Cancel safety
/// Dropping it drops the message, and lets the next sender have its place.
#[must_use = "futures do nothing unless they are awaited"]
pub(crate) struct Sending<'a, M: Send + 'static> {
    way: Way<'a, M>,
    message: Option<M>,
}

impl<'a, M: Send + 'static> Sending<'a, M> {
    pub(crate) fn new(process: Resolved<'a, M>, message: M) -> Self {
        Sending { way: Way::new(process), message: Some(message) }
    }
}

// The message is moved, never pinned.
impl<M: Send + 'static> Unpin for Sending<'_, M> {}

impl<M: Send + 'static> Future for Sending<'_, M> {
    type Output = Result<(), Refused<M>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.message.is_some() {
            ready!(current::poll_budget(cx));
            current::spend();
        }
        this.way.poll_send(&mut this.message, cx)
    }
}
