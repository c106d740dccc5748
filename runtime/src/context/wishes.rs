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
    ///
    /// # Examples
    ///
    /// A callback asks, and the loop that has called it looks what it has asked for:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     ctx.continue_with("fill the cache"); // As `init` of a server may, which answers its starter first.
    ///     let wishes = ctx.take_wishes().expect("there is one");
    ///     assert_eq!(wishes.continue_with, Some("fill the cache"));
    /// });
    /// ```
    pub fn continue_with(&mut self, message: M) {
        self.wish().continue_with = Some(message);
    }

    /// Asks the behaviour that runs this process to handle `message` when nothing has come for `timeout` after this callback;
    /// OTP's `{timeout, Time, Content}`.
    ///
    /// Whatever is handled before cancels it; a system message does not. A timeout of zero is not waited for: `message` is
    /// handled next, before all that waits. The last one asked for in a callback counts.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     ctx.idle_timeout(Duration::from_secs(60), "nobody comes");
    ///     ctx.idle_timeout(Duration::ZERO, "at once"); // The last one counts.
    ///     let wish = ctx.take_wishes().and_then(|wishes| wishes.idle_timeout).expect("there is one");
    ///     assert_eq!((wish.at, wish.message), (None, "at once"));
    /// });
    /// ```
    pub fn idle_timeout(&mut self, timeout: Duration, message: M) {
        let at = (!timeout.is_zero()).then(|| self.process.system.shared.timers.after(timeout));
        self.wish().idle_timeout = Some(IdleTimeout { at, message });
    }

    /// As [`idle_timeout`](Self::idle_timeout), when nothing has come by `at`, an instant of the system's clock; OTP's option
    /// `{abs, true}`. If that has passed, what waits in the mailbox goes first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let closing_time = ctx.system().now() + Duration::from_secs(8 * 3600);
    ///     ctx.idle_timeout_at(closing_time, "close");
    ///     let wish = ctx.take_wishes().and_then(|wishes| wishes.idle_timeout).expect("there is one");
    ///     assert_eq!(wish.at, Some(closing_time));
    /// });
    /// ```
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
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Reply};
    ///
    /// enum Till {
    ///     Close(Reply<u32>),
    /// }
    ///
    /// fn handle(message: Till, ctx: &mut Context<Till>) -> Result<(), ExitReason> {
    ///     let Till::Close(reply) = message;
    ///     ctx.stop_with_reply(ExitReason::Shutdown, reply, 42)
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<Till>| async move {
    ///     let (reply, answer) = Reply::pair();
    ///     assert_eq!(handle(Till::Close(reply), &mut ctx), Err(ExitReason::Shutdown));
    ///     // What the behaviour does when `terminate` has returned:
    ///     ctx.take_wishes().and_then(|wishes| wishes.answer_at_end).expect("it was asked for").send();
    ///     assert_eq!(answer.await, Some(42));
    /// });
    /// ```
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
    ///
    /// # Examples
    ///
    /// The heart of a loop that runs callbacks:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// async fn serve(ctx: &mut Context<u32>) -> u32 {
    ///     let mut sum = 0;
    ///     let mut next = Some(3);
    ///     while let Some(message) = next.take() {
    ///         sum += message;
    ///         if message > 1 {
    ///             ctx.continue_with(message - 1); // This line is the callback's.
    ///         }
    ///         next = ctx.take_wishes().and_then(|wishes| wishes.continue_with);
    ///     }
    ///     sum
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<u32>| async move { assert_eq!(serve(&mut ctx).await, 6) });
    /// ```
    #[inline]
    pub fn take_wishes(&mut self) -> Option<Box<Wishes<M>>> {
        self.seldom.get_mut()?.wishes.take()
    }

    #[inline]
    pub(super) fn has_wishes(&self) -> bool {
        self.seldom.get().is_some_and(|seldom| seldom.wishes.is_some())
    }

    fn wish(&mut self) -> &mut Wishes<M> {
        self.make_seldom().wishes.get_or_insert_default()
    }
}

/// What a callback has asked of the behaviour that runs it, to be done once it has returned; for behaviours, which
/// [take](Context::take_wishes) it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
///     assert!(ctx.take_wishes().is_none(), "a callback that asks for nothing costs nothing");
///     ctx.continue_with("next");
///     ctx.idle_timeout(Duration::from_secs(5), "later");
///     let wishes = ctx.take_wishes().expect("it has asked");
///     assert_eq!(wishes.continue_with, Some("next"));
///     assert!(wishes.idle_timeout.is_some() && wishes.answer_at_end.is_none());
///     assert!(ctx.take_wishes().is_none(), "each is taken once");
/// });
/// ```
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
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// let test = TestSystem::new(1);
/// let server = test.spawn(|mut ctx: Context<Reply<&str>>| async move {
///     let reply = ctx.receive_message().await;
///     let Err(reason) = ctx.stop_with_reply(ExitReason::Shutdown, reply, "all is written") else { unreachable!() };
///     let answer = ctx.take_wishes().and_then(|wishes| wishes.answer_at_end).expect("it has asked for one");
///     // … write all …
///     answer.send();
///     Err(reason)
/// });
/// assert_eq!(test.block_on(server.call(|reply| reply)), Ok("all is written"));
/// assert_eq!(test.block_on(server.exited()), ExitReason::Shutdown);
/// ```
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
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
///     ctx.idle_timeout(Duration::from_secs(60), "nobody comes");
///     let idle = ctx.take_wishes().and_then(|wishes| wishes.idle_timeout).expect("it was asked for");
///     let due = idle.at.expect("it is not for at once");
///     assert!(ctx.receive_incoming_deadline(due).await.is_none());
///     assert_eq!(idle.message, "nobody comes"); // A loop handles it now.
/// });
/// ```
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
