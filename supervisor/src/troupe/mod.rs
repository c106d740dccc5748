//! A pool of workers behind one handle, which grows and shrinks by itself; Thespian's `troupe`.
//!
//! | file | what it is |
//! |---|---|
//! | `settings` `error` `status` `latency` | what is said to and by a troupe |
//! | `queue` `line` `crew` | jobs that wait; senders that wait; workers: pure |
//! | `core` `places` `staff` | the whole troupe as a pure state machine: what happens; where jobs are; who comes and goes |
//! | `route` `job` `offer` `exchange` | which worker a job shall have; a job; one that is not taken yet; where its sender waits |
//! | `stage` `effects` | the state that all share, and what follows from its changes |
//! | `audience` `backstage` | what is asked of it: by those that have jobs, by its own processes |
//! | `call` `troupe_ref` | the side of those that have jobs |
//! | `seat` | the side of a worker |
//! | `workers` `manager` `door` | the processes |
//!
//! It lives among the supervisors because it is one: a `rest_for_one` of three children. The door is there for as long as
//! the troupe is; the workers have an ordinary dynamic supervisor; the manager starts and stops them. Jobs take none of these ways:
//! who sends one and who takes it meet at the stage.

mod audience;
mod backstage;
mod call;
mod core;
mod crew;
mod door;
mod effects;
mod error;
mod exchange;
mod job;
mod latency;
mod line;
mod manager;
mod offer;
mod places;
#[cfg(test)]
mod properties;
mod queue;
mod route;
mod seat;
mod settings;
mod staff;
mod stage;
mod status;
mod troupe_ref;
mod workers;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use proscenium_behaviours::{Behaviour, GenServer, Start};
use proscenium_runtime::{Context, Mailbox, Parent, StartError, SystemHandle};

use crate::child_spec::{ChildKind, ChildSpec, Shutdown, StartChild, Starting};
use crate::supervisor::Supervisor;
use crate::typed_start::{TypedStart, TypedStarting};

use door::Door;
use manager::{Manager, ManagerArgs};
use route::Route;
use stage::Stage;
use workers::Workers;

pub use call::TroupeCall;
pub use error::{JobError, JobFault};
pub use latency::Latency;
pub use route::Candidate;
pub use seat::{Hold, Member, Seat};
pub use settings::{Routing, SettingsError, TroupeSettings, WhenFull};
pub use status::TroupeStatus;
pub use troupe_ref::{TroupeOptions, TroupeRef};

/// A pool of workers to be: servers that are all alike, of which any may do a job. It starts more of them while jobs wait, and
/// stops those that have been idle.
///
/// A job is a message of the workers' own type, with a [`Reply`](proscenium_runtime::Reply) in it if it has an answer, which goes
/// straight from the worker to whoever asked. It waits in the troupe's queue until a worker takes it; so one that dies takes
/// with it the job that it was doing and no other. Who sent that is told why, and another worker comes.
///
/// A supervisor can have it as a child, and stops it as a whole. What belongs to the troupe and not to its processes (settings,
/// counts, what a [`TroupeRef`] refers to) is the value's own, and outlives them; one value is one troupe.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::GenServer;
/// use proscenium_runtime::{Context, ExitReason, Reply, testing::TestSystem};
/// use proscenium_supervisor::{JobFault, Troupe};
///
/// struct Squarer;
///
/// enum Sum {
///     Square(i32, Reply<i32>),
/// }
///
/// impl GenServer for Squarer {
///     type Args = ();
///     type Message = Sum;
///
///     async fn init(_args: (), _ctx: &mut Context<Sum>) -> Result<Self, ExitReason> {
///         Ok(Squarer)
///     }
///
///     async fn handle(&mut self, Sum::Square(n, reply): Sum, _ctx: &mut Context<Sum>) -> Result<(), ExitReason> {
///         reply.send(n.checked_mul(n).expect("it fits"));
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let squarers = Troupe::new(|seat| Squarer::start(()).feed(seat)).workers(2..=8);
///     let squarers = squarers.start_link(&mut ctx).await.unwrap();
///     assert_eq!(squarers.call(|reply| Sum::Square(6, reply)).await, Ok(36));
///
///     let error = squarers.call(|reply| Sum::Square(i32::MAX, reply)).await.unwrap_err();
///     assert!(matches!(error.fault, JobFault::WorkerDied { .. }));
///     assert_eq!(squarers.call(|reply| Sum::Square(7, reply)).await, Ok(49));
/// });
/// ```
pub struct Troupe<M: Send + 'static> {
    stage: Arc<Stage<M>>,
    workers: Workers<M>,
    supervisor: Supervisor,
    name: Option<Arc<str>>,
    mailbox: Mailbox,
    drain: Duration,
}

