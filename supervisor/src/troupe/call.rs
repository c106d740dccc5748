//! A job under way, as its sender waits for it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use super::core::{Refusal, Terms};
use super::error::{JobError, JobFault};
use super::exchange::Exchange;
use super::job::Payload;
use super::offer::{Limit, Offer, Taken, WaitsUntil};
use super::queue::JobId;
use super::stage::Stage;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// A job under way; made by [`TroupeRef::call`](super::TroupeRef::call) and its kin.
///
/// # Cancel safety
/// Nothing is sent before the first poll. Dropping it later withdraws the job if no worker has begun with it; otherwise it is
/// done, and its answer reaches nobody.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{JobFault, TroupeCall};
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().workers(1..=1).start_link(&mut ctx).await.unwrap();
///     bakers.cast(Order::Bread(60)); // The only baker is busy.
///     let hasty: TroupeCall<Order, u64> = bakers.call(|reply| Order::Pizza(12, reply)); // It gives up after 5 s.
///     assert_eq!(hasty.await.unwrap_err().fault, JobFault::Timeout(Duration::from_secs(5)));
///     assert_eq!(bakers.status().withdrawn, 1); // Nobody will bake it.
/// });
/// ```
#[must_use = "futures do nothing unless they are awaited"]
pub struct TroupeCall<M: Send + 'static, T: Send + 'static> {
    stage: Arc<Stage<M>>,
    offer: Offer<M>,
    job: Option<JobId>,
    exchange: Arc<Exchange<T>>,
    /// What is the result if the job is done and has no answer; `None` if that is a fault.
    done: Option<fn() -> T>,
    limit: Limit,
    /// Since it has begun to wait, unless its limit is that there is none.
    waits_until: Option<WaitsUntil>,
}

// Nothing in it is pinned.
impl<M: Send + 'static, T: Send + 'static> Unpin for TroupeCall<M, T> {}

impl<M: Send + 'static, T: Send + 'static> TroupeCall<M, T> {
    pub(super) fn new(
        stage: Arc<Stage<M>>,
        offer: Offer<M>,
        exchange: Arc<Exchange<T>>,
        done: Option<fn() -> T>,
    ) -> Self {
        TroupeCall { stage, offer, job: None, exchange, done, limit: Limit::After(DEFAULT_TIMEOUT), waits_until: None }
    }

    /// Waits at most this long, room in the queue included.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().start_link(&mut ctx).await.unwrap();
    ///     let pizza = bakers.call(|reply| Order::Pizza(12, reply)).timeout(Duration::from_secs(15)).await;
    ///     assert_eq!(pizza, Ok(1)); // Of the first baker.
    /// });
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        self.limit_by(Limit::After(timeout))
    }

    /// Waits until then, by the system's clock.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::JobFault;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().start_link(&mut ctx).await.unwrap();
    ///     let lunch = ctx.system().now() + Duration::from_secs(30);
    ///     assert_eq!(bakers.call(|reply| Order::Pizza(20, reply)).deadline(lunch).await, Ok(1));
    ///     let late = bakers.call(|reply| Order::Pizza(20, reply)).deadline(lunch).await.unwrap_err();
    ///     assert_eq!(late.fault, JobFault::Timeout(Duration::from_secs(10))); // There was no more time.
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(30));
    /// ```
    pub fn deadline(self, deadline: Instant) -> Self {
        self.limit_by(Limit::At(deadline))
    }

    /// Waits for as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.call(|reply| Order::Pizza(3600, reply)).without_timeout().await, Ok(1));
    /// });
    /// ```
    pub fn without_timeout(self) -> Self {
        self.limit_by(Limit::Never)
    }

    /// It counts from the next poll on.
    fn limit_by(mut self, limit: Limit) -> Self {
        (self.limit, self.waits_until) = (limit, None);
        self
    }

    fn poll_result(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, JobFault>> {
        if self.job.is_none() {
            ready!(self.poll_submit(cx))?;
        }
        Poll::Ready(match (ready!(self.exchange.poll(cx)), self.done) {
            (Ok(Some(value)), _) => Ok(value),
            (Ok(None), Some(done)) => Ok(done()),
            (Ok(None), None) => Err(JobFault::Unanswered),
            (Err(fault), _) => Err(fault),
        })
    }

    fn poll_submit(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), JobFault>> {
        let Taken { job, waits_until } = ready!(self.stage.poll_submit(&mut self.offer, cx.waker(), self.limit))?;
        self.job = Some(job);
        // Unless its time counts already: it has waited for room.
        self.waits_until = self.waits_until.take().or(waits_until);
        Poll::Ready(Ok(()))
    }

    /// Waits for room no longer, nor for a job that no worker has begun with.
    fn withdraw(&mut self) {
        self.stage.leave_line(&mut self.offer);
        if let Some(job) = self.job.take() {
            self.stage.withdraw(job);
        }
    }

    fn poll_limit(&mut self, cx: &mut Context<'_>) -> Poll<JobFault> {
        if self.waits_until.is_none() && !matches!(self.limit, Limit::Never) {
            self.waits_until = self.stage.waits_until(self.limit);
        }
        let Some((sleep, timeout)) = &mut self.waits_until else { return Poll::Pending };
        sleep.poll_limit(cx).map(|()| JobFault::Timeout(*timeout))
    }
}

