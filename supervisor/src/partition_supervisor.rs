//! One child for each share of the keys; Elixir's `PartitionSupervisor`.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_channel::{Receiver, Sender};
use proscenium_behaviours::{Behaviour, Start};
use proscenium_runtime::{Address, Context, Parent, Registry, StartError, SystemHandle};

use crate::child_spec::{ChildKind, ChildSpec, Shutdown, StartChild, Starting};
use crate::error::ChildError;
use crate::server::Ask;
use crate::supervisor::Supervisor;
use crate::supervisor_ref::SupervisorRef;
use crate::typed_start::{TypedStart, TypedStarting};

/// A supervisor to be of servers that are all alike, each for a share of the keys: what one server is too slow for.
///
/// The same key always leads to the same partition, so what is about one key is handled in order. A partition that ends is
/// restarted alone; meanwhile the others work on.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::GenServer;
/// use proscenium_runtime::{Context, ExitReason, Reply, testing::TestSystem};
/// use proscenium_supervisor::PartitionSupervisor;
///
/// struct Visits(u32);
///
/// enum Visit {
///     Of(&'static str),
///     Count(Reply<u32>),
/// }
///
/// impl GenServer for Visits {
///     type Args = usize;
///     type Message = Visit;
///
///     async fn init(_partition: usize, _ctx: &mut Context<Visit>) -> Result<Self, ExitReason> {
///         Ok(Visits(0))
///     }
///
///     async fn handle(&mut self, message: Visit, _ctx: &mut Context<Visit>) -> Result<(), ExitReason> {
///         match message {
///             Visit::Of(_page) => self.0 += 1,
///             Visit::Count(reply) => reply.send(self.0),
///         }
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let four = 4.try_into().unwrap();
///     let visits = PartitionSupervisor::new(ctx.system(), four, Visits::start).start_link(&mut ctx).await.unwrap();
///     for page in ["/", "/about", "/", "/tea"] {
///         visits.of(page).cast(Visit::Of(page));
///     }
///     let mut sum = 0;
///     for partition in visits.all() {
///         sum += partition.call(Visit::Count).await.unwrap();
///     }
///     assert_eq!(sum, 4);
/// });
/// ```
pub struct PartitionSupervisor<M: Send + 'static> {
    partitions: Partitions<M>,
    supervisor: Supervisor,
    shutdown: Option<Shutdown>,
}

/// The partitions of a [`PartitionSupervisor`], to be asked for by key. Cheap to clone; there before it runs, and the same
/// after it was restarted.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::Agent;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::PartitionSupervisor;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let start = PartitionSupervisor::new(ctx.system(), 4.try_into().unwrap(), |_| Agent::start(|| 0_u32));
///     let carts = start.start_link(&mut ctx).await.unwrap();
///     let of = |customer: &str| Agent::from(carts.of(customer));
///     of("Ann").update(|items| *items += 1).await.unwrap();
///     of("Ann").update(|items| *items += 1).await.unwrap();
///     assert_eq!(of("Ann").get(|items| *items).await, Ok(2)); // The same key, the same partition.
///     assert_eq!((carts.count(), carts.all().len()), (4, 4));
///     assert_eq!(carts.supervisor().count_children().await.unwrap().active, 4);
/// });
/// ```
pub struct Partitions<M: Send + 'static> {
    shared: Arc<Shared<M>>,
}

struct Shared<M: Send + 'static> {
    /// Makes the spec of the partition of that number, registered there.
    spec: Box<MakeSpec<M>>,
    servers: Registry<usize, M>,
    supervisor: Registry<(), Ask>,
    count: AtomicUsize,
    /// Whoever has what is in it may change the number of partitions.
    resizing: (Sender<()>, Receiver<()>),
}

type MakeSpec<M> = dyn Fn(usize, &Registry<usize, M>) -> ChildSpec + Send + Sync;

