//! Answers that no call waits for.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::current;
use crate::reply::Reply;
use crate::slot;

impl<T: Send + 'static> Reply<T> {
    /// A reply to no call, and its answer: for who brings requests to servers by other ways than their addresses, such as a pool.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Reply;
    ///
    /// let (reply, answer) = Reply::pair();
    /// std::thread::spawn(move || reply.send(42));
    /// assert_eq!(futures_lite::future::block_on(answer), Some(42));
    ///
    /// let (reply, answer) = Reply::<u32>::pair();
    /// drop(reply);
    /// assert_eq!(futures_lite::future::block_on(answer), None);
    /// ```
    pub fn pair() -> (Self, Answer<T>) {
        let (reply, answer) = Reply::channel();
        (reply, Answer(answer))
    }
}

/// The answer that a [`Reply::pair`] sends: a future, ready with `None` if the reply was dropped unanswered.
///
/// # Cancel safety
/// Dropping it abandons the answer. Polled once more after it was ready, it gives `None`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Reply};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let (reply, answer) = Reply::pair();
///     ctx.spawn(|ctx: Context<()>| async move {
///         ctx.sleep(Duration::from_secs(60)).await;
///         reply.send("here it is");
///     });
///     let in_time = ctx.sleep(Duration::from_secs(5)).limit(answer).await;
///     assert_eq!(in_time, None); // The answer was dropped, and what comes later reaches nobody.
/// });
/// ```
#[must_use = "dropping it abandons the answer"]
pub struct Answer<T>(slot::Receiver<T>);

impl<T: Send + 'static> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(current::poll_budget(cx));
        current::spend();
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}
