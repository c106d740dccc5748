//! What a callback asks of the behaviour that runs it.
//!
//! A process that asks for nothing has no room for it.

use std::fmt;
use std::time::{Duration, Instant};

use super::Context;
use crate::exit::ExitReason;
use crate::reply::Reply;
use crate::sync::Lock;

impl<M: Send + 'static> Context<M> {
    /// Asks the behaviour that runs this process to handle `message` next, before anything that waits in the mailbox;
    /// OTP's `{continue, Term}`. The last one asked for in a callback counts.
    pub fn continue_with(&mut self, message: M) {
        self.wish().continue_with = Some(message);
    }

    /// Asks the behaviour that runs this process to handle `message` when nothing has come for `timeout` after this callback;
    /// OTP's `{timeout, Time, Content}`.
    ///
    /// Whatever is handled before cancels it; a system message does not. A timeout of zero is not waited for: `message` is
    /// handled next, before all that waits. The last one asked for in a callback counts.
    pub fn idle_timeout(&mut self, timeout: Duration, message: M) {
        let at = (!timeout.is_zero()).then(|| self.system.shared.timers.after(timeout));
        self.wish().idle_timeout = Some(IdleTimeout { at, message });
    }

    /// As [`idle_timeout`](Self::idle_timeout), when nothing has come by `at`, an instant of the system's clock; OTP's option
    /// `{abs, true}`. If that has passed, what waits in the mailbox goes first.
    pub fn idle_timeout_at(&mut self, at: Instant, message: M) {
        self.wish().idle_timeout = Some(IdleTimeout { at: Some(at), message });
    }

    /// Stops the behaviour that runs this process with `reason`, and answers `reply` with `value` when `terminate` has returned,
    /// or has panicked; OTP's `{stop, Reason, Reply, State}`. To be returned: `return ctx.stop_with_reply(…)`.
    ///
    /// # Errors
    /// Always `reason`.
    ///
    /// # Examples
    ///
    /// See the book's chapter on `GenServer`.
    pub fn stop_with_reply<T: Send + 'static>(
        &mut self,
        reason: ExitReason,
        reply: Reply<T>,
        value: T,
    ) -> Result<(), ExitReason> {
        self.wish().answer_at_end = Some(AnswerAtEnd(Lock::new(Some(Box::new(move || reply.send(value))))));
        Err(reason)
    }

    /// For behaviours: what callbacks have asked for since this was called last.
    #[inline]
    pub fn take_wishes(&mut self) -> Option<Box<Wishes<M>>> {
        self.wishes.take()
    }

    fn wish(&mut self) -> &mut Wishes<M> {
        self.wishes.get_or_insert_default()
    }
}

/// What a callback has asked of the behaviour that runs it, to be done once it has returned; for behaviours, which
/// [take](Context::take_wishes) it.
#[non_exhaustive]
pub struct Wishes<M> {
    /// To be handled next, before anything from the mailbox.
    pub continue_with: Option<M>,
    /// To be handled if nothing else comes by then.
    pub idle_timeout: Option<IdleTimeout<M>>,
    /// Sends an answer, to be called when the process has cleaned up.
    pub answer_at_end: Option<AnswerAtEnd>,
}

/// An answer that waits until its process has cleaned up; made by [`Context::stop_with_reply`].
pub struct AnswerAtEnd(Lock<Option<Box<dyn FnOnce() + Send>>>);

impl AnswerAtEnd {
    /// Answers the call.
    pub fn send(self) {
        let send = self.0.lock().take();
        if let Some(send) = send {
            send();
        }
    }
}

impl fmt::Debug for AnswerAtEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnswerAtEnd")
    }
}

/// A message for when nothing comes.
#[derive(Debug)]
pub struct IdleTimeout<M> {
    /// When; `None` if at once, before all that waits.
    pub at: Option<Instant>,
    /// What is handled then.
    pub message: M,
}

impl<M> Default for Wishes<M> {
    fn default() -> Self {
        Wishes { continue_with: None, idle_timeout: None, answer_at_end: None }
    }
}

impl<M> fmt::Debug for Wishes<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wishes")
    }
}