impl<M: Send + 'static> Troupe<M> {
    /// A troupe of the workers that `make` makes the start of, each for a seat of its own. From 1 to 10 of them, unless told
    /// otherwise.
    ///
    /// For a [`GenServer`] that is `|seat| Thumbnailer::start(256).feed(seat)`. What a worker needs to know of itself, such as
    /// its number, its [`Member`] tells.
    pub fn new<B: Behaviour<Message = M>>(make: impl Fn(Seat<M>) -> Start<B> + Send + Sync + 'static) -> Self {
        let stage = Arc::new(Stage::new());
        Troupe {
            workers: Workers::new(stage.clone(), make),
            stage,
            supervisor: Supervisor::rest_for_one(),
            name: None,
            mailbox: Mailbox::unbounded(),
            drain: Duration::ZERO,
        }
    }

    /// The troupe, before it runs: who has jobs for it can be given it.
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
    ///     let bakery = bakers();
    ///     let bakers = bakery.handle(); // For those who will have orders.
    ///     bakery.start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.perform(Order::Bread(1)).await, Ok(()));
    /// });
    /// ```
    pub fn handle(&self) -> TroupeRef<M> {
        TroupeRef::new(self.stage.clone())
    }

    /// Sets how many workers there are at least and at most.
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
    ///     let bakers = bakers().workers(1..=3).start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.status().workers, 1);
    ///     (0..10).for_each(|_| bakers.cast(Order::Bread(60)));
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!((bakers.status().workers, bakers.status().queued), (3, 7)); // No more than that.
    /// });
    /// ```
    #[must_use]
    pub fn workers(self, count: RangeInclusive<usize>) -> Self {
        self.set(|settings| (settings.min_workers, settings.max_workers) = count.into_inner())
    }

    /// Sets after how long a worker that has nothing to do is stopped, unless it is one of the fewest; 30 s by default.
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
    ///     let bakers = bakers().workers(1..=3).idle_time(Duration::from_secs(10)).start_link(&mut ctx).await.unwrap();
    ///     (0..3).for_each(|_| bakers.cast(Order::Bread(60)));
    ///     ctx.sleep(Duration::from_secs(61)).await;
    ///     assert_eq!(bakers.status().workers, 3); // They have just become idle.
    ///     ctx.sleep(Duration::from_secs(12)).await;
    ///     assert_eq!(bakers.status().workers, 1);
    /// });
    /// ```
    #[must_use]
    pub fn idle_time(self, idle_time: Duration) -> Self {
        self.set(|settings| settings.idle_time = idle_time)
    }

    /// Sets how many jobs a worker may have at a time; see [`TroupeSettings::concurrency`].
    ///
    /// # Examples
    ///
    /// A worker takes another job only while it [holds](Member::hold) the first; [`Member`] shows one that does.
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let ten = 10.try_into().unwrap();
    ///     let bakers = bakers().workers(1..=1).concurrency(ten).start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.settings().concurrency, ten);
    /// });
    /// ```
    #[must_use]
    pub fn concurrency(self, jobs: NonZeroUsize) -> Self {
        self.set(|settings| settings.concurrency = jobs)
    }

    /// Sets how many jobs may wait for a worker, and what becomes of one more. Any number by default.
    ///
    /// # Panics
    /// If `jobs` is zero.
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
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().workers(1..=1).queue(2, WhenFull::Reject).start_link(&mut ctx).await.unwrap();
    ///     bakers.cast(Order::Bread(60)); // The baker takes it.
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     let rejected = (0..5).filter(|_| bakers.try_send(Order::Bread(60)).is_err()).count();
    ///     assert_eq!(rejected, 3);
    /// });
    /// ```
    #[must_use]
    pub fn queue(self, jobs: usize, when_full: WhenFull) -> Self {
        let queue = Some(NonZeroUsize::new(jobs).expect("a queue must have room for one job"));
        self.set(|settings| (settings.queue, settings.when_full) = (queue, when_full))
    }

    /// Sets which worker gets a job when several have room for it; by default the one that has been there longest.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Routing;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().workers(3..=3).routing(Routing::RoundRobin).start_link(&mut ctx).await.unwrap();
    ///     let mut whose = Vec::new();
    ///     for _ in 0..4 {
    ///         whose.push(bakers.call(|reply| Order::Pizza(1, reply)).await.unwrap());
    ///     }
    ///     assert_eq!(whose[0], whose[3]);
    ///     assert!(whose[0] != whose[1] && whose[1] != whose[2]);
    /// });
    /// ```
    #[must_use]
    pub fn routing(self, routing: Routing) -> Self {
        self.set(|settings| settings.routing = routing)
    }

    /// Jobs of one key go to one worker, and are done in their order: while one of them is with a worker or waits for it, so do
    /// all that come. Otherwise the key alone says whose it is, for as long as no worker comes or goes.
    ///
    /// `key` is called by whoever sends the job.
    ///
    /// # Examples
    ///
    /// Pizzas of the same size are one baker's:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let size = |order: &Order| if let Order::Pizza(size, _) = order { *size } else { 0 };
    ///     let bakers = bakers().workers(4..=4).by_key(size).start_link(&mut ctx).await.unwrap();
    ///     let first = bakers.call(|reply| Order::Pizza(3, reply)).await.unwrap();
    ///     for _ in 0..5 {
    ///         assert_eq!(bakers.call(|reply| Order::Pizza(3, reply)).await, Ok(first));
    ///     }
    /// });
    /// ```
    #[must_use]
    pub fn by_key<K: Hash>(self, key: impl Fn(&M) -> K + Send + Sync + 'static) -> Self {
        let key = move |message: &M| {
            let mut hasher = DefaultHasher::new();
            key(message).hash(&mut hasher);
            hasher.finish()
        };
        self.stage.set_route(Route::Key(Arc::new(key)));
        self
    }

    /// `choose` says which worker shall have a job: the number of one of those that there are, or `None` if any may. A worker that
    /// is busy has it wait; one that is gone by then leaves it to anybody.
    ///
    /// It is called by whoever sends the job.
    ///
    /// # Examples
    ///
    /// Bread is for the youngest baker:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Candidate;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let youngest = |order: &Order, bakers: &[Candidate]| match order {
    ///         Order::Pizza(..) => bakers.iter().map(|baker| baker.number).max(),
    ///         _ => None, // Anybody's.
    ///     };
    ///     let bakers = bakers().workers(3..=3).choose_by(youngest).start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.call(|reply| Order::Pizza(1, reply)).await, Ok(3));
    ///     assert_eq!(bakers.call(|reply| Order::Pizza(1, reply)).await, Ok(3));
    /// });
    /// ```
    #[must_use]
    pub fn choose_by(self, choose: impl Fn(&M, &[Candidate]) -> Option<u64> + Send + Sync + 'static) -> Self {
        self.stage.set_route(Route::Choice(Arc::new(choose)));
        self
    }

    /// Sets by when a job must be done; see [`TroupeSettings::deadline`].
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
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let limit = Duration::from_secs(10);
    ///     let bakers = bakers().workers(1..=1).deadline(limit).start_link(&mut ctx).await.unwrap();
    ///     bakers.cast(Order::Bread(60)); // The only baker is busy.
    ///     let late = bakers.perform(Order::Bread(1)).without_timeout().await.unwrap_err();
    ///     assert_eq!(late.fault, JobFault::Expired(limit));
    /// });
    /// ```
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        self.set(|settings| settings.deadline = Some(deadline))
    }

    /// Sets how long a worker may take for a job before it is killed; see [`TroupeSettings::time_limit`].
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
    ///     let minute = Duration::from_secs(60);
    ///     let bakers = bakers().workers(1..=1).time_limit(minute).start_link(&mut ctx).await.unwrap();
    ///     assert!(bakers.perform(Order::Bread(3600)).without_timeout().await.is_err()); // The baker was killed.
    ///     assert_eq!(bakers.call(|reply| Order::Pizza(1, reply)).await, Ok(2)); // Here is the next.
    /// });
    /// ```
    #[must_use]
    pub fn time_limit(self, limit: Duration) -> Self {
        self.set(|settings| settings.time_limit = Some(limit))
    }

    /// Sets how often a job that can be repeated is begun again after its worker has died of it; never by default.
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
    ///     let bakers = bakers().workers(1..=1).retries(2).repeat_with(2, |order| match order {
    ///         Order::Cake(tried) => Some(Order::Cake(tried.clone())),
    ///         _ => None,
    ///     });
    ///     let bakers = bakers.start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.perform(Order::Cake(Default::default())).await, Ok(())); // It fell once.
    ///     assert_eq!(bakers.status().retried, 1);
    /// });
    /// ```
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        self.set(|settings| settings.retries = retries)
    }

    /// Sets how often a job is begun again after its worker has died of it, by a copy of its message that `copy` makes before
    /// a worker begins; `None` if that cannot be copied, as a [`Reply`](proscenium_runtime::Reply) cannot.
    ///
    /// `copy` is called by the worker. How much of the job was done before nobody knows: it should do no harm twice.
    ///
    /// # Examples
    ///
    /// Only what can be copied is begun again:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let copy = |order: &Order| match order {
    ///         Order::Cake(tried) => Some(Order::Cake(tried.clone())),
    ///         Order::Bread(seconds) => Some(Order::Bread(*seconds)),
    ///         Order::Pizza(..) => None, // Its reply is for one answer.
    ///     };
    ///     let bakers = bakers().repeat_with(1, copy).start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.perform(Order::Cake(Default::default())).await, Ok(()));
    /// });
    /// ```
    #[must_use]
    pub fn repeat_with(self, retries: u32, copy: impl Fn(&M) -> Option<M> + Send + Sync + 'static) -> Self {
        self.stage.set_copy(Arc::new(copy));
        self.retries(retries)
    }

    /// Sets all that can be set while it runs, too: what a file says, for instance.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::TroupeSettings;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let mut settings = TroupeSettings::default(); // Or read from a file.
    ///     settings.min_workers = 4;
    ///     let bakers = bakers().settings(settings).start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(bakers.status().workers, 4);
    /// });
    /// ```
    #[must_use]
    pub fn settings(self, settings: TroupeSettings) -> Self {
        self.set(|before| *before = settings)
    }

    /// Registers the process under `name` to which the troupe's jobs can be sent as messages, from anywhere; see
    /// [`TroupeRef::address`]. Errors call the troupe so.
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
    ///     bakers().name("bakery").start_link(&mut ctx).await.unwrap();
    ///     let bakery = ctx.system().named::<Order>("bakery"); // Who knows addresses only sends there.
    ///     assert_eq!(bakery.call(|reply| Order::Pizza(1, reply)).await, Ok(1));
    /// });
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.stage.set_label(name);
        self.name = Some(name.into());
        self
    }

    /// Sets the mailbox of that process; unbounded by default. What is sent there waits in it when the queue has no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Mailbox};
    /// use proscenium_supervisor::WhenFull;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakery = bakers().workers(1..=1).queue(1, WhenFull::Wait).name("bakery").mailbox(Mailbox::bounded(2));
    ///     bakery.start_link(&mut ctx).await.unwrap();
    ///     let door = ctx.system().lookup::<Order>("bakery").unwrap();
    ///     let mut orders = 0;
    ///     while door.try_send(Order::Bread(3600)).is_ok() {
    ///         orders += 1;
    ///         ctx.sleep(Duration::from_secs(1)).await;
    ///     }
    ///     assert_eq!(orders, 5); // One is baked, one is queued, one is at the door, and two wait in its mailbox.
    /// });
    /// ```
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.mailbox = mailbox;
        self
    }

    /// When the troupe is stopped, it takes no more jobs and waits this long until those that it has are done; not at all by
    /// default. Then workers stop, and who still waits is told.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::ExitReason;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// let bakery = bakers().workers(1..=1).drain_at_stop(Duration::from_secs(60));
    /// let bakers = bakery.handle();
    /// test.block_on(bakery.spawn(&test)).unwrap();
    /// (0..3).for_each(|_| bakers.cast(Order::Bread(10)));
    /// test.block_on(bakers.stop(ExitReason::Shutdown, None)).unwrap();
    /// assert_eq!((bakers.status().done, test.elapsed()), (3, Duration::from_secs(30))); // What was ordered was baked.
    /// ```
    #[must_use]
    pub fn drain_at_stop(mut self, within: Duration) -> Self {
        self.drain = within;
        self
    }

    /// How each worker is stopped; they have 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{ExitReason, Shutdown};
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// let bakers = test.block_on(bakers().shutdown(Shutdown::BrutalKill).spawn(&test)).unwrap();
    /// let baker = bakers.workers().remove(0);
    /// test.block_on(bakers.stop(ExitReason::Shutdown, None)).unwrap();
    /// assert_eq!(test.block_on(baker.exited()), ExitReason::Killed); // Nobody was asked.
    /// ```
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.workers.set_shutdown(shutdown);
        self
    }

    /// How many restarts of its own processes within the period it bears, which are not its workers; 1 by default.
    ///
    /// # Examples
    ///
    /// Workers may die of their jobs as often as they like: that counts for nothing.
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
    ///     let bakers = bakers().intensity(0).period(Duration::from_secs(60)).start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..20 {
    ///         assert!(bakers.perform(Order::Cake(Default::default())).await.is_err());
    ///     }
    ///     assert!(bakers.perform(Order::Bread(1)).await.is_ok());
    /// });
    /// ```
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.supervisor = self.supervisor.intensity(restarts);
        self
    }

    /// The period in which these are counted, as [`Supervisor::period`]; 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let bakers = bakers().name("bakery").period(Duration::from_secs(10)).start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..3 {
    ///         ctx.exit("bakery", ExitReason::Kill); // Once in so long is borne, for ever.
    ///         ctx.sleep(Duration::from_secs(12)).await;
    ///     }
    ///     assert_eq!(bakers.perform(Order::Bread(1)).await, Ok(()));
    /// });
    /// ```
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.supervisor = self.supervisor.period(period);
        self
    }

    /// Starts it, linked to the process of `ctx`, and waits until the fewest workers are there.
    ///
    /// # Errors
    /// If one of them does not start; if its name is taken, its settings contradict each other, or it runs already.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills what has started.
    pub async fn start_link<N: Send + 'static>(self, ctx: &mut Context<N>) -> Result<TroupeRef<M>, StartError> {
        self.stage.set_supervisor(self.supervisor().start_link(ctx).await?);
        Ok(self.handle())
    }

    /// Starts it without a parent. The system stops it when it shuts down.
    ///
    /// # Errors
    /// As [`start_link`](Self::start_link).
    ///
    /// # Cancel safety
    /// As `start_link`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
    /// # use baker::*;
    /// let test = TestSystem::new(1);
    /// let bakers = test.block_on(bakers().workers(2..=2).spawn(&test)).unwrap();
    /// assert_eq!(bakers.status().workers, 2); // They were waited for.
    /// test.shutdown();
    /// assert_eq!(test.process_count(), 0);
    /// ```
    pub async fn spawn(self, system: &SystemHandle) -> Result<TroupeRef<M>, StartError> {
        self.stage.set_supervisor(self.supervisor().spawn(system).await?);
        Ok(self.handle())
    }

    fn set(self, change: impl FnOnce(&mut TroupeSettings)) -> Self {
        // They are looked at when it starts.
        let mut settings = self.stage.settings();
        change(&mut settings);
        self.stage.set(settings);
        self
    }

    fn supervisor(&self) -> Supervisor {
        let (stage, name, mailbox) = (self.stage.clone(), self.name.clone(), self.mailbox);
        let door = move || {
            let start = Door::start(stage.clone()).label("door of a troupe").mailbox(mailbox);
            match &name {
                Some(name) => start.name(name),
                None => start,
            }
        };
        let args = ManagerArgs { stage: self.stage.clone(), workers: self.workers.clone(), drain: self.drain };
        let manager = move || Manager::start(args.clone()).label("manager of a troupe");
        let time_to_stop = Shutdown::Timeout(self.drain + Duration::from_secs(5));
        self.supervisor
            .clone()
            .child(ChildSpec::new("door", door))
            .child(ChildSpec::new("workers", self.workers.clone()))
            .child(ChildSpec::new("manager", manager).shutdown(time_to_stop))
    }
}

impl<M: Send + 'static> StartChild for Troupe<M> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { Ok(self.start_typed(parent).await?.0) })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

impl<M: Send + 'static> TypedStart for Troupe<M> {
    type Handle = TroupeRef<M>;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, TroupeRef<M>> {
        Box::pin(async move {
            let (pid, supervisor) = self.supervisor().start_typed(parent).await?;
            self.stage.set_supervisor(supervisor);
            Ok((pid, self.handle()))
        })
    }
}

impl<M: Send + 'static> fmt::Debug for Troupe<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Troupe").field("name", &self.stage.label()).finish_non_exhaustive()
    }
}
