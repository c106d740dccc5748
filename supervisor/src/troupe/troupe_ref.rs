//! A troupe, as those see it that have jobs for it.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use proscenium_behaviours::{Sys, SysError};
use proscenium_runtime::{Address, CallError, ExitReason, Recipient, Reply, SendError, SystemHandle, TrySendError};

use super::call::{Sending, TroupeCall};
use super::core::{Refusal, Terms};
use super::door::Door;
use super::error::JobFault;
use super::exchange::Exchange;
use super::job::{Again, Payload};
use super::offer::{Limit, Offer};
use super::settings::{SettingsError, TroupeSettings};
use super::stage::Stage;
use super::status::TroupeStatus;

/// A troupe, to which jobs are sent; cheap to clone. It is there before the troupe runs, and the same after it was restarted.
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
///     let bakers = bakers().workers(1..=1).start_link(&mut ctx).await.unwrap();
///     bakers.cast(Order::Bread(1)); // Nobody waits.
///     assert_eq!(bakers.perform(Order::Bread(1)).await, Ok(())); // We wait until it is done,
///     assert_eq!(bakers.call(|reply| Order::Pizza(1, reply)).await, Ok(1)); // or for an answer.
///     bakers.drain().await;
///     assert_eq!(bakers.status().done, 3);
/// });
/// ```
pub struct TroupeRef<M: Send + 'static> {
    stage: Arc<Stage<M>>,
    options: TroupeOptions,
}

/// What is said of the jobs that are sent by way of a [`TroupeRef`]; see [`TroupeRef::with`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::TroupeOptions;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().workers(1..=1).start_link(&mut ctx).await.unwrap();
///     let limit = Duration::from_secs(10);
///     let hurried = bakers.with(TroupeOptions::new().urgency(1).deadline(limit).retries(3));
///     (0..3).for_each(|_| bakers.cast(Order::Bread(3))); // One is begun; two wait.
///     ctx.sleep(Duration::from_secs(1)).await;
///     assert!(hurried.call(|reply| Order::Pizza(1, reply)).await.is_ok());
///     assert_eq!(bakers.status().done, 2); // It has overtaken those that wait.
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TroupeOptions {
    urgency: i8,
    deadline: Option<Duration>,
    retries: Option<u32>,
}

impl TroupeOptions {
    /// Jobs as the troupe's settings say.
    pub fn new() -> Self {
        TroupeOptions::default()
    }

    /// Among jobs that wait, those of greater urgency are begun first, and others only when none of these waits; 0 by default.
    #[must_use]
    pub fn urgency(mut self, urgency: i8) -> Self {
        self.urgency = urgency;
        self
    }

    /// Sets by when a job must be done, as [`TroupeSettings::deadline`].
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets how often a job is begun again, as [`TroupeSettings::retries`].
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TroupeOptions;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().start_link(&mut ctx).await.unwrap();
    ///     let mut attempts = 0;
    ///     let dinner = move |reply| {
    ///         attempts += 1;
    ///         if attempts == 1 { Order::Cake(Default::default()) } else { Order::Pizza(1, reply) } // The cake falls.
    ///     };
    ///     let stubborn = bakers.with(TroupeOptions::new().retries(1));
    ///     assert_eq!(stubborn.call_repeatable(dinner).await, Ok(2));
    ///     assert_eq!(bakers.settings().retries, 0); // For others it is as it was.
    /// });
    /// ```
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = Some(retries);
        self
    }
}