impl<M: Send + 'static, T: Send + 'static> Future for TroupeCall<M, T> {
    type Output = Result<T, JobError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let result = match this.poll_result(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(ready!(this.poll_limit(cx))),
        };
        match result {
            Err(JobFault::Timeout(_)) => this.withdraw(),
            _ => this.job = None,
        }
        Poll::Ready(result.map_err(|fault| this.stage.error(fault)))
    }
}

impl<M: Send + 'static, T: Send + 'static> Drop for TroupeCall<M, T> {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl<M: Send + 'static, T: Send + 'static> fmt::Debug for TroupeCall<M, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TroupeCall").field("is_sent", &self.offer.payload.is_none()).finish_non_exhaustive()
    }
}

impl From<Refusal> for JobFault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full | Refusal::Dropped => JobFault::QueueFull,
            Refusal::Draining => JobFault::Draining,
            Refusal::NotRunning => JobFault::NotRunning,
        }
    }
}

/// A job on its way into a queue that may have no room for it.
pub(super) struct Sending<'a, M: Send + 'static> {
    stage: &'a Stage<M>,
    offer: Offer<M>,
    /// Who sent it has been told that it was taken.
    is_owed: bool,
}

impl<'a, M: Send + 'static> Sending<'a, M> {
    pub(super) fn new(stage: &'a Stage<M>, terms: Terms, message: M) -> Self {
        Sending { stage, offer: Offer::new(terms, Payload::of(message)), is_owed: false }
    }

    /// If this is dropped before the job is sent, it is a dead letter.
    pub(super) fn owed(mut self) -> Self {
        self.is_owed = true;
        self
    }
}

impl<M: Send + 'static> Unpin for Sending<'_, M> {}

impl<M: Send + 'static> Future for Sending<'_, M> {
    /// The message again, if it was refused.
    type Output = Result<(), (M, Refusal)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Sending { stage, offer, .. } = &mut *self;
        let outcome = ready!(stage.poll_submit(offer, cx.waker(), Limit::Never));
        Poll::Ready(outcome.map(drop).map_err(|refusal| (offer.refused(), refusal)))
    }
}

impl<M: Send + 'static> Drop for Sending<'_, M> {
    fn drop(&mut self) {
        self.stage.leave_line(&mut self.offer);
        if let Some(message) = self.offer.take_message().filter(|_| self.is_owed) {
            self.stage.bury(message, JobFault::NotRunning);
        }
    }
}