impl<M: Send + 'static> PartitionSupervisor<M> {
    /// `count` partitions, numbered from 0; `start` makes the start of each.
    pub fn new<B: Behaviour<Message = M>>(
        system: &SystemHandle,
        count: NonZeroUsize,
        start: impl Fn(usize) -> Start<B> + Send + Sync + 'static,
    ) -> Self {
        let start = Arc::new(start);
        let spec = move |number: usize, servers: &Registry<usize, M>| {
            let (start, servers) = (start.clone(), servers.clone());
            ChildSpec::new(&number.to_string(), move || start(number).via(&servers, number, ()))
        };
        let resizing = async_channel::bounded(1);
        resizing.0.try_send(()).expect("it has room for one");
        let shared = Shared {
            spec: Box::new(spec),
            servers: Registry::unique(system),
            supervisor: Registry::unique(system),
            count: AtomicUsize::new(count.get()),
            resizing,
        };
        PartitionSupervisor {
            partitions: Partitions { shared: Arc::new(shared) },
            supervisor: Supervisor::one_for_one(),
            shutdown: None,
        }
    }

    /// How many restarts within the period it bears, of all partitions together; 1 by default.
    ///
    /// # Examples
    ///
    /// What is borne grows with the number of partitions:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    /// use proscenium_supervisor::PartitionSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let count = 8;
    ///     let start = PartitionSupervisor::new(ctx.system(), 8.try_into().unwrap(), |_| Agent::start(|| 0_u32));
    ///     let carts = start.intensity(count).period(Duration::from_secs(60)).start_link(&mut ctx).await.unwrap();
    ///     for cart in carts.all() {
    ///         ctx.exit(&cart, ExitReason::Kill);
    ///     }
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     assert_eq!(carts.supervisor().count_children().await.unwrap().active, 8); // All are there again.
    /// });
    /// ```
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.supervisor = self.supervisor.intensity(restarts);
        self
    }

    /// The period in which restarts are counted, as [`Supervisor::period`]; 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    /// use proscenium_supervisor::PartitionSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let start = PartitionSupervisor::new(ctx.system(), 2.try_into().unwrap(), |_| Agent::start(|| 0_u32));
    ///     let carts = start.intensity(1).period(Duration::from_secs(10)).start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..3 {
    ///         ctx.exit(&carts.of("Ann"), ExitReason::Kill);
    ///         ctx.sleep(Duration::from_secs(12)).await; // One in so long is borne, for ever.
    ///     }
    ///     assert_eq!(Agent::from(carts.of("Ann")).get(|items| *items).await, Ok(0));
    /// });
    /// ```
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.supervisor = self.supervisor.period(period);
        self
    }

    /// How each partition is stopped; they have 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason, Shutdown};
    /// use proscenium_supervisor::PartitionSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let start = PartitionSupervisor::new(ctx.system(), 1.try_into().unwrap(), |_| Agent::start(|| 0_u32));
    ///     let carts = start.shutdown(Shutdown::BrutalKill).start_link(&mut ctx).await.unwrap();
    ///     let monitor = ctx.monitor(&carts.of("Ann"));
    ///     ctx.unlink(carts.supervisor().pid().unwrap());
    ///     carts.supervisor().stop(ExitReason::Shutdown, None).await.unwrap();
    ///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Killed)); // It was not asked.
    /// });
    /// ```
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = Some(shutdown);
        self
    }

    /// Its partitions, before it runs: who needs them can be given them.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::PartitionSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let start = PartitionSupervisor::new(ctx.system(), 2.try_into().unwrap(), |_| Agent::start(|| 7_u32));
    ///     let carts = start.partitions(); // To be given to those who need it, before anything runs.
    ///     assert!(Agent::from(carts.of("Ann")).get(|items| *items).await.is_err());
    ///     start.start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(Agent::from(carts.of("Ann")).get(|items| *items).await, Ok(7));
    /// });
    /// ```
    pub fn partitions(&self) -> Partitions<M> {
        self.partitions.clone()
    }

    /// Starts all partitions, linked to the process of `ctx`.
    ///
    /// # Errors
    /// If one does not start; if this or a clone of it runs already.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the supervisor, and its partitions with it.
    pub async fn start_link<N: Send + 'static>(self, ctx: &mut Context<N>) -> Result<Partitions<M>, StartError> {
        Ok(self.start_typed(&ctx.as_parent()).await?.1)
    }
}

impl<M: Send + 'static> StartChild for PartitionSupervisor<M> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { Ok(self.start_typed(parent).await?.0) })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

impl<M: Send + 'static> TypedStart for PartitionSupervisor<M> {
    type Handle = Partitions<M>;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, Partitions<M>> {
        let partitions = self.partitions.clone();
        let specs = (0..partitions.count()).map(|number| partitions.spec(number, self.shutdown));
        let supervisor = self.supervisor.clone().children(specs);
        Box::pin(async move {
            let start = supervisor.into_start().label("partition supervisor");
            let address = start.via(&partitions.shared.supervisor, (), ()).link_to(parent).await?;
            Ok((address.pid().expect("it is the address of a process"), partitions))
        })
    }
}

