//! The wait for an instant.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use pin_project_lite::pin_project;

use super::Timers;
use crate::current;
use crate::pid::TimerRef;

/// Waits until an instant of the system's clock; made by [`Context::sleep`](crate::Context::sleep).
///
/// # Cancel safety
/// Dropping it forgets the timer.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(1);
/// test.run(|ctx: Context<()>| async move {
///     let egg = ctx.sleep(Duration::from_secs(300)); // It runs from here on, though nobody waits yet.
///     ctx.sleep(Duration::from_secs(200)).await; // The toast.
///     egg.await;
/// });
/// assert_eq!(test.elapsed(), Duration::from_secs(300));
/// ```
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Sleep {
    timers: Arc<Timers>,
    at: Instant,
    pending: Option<TimerRef>,
    /// As a limit it has begun to count, and needed no timer at first.
    has_waited_a_turn: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.timers.now() >= self.at {
            ready!(current::poll_budget(cx));
            current::spend();
            return Poll::Ready(());
        }
        self.arm(cx.waker());
        Poll::Pending
    }
}

impl Sleep {
    pub(super) fn new(timers: Arc<Timers>, at: Instant) -> Self {
        Sleep { timers, at, pending: None, has_waited_a_turn: false }
    }

    /// Waits for `future`, but no longer than this: `None` if the time is over first.
    ///
    /// What is ready at once counts, however short the time.
    ///
    /// Most such waits are over in no time. So a process that begins one of more than fifty milliseconds sets no timer, until the
    /// turn of the worker that runs it has ended.
    ///
    /// # Cancel safety
    /// As cancel-safe as `future`, which is dropped when the time is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future;
    /// use std::time::Duration;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let minute = Duration::from_secs(60);
    ///     assert_eq!(ctx.sleep(minute).limit(future::ready("tea")).await, Some("tea"));
    ///     assert_eq!(ctx.sleep(minute).limit(future::pending::<&str>()).await, None);
    /// });
    /// ```
    pub fn limit<T>(self, future: impl Future<Output = T>) -> impl Future<Output = Option<T>> {
        Limited { sleep: self, future }
    }

    /// Ready once the time is over: [`limit`](Self::limit) for a future written by hand, to be called in each poll in which what
    /// it waits for is not ready.
    ///
    /// As there, no timer may be set until the worker's turn has ended; of one `Sleep`, this is so for the first wait only.
    ///
    /// # Cancel safety
    /// As [`Sleep`] itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::poll_fn;
    /// use std::pin::pin;
    /// use std::task::Poll;
    /// use std::time::Duration;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let mut limit = ctx.sleep(Duration::from_secs(60));
    ///     let mut message = pin!(ctx.receive_message());
    ///     let outcome = poll_fn(|cx| match message.as_mut().poll(cx) {
    ///         Poll::Ready(message) => Poll::Ready(Ok(message)),
    ///         Poll::Pending => limit.poll_limit(cx).map(|()| Err("too late")),
    ///     });
    ///     assert_eq!(outcome.await, Err("too late"));
    /// });
    /// ```
    pub fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.has_waited_a_turn && self.can_wait_a_turn(cx.waker()) {
            self.has_waited_a_turn = true;
            return Poll::Pending;
        }
        Pin::new(self).poll(cx)
    }

    /// Whether who waits needs no timer yet, for it is polled once more when this turn ends.
    fn can_wait_a_turn(&self, waker: &Waker) -> bool {
        self.timers.is_after_turn(self.at) && current::wait_a_turn(waker)
    }

    fn arm(&mut self, waker: &Waker) {
        if self.pending.is_some_and(|timer| self.timers.will_wake(timer, waker)) {
            return;
        }
        self.forget();
        self.pending = Some(self.timers.set_wake(self.at, waker.clone()));
    }

    fn forget(&mut self) {
        if let Some(timer) = self.pending.take() {
            self.timers.forget(timer);
        }
    }
}

pin_project! {
    // An async function would keep room for what it is given twice.
    struct Limited<F> {
        sleep: Sleep,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Limited<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending => this.sleep.poll_limit(cx).map(|()| None),
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}