impl<M: Send + 'static> TroupeRef<M> {
    pub(super) fn new(stage: Arc<Stage<M>>) -> Self {
        TroupeRef { stage, options: TroupeOptions::default() }
    }

    /// The troupe of that [name](super::Troupe::name): one that a file describes, for instance. Who has this needs the name no more.
    ///
    /// The door is asked, and answers when it does not wait for room in the queue.
    ///
    /// # Errors
    /// As [`Sys::get_state`]: if nobody has the name, or who has it is no troupe of that type.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the question with the door.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TroupeRef;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     bakers().name("bakery").start_link(&mut ctx).await.unwrap();
    ///     let bakers: TroupeRef<Order> = TroupeRef::find(ctx.system(), "bakery").await.unwrap();
    ///     assert_eq!(bakers.perform(Order::Bread(1)).await, Ok(()));
    ///     assert!(TroupeRef::<Order>::find(ctx.system(), "butcher's").await.is_err());
    /// });
    /// ```
    pub async fn find(system: &SystemHandle, name: &str) -> Result<Self, SysError> {
        let door = system.named::<M>(name);
        Sys::new(system, &door).get_state(|door: &Door<M>| TroupeRef::new(door.stage.clone())).await
    }

    /// The same troupe, for jobs with such options.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_supervisor::{TroupeOptions, TroupeRef};
    ///
    /// async fn rush<M: Send + 'static>(troupe: &TroupeRef<M>, job: M) {
    ///     troupe.with(TroupeOptions::new().urgency(1)).cast(job);
    /// }
    /// ```
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{JobFault, TroupeOptions};
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().workers(1..=1).start_link(&mut ctx).await.unwrap();
    ///     bakers.cast(Order::Bread(60)); // The only baker is busy.
    ///     let for_now = bakers.with(TroupeOptions::new().deadline(Duration::from_secs(2)));
    ///     let late = for_now.perform(Order::Bread(1)).await.unwrap_err();
    ///     assert_eq!(late.fault, JobFault::Expired(Duration::from_secs(2)));
    /// });
    /// ```
    #[must_use]
    pub fn with(&self, options: TroupeOptions) -> Self {
        TroupeRef { stage: self.stage.clone(), options }
    }

    /// Sends the job that `job` makes of a [`Reply`], and waits for the answer; 5 s unless [`timeout`](TroupeCall::timeout) says
    /// otherwise.
    ///
    /// The job is begun once at most.
    ///
    /// # Errors
    /// See [`JobFault`].
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later withdraws the job if no worker has begun with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// let answers = test.run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().workers(2..=2).start_link(&mut ctx).await.unwrap();
    ///     let [first, second] = [(); 2].map(|()| bakers.call(|reply| Order::Pizza(3, reply)));
    ///     futures_lite::future::zip(first, second).await
    /// });
    /// assert_eq!(answers, (Ok(1), Ok(2)));
    /// assert_eq!(test.elapsed(), std::time::Duration::from_secs(3)); // At the same time.
    /// ```
    pub fn call<T: Send + 'static>(&self, job: impl FnOnce(Reply<T>) -> M) -> TroupeCall<M, T> {
        let (exchange, reply) = Exchange::with_reply();
        self.begin(exchange, job(reply), None, None)
    }

    /// As [`call`](Self::call), a job that is made again if its worker dies of it, as often as the
    /// [settings](TroupeSettings::retries) or [options](TroupeOptions::retries) say.
    ///
    /// How much of it was done before nobody knows: it should do no harm twice. The troupe's manager makes it again.
    ///
    /// # Errors
    /// See [`JobFault`].
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
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
    ///     let bakers = bakers().retries(1).start_link(&mut ctx).await.unwrap();
    ///     let mut attempts = 0;
    ///     let dinner = move |reply| {
    ///         attempts += 1;
    ///         if attempts == 1 { Order::Cake(Default::default()) } else { Order::Pizza(1, reply) }
    ///     };
    ///     assert_eq!(bakers.call_repeatable(dinner).await, Ok(2)); // The first baker let it fall.
    /// });
    /// ```
    pub fn call_repeatable<T: Send + 'static>(
        &self,
        mut job: impl FnMut(Reply<T>) -> M + Send + 'static,
    ) -> TroupeCall<M, T> {
        let (exchange, reply) = Exchange::with_reply();
        let (first, replies) = (job(reply), exchange.clone());
        self.begin(exchange, first, Some(Box::new(move || job(replies.reply()))), None)
    }

    /// Sends a job and waits until it is done; 5 s unless [`timeout`](TroupeCall::timeout) says otherwise.
    ///
    /// # Errors
    /// See [`JobFault`].
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
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
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().start_link(&mut ctx).await.unwrap();
    ///     bakers.perform(Order::Bread(3)).await.unwrap();
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(3)); // It is baked, and not only ordered.
    /// ```
    pub fn perform(&self, job: M) -> TroupeCall<M, ()> {
        self.begin(Exchange::without_reply(), job, None, Some(|| ()))
    }

    /// Sends a job and waits for nothing. One that is refused, or given up before it is begun, is a dead letter; of a troupe
    /// that has never run no system knows, and the job is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// let bakers = test.block_on(bakers().spawn(&test)).unwrap();
    /// bakers.cast(Order::Bread(1));
    /// test.block_on(bakers.drain());
    /// assert_eq!(bakers.status().done, 1);
    /// bakers.cast(Order::Bread(1)); // They take no more orders.
    /// assert_eq!(test.dead_letter_count(), 1);
    /// ```
    pub fn cast(&self, job: M) {
        if let Err((job, refusal)) = self.submit(job) {
            self.stage.bury(job, refusal.into());
        }
    }

    /// Sends a job if there is room for it.
    ///
    /// # Errors
    /// [`TrySendError::Full`] or, if the troupe takes no jobs, [`TrySendError::Closed`], with the job.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, TrySendError};
    /// use proscenium_supervisor::WhenFull;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().workers(1..=1).queue(1, WhenFull::Reject).start_link(&mut ctx).await.unwrap();
    ///     bakers.cast(Order::Bread(60)); // The baker takes it.
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     assert!(bakers.try_send(Order::Bread(1)).is_ok());
    ///     let Err(TrySendError::Full(order)) = bakers.try_send(Order::Bread(2)) else { unreachable!("one waits") };
    ///     assert!(matches!(order, Order::Bread(2))); // Here it is again.
    /// });
    /// ```
    pub fn try_send(&self, job: M) -> Result<(), TrySendError<M>> {
        match self.submit(job) {
            Ok(()) => Ok(()),
            Err((job, Refusal::Full)) => Err(TrySendError::Full(job)),
            Err((job, Refusal::Draining | Refusal::NotRunning)) => Err(TrySendError::Closed(job)),
            Err((job, Refusal::Dropped)) => {
                self.stage.bury(job, JobFault::QueueFull);
                Ok(())
            }
        }
    }

    /// Sends a job, and waits for room if the queue is full and makes its senders wait.
    ///
    /// # Errors
    /// [`SendError`] with the job, if the troupe takes no jobs or rejects it.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the job was not sent and is dropped with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::WhenFull;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().workers(1..=1).queue(1, WhenFull::Wait).start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..5 {
    ///         bakers.send(Order::Bread(10)).await.unwrap(); // As fast as the baker is, but for one that waits.
    ///     }
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(30));
    /// ```
    pub async fn send(&self, job: M) -> Result<(), SendError<M>> {
        let terms = self.terms(&job, false);
        match Sending::new(&self.stage, terms, job).await {
            Ok(()) => Ok(()),
            Err((job, Refusal::Dropped)) => {
                self.stage.bury(job, JobFault::QueueFull);
                Ok(())
            }
            Err((job, _)) => Err(SendError(job)),
        }
    }

    /// Sends what `message` makes to each worker that there is, as a message and not as a job: it needs no room, and each handles it
    /// after the job that it is doing. Returns how many there are.
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
    ///     let bakers = bakers().workers(3..=3).start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.broadcast(|| Order::Bread(1)), 3); // Each bakes one.
    ///     assert_eq!(bakers.status().done, 0); // They are no jobs, and nobody counts them.
    /// });
    /// ```
    pub fn broadcast(&self, mut message: impl FnMut() -> M) -> usize {
        let workers = self.workers();
        for worker in &workers {
            worker.cast(message());
        }
        workers.len()
    }

    /// The workers that there are now.
    pub fn workers(&self) -> Vec<Address<M>> {
        self.stage.workers()
    }

    /// The process that takes the troupe's jobs as messages, for whoever knows addresses only; `None` if the troupe has never run.
    /// When that process has ended, what is sent to it is a dead letter; an address that follows restarts is had by the troupe's
    /// [name](super::Troupe::name).
    ///
    /// A call by way of it hears that its reply was dropped if the worker dies, and not why.
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
    ///     let bakery = bakers();
    ///     let bakers = bakery.handle();
    ///     assert!(bakers.address().is_none()); // It has never run.
    ///     bakery.start_link(&mut ctx).await.unwrap();
    ///     let door = bakers.address().expect("it runs");
    ///     ctx.send_after_to(Duration::from_secs(60), &door, Order::Bread(1)); // A timer knows addresses only.
    ///     ctx.sleep(Duration::from_secs(62)).await;
    ///     assert_eq!(bakers.status().done, 1);
    /// });
    /// ```
    pub fn address(&self) -> Option<Address<M>> {
        self.stage.door()
    }

    /// How it is doing.
    pub fn status(&self) -> TroupeStatus {
        self.stage.status()
    }

    /// How it is set.
    ///
    /// # Examples
    ///
    /// ```
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let bakers = bakers().workers(2..=8).handle();
    /// assert_eq!((bakers.settings().min_workers, bakers.settings().max_workers), (2, 8));
    /// bakers.change(|settings| settings.max_workers = 50).unwrap();
    /// assert_eq!(bakers.settings().max_workers, 50);
    /// ```
    pub fn settings(&self) -> TroupeSettings {
        self.stage.settings()
    }

    /// Changes its settings, from now on and for as long as the [`Troupe`](super::Troupe) lasts. If there are more workers than
    /// there may be, some stop as soon as they have nothing to do.
    ///
    /// # Errors
    /// If they contradict each other; then nothing has changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_supervisor::{SettingsError, TroupeRef};
    ///
    /// fn rush_hour<M: Send + 'static>(troupe: &TroupeRef<M>) -> Result<(), SettingsError> {
    ///     troupe.change(|settings| settings.max_workers = 50)
    /// }
    /// ```
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
    ///     let bakers = bakers().workers(1..=1).start_link(&mut ctx).await.unwrap();
    ///     (0..10).for_each(|_| bakers.cast(Order::Bread(60)));
    ///     bakers.change(|settings| settings.max_workers = 5).unwrap(); // Rush hour.
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(bakers.status().running, 5);
    /// });
    /// ```
    pub fn change(&self, change: impl FnOnce(&mut TroupeSettings)) -> Result<(), SettingsError> {
        self.stage.change(change)
    }

    /// Takes no more jobs, and waits until all are done that it has. It takes jobs again once it was restarted.
    ///
    /// # Cancel safety
    /// Dropping the future lets the troupe take no jobs all the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::JobFault;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().workers(1..=1).start_link(&mut ctx).await.unwrap();
    ///     (0..3).for_each(|_| bakers.cast(Order::Bread(10)));
    ///     bakers.drain().await;
    ///     assert_eq!(bakers.status().done, 3);
    ///     let refused = bakers.perform(Order::Bread(1)).await.unwrap_err();
    ///     assert_eq!(refused.fault, JobFault::Draining);
    /// });
    /// ```
    pub async fn drain(&self) {
        self.stage.drain();
        poll_fn(|cx| self.stage.poll_drained(cx.waker())).await;
    }

    /// Stops all of its processes, as [`SupervisorRef::stop`](crate::SupervisorRef::stop); who waits for a job is told.
    /// [`drain`](Self::drain) it before, or let it [drain at its stop](super::Troupe::drain_at_stop), and no job is left.
    ///
    /// What restarts it restarts it: one that is a child is better stopped by its own supervisor.
    ///
    /// # Errors
    /// If it does not run, or has not ended in time. Then it goes on to end.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the request with the troupe, which stops.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::ExitReason;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::JobFault;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// let bakers = test.block_on(bakers().workers(1..=1).spawn(&test)).unwrap();
    /// bakers.cast(Order::Bread(60));
    /// test.block_on(bakers.stop(ExitReason::Shutdown, Some(Duration::from_secs(30)))).unwrap();
    /// assert_eq!(test.process_count(), 0);
    /// let refused = test.block_on(bakers.perform(Order::Bread(1))).unwrap_err();
    /// assert_eq!(refused.fault, JobFault::NotRunning);
    /// ```
    pub async fn stop(&self, reason: ExitReason, within: Option<Duration>) -> Result<(), CallError> {
        match self.stage.supervisor() {
            Some(supervisor) => supervisor.stop(reason, within).await,
            None => Err(CallError::NoProcess { target: Recipient::Name(self.stage.label()) }),
        }
    }

    fn begin<T: Send + 'static>(
        &self,
        exchange: Arc<Exchange<T>>,
        job: M,
        again: Option<Again<M>>,
        done: Option<fn() -> T>,
    ) -> TroupeCall<M, T> {
        let terms = self.terms(&job, again.is_some());
        let payload = Payload { again, waiter: Some(exchange.clone()), ..Payload::of(job) };
        TroupeCall::new(self.stage.clone(), Offer::new(terms, payload), exchange, done)
    }

    fn submit(&self, job: M) -> Result<(), (M, Refusal)> {
        let terms = self.terms(&job, false);
        let mut offer = Offer::new(terms, Payload::of(job));
        let outcome = self.stage.submit(&mut offer, None, Limit::Never);
        outcome.map(drop).map_err(|refusal| (offer.refused(), refusal))
    }

    /// What is said of a job; code of a user's looks at it.
    fn terms(&self, job: &M, is_repeatable: bool) -> Terms {
        let TroupeOptions { urgency, deadline, retries } = self.options;
        Terms { urgency, bond: self.stage.bond(job), deadline, retries, is_repeatable }
    }
}

impl<M: Send + 'static> Clone for TroupeRef<M> {
    fn clone(&self) -> Self {
        TroupeRef { stage: self.stage.clone(), options: self.options }
    }
}

impl<M: Send + 'static> fmt::Debug for TroupeRef<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TroupeRef({})", self.stage.label())
    }
}