impl<M: Send + 'static> Partitions<M> {
    /// The partition that a key belongs to. The address follows it through restarts, and not through a
    /// [`resize`](Self::resize).
    ///
    /// Which one it is depends on nothing but the key and the number of partitions, within one build of a program.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::BTreeSet;
    ///
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::PartitionSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let start = PartitionSupervisor::new(ctx.system(), 4.try_into().unwrap(), |_| Agent::start(|| 0_u32));
    ///     let carts = start.start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(carts.of("Ann").pid(), carts.of("Ann").pid());
    ///     let used: BTreeSet<_> = (0..100).map(|customer| carts.of(customer).pid()).collect();
    ///     assert_eq!(used.len(), 4); // A hundred customers keep all of them busy.
    /// });
    /// ```
    pub fn of(&self, key: impl Hash) -> Address<M> {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        // The remainder is less than the count, which is a `usize`.
        let number = usize::try_from(hasher.finish() % self.count() as u64).unwrap_or_default();
        self.shared.servers.via(number)
    }

    /// All partitions, by their numbers.
    pub fn all(&self) -> Vec<Address<M>> {
        (0..self.count()).map(|number| self.shared.servers.via(number)).collect()
    }

    /// How many partitions there are.
    pub fn count(&self) -> usize {
        self.shared.count.load(Ordering::Acquire)
    }

    /// The supervisor above them.
    pub fn supervisor(&self) -> SupervisorRef {
        SupervisorRef::new(self.shared.supervisor.via(()))
    }

    /// Changes the number of partitions: new ones start before keys lead to them, and superfluous ones stop when keys have
    /// ceased to. What a key led to before, and the state that is kept there, may now be another partition's business.
    ///
    /// # Errors
    /// If a new partition does not start, or the supervisor does not live. What was done until then stays, and
    /// [`count`](Self::count) tells it.
    ///
    /// # Cancel safety
    /// Dropping the future leaves some of the steps undone.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::PartitionSupervisor;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let start = PartitionSupervisor::new(ctx.system(), 2.try_into().unwrap(), |_| Agent::start(|| 0_u32));
    ///     let carts = start.start_link(&mut ctx).await.unwrap();
    ///     carts.resize(8.try_into().unwrap()).await.unwrap();
    ///     assert_eq!(carts.count(), 8);
    ///     carts.resize(1.try_into().unwrap()).await.unwrap();
    ///     assert_eq!(carts.of("Ann").pid(), carts.of("Bob").pid()); // There is but one.
    /// });
    /// ```
    pub async fn resize(&self, count: NonZeroUsize) -> Result<(), ChildError> {
        let turn = self.shared.resizing.1.recv().await;
        turn.expect("the other end is kept beside it");
        let _next = GiveBack(&self.shared.resizing.0);
        let supervisor = self.supervisor();
        while self.count() < count.get() {
            let number = self.count();
            supervisor.start_child(self.spec(number, None)).await?;
            self.shared.count.store(number + 1, Ordering::Release);
        }
        while self.count() > count.get() {
            let number = self.count() - 1;
            self.shared.count.store(number, Ordering::Release);
            let id = number.to_string();
            supervisor.terminate_child(&id).await?;
            supervisor.delete_child(&id).await?;
        }
        Ok(())
    }

    fn spec(&self, number: usize, shutdown: Option<Shutdown>) -> ChildSpec {
        let spec = (self.shared.spec)(number, &self.shared.servers);
        match shutdown {
            Some(shutdown) => spec.shutdown(shutdown),
            None => spec,
        }
    }
}

/// Lets the next one change the number of partitions.
struct GiveBack<'a>(&'a Sender<()>);

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        // It was taken out of there.
        let _ = self.0.try_send(());
    }
}

impl<M: Send + 'static> Clone for Partitions<M> {
    fn clone(&self) -> Self {
        Partitions { shared: self.shared.clone() }
    }
}

impl<M: Send + 'static> fmt::Debug for Partitions<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partitions").field("count", &self.count()).finish_non_exhaustive()
    }
}

impl<M: Send + 'static> fmt::Debug for PartitionSupervisor<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartitionSupervisor").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}
