//! A supervisor of children that come and go; OTP's `simple_one_for_one`, Elixir's `DynamicSupervisor`.

use std::fmt;
use std::time::Duration;

use proscenium_behaviours::{Behaviour, GenServer, ServerLoop, Start};
use proscenium_runtime::{Address, CallError, Context, ExitReason, Parent, Pid, StartError, SystemHandle};

use crate::backoff::Backoff;
use crate::child_spec::{ChildKind, Restart, Shutdown, StartChild, Starting};
use crate::dynamic::Terms;
use crate::dynamic_server::{Applicant, DynamicAsk, DynamicBlueprint, DynamicChildInfo, DynamicCount, DynamicServer};
use crate::error::ChildError;
use crate::shutdown;
use crate::typed_start::{Once, TypedStart, TypedStarting};

/// A supervisor to be, whose children are started one by one while it runs: sessions, rooms, connections.
///
/// Its children have no ids and no order. Each is restarted on its own, as [`restart`](Self::restart) says for all of them,
/// and within one intensity: 1 restart in 5 s by default, as in OTP. When it stops, it tells all of them at once, so that a
/// million children stop in the time of the slowest. Nothing is kept of a child that will not be restarted but its pid.
///
/// OTP's `simple_one_for_one` has one template for all children; here the template is a function of yours.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::GenServer;
/// use proscenium_runtime::{Address, Context, ExitReason, Reply, testing::TestSystem};
/// use proscenium_supervisor::DynamicSupervisor;
///
/// struct Room(String);
///
/// enum Talk {
///     Topic(Reply<String>),
///     Leave,
/// }
///
/// impl GenServer for Room {
///     type Args = String;
///     type Message = Talk;
///
///     async fn init(topic: String, _ctx: &mut Context<Talk>) -> Result<Self, ExitReason> {
///         Ok(Room(topic))
///     }
///
///     async fn handle(&mut self, message: Talk, _ctx: &mut Context<Talk>) -> Result<(), ExitReason> {
///         match message {
///             Talk::Topic(reply) => reply.send(self.0.clone()),
///             Talk::Leave => panic!("the door is stuck"),
///         }
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let rooms = DynamicSupervisor::new().max_children(100).start_link(&mut ctx).await.unwrap();
///     let tea: Address<Talk> = rooms.start_child(Room::start("tea".into())).await.unwrap().unwrap();
///     assert_eq!(tea.call(Talk::Topic).await.unwrap(), "tea");
///
///     tea.cast(Talk::Leave);
///     tea.exited().await;
///     // It is another process now; one that is to be found again has a name or a key.
///     assert_eq!(rooms.count_children().await.unwrap().active, 1);
/// });
/// ```
#[derive(Clone, Debug)]
pub struct DynamicSupervisor {
    blueprint: DynamicBlueprint,
}

impl DynamicSupervisor {
    /// A supervisor without children, of any number of permanent ones.
    #[expect(clippy::new_without_default, reason = "a supervisor is made on purpose")]
    pub fn new() -> Self {
        let terms = Terms {
            intensity: 1,
            period: Duration::from_secs(5),
            backoff: None,
            max_children: usize::MAX,
            restart: Restart::Permanent,
            shutdown: None,
        };
        DynamicSupervisor { blueprint: DynamicBlueprint { terms, name: None, label: "dynamic supervisor" } }
    }

    /// How many children it may have, those that are restarted included; any number by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{ChildError, DynamicSupervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().max_children(1).start_link(&mut ctx).await.unwrap();
    ///     assert!(hotel.start_child(guest()).await.is_ok());
    ///     let full = hotel.start_child(guest()).await.unwrap_err();
    ///     assert_eq!(full, ChildError::MaxChildren { max_children: 1 });
    /// });
    /// ```
    #[must_use]
    pub fn max_children(mut self, count: usize) -> Self {
        self.blueprint.terms.max_children = count;
        self
    }

    /// When its children are restarted; always by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::{DynamicCount, DynamicSupervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().restart(Restart::Temporary).start_link(&mut ctx).await.unwrap();
    ///     let ann = hotel.start_child(guest()).await.unwrap().expect("it runs");
    ///     ann.cast(()); // She fails.
    ///     ann.exited().await;
    ///     assert_eq!(hotel.count_children().await.unwrap(), DynamicCount::default()); // And is not started again.
    /// });
    /// ```
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.blueprint.terms.restart = restart;
        self
    }

    /// How its children are stopped. By default workers have 5 s, and supervisors as long as it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Shutdown};
    /// use proscenium_supervisor::DynamicSupervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().shutdown(Shutdown::BrutalKill).start_link(&mut ctx).await.unwrap();
    ///     let ann = hotel.start_child(guest()).await.unwrap().expect("it runs");
    ///     hotel.terminate_child(ann.pid().unwrap()).await.unwrap();
    ///     assert_eq!(ann.exited().await, ExitReason::Killed); // She was not asked.
    /// });
    /// ```
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.blueprint.terms.shutdown = Some(shutdown);
        self
    }

    /// How many restarts within the period it bears, of all children together; 1 by default.
    ///
    /// # Examples
    ///
    /// Seven guests who fail at once are borne, and the eighth is too much:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event};
    /// use proscenium_supervisor::DynamicSupervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().intensity(7).period(Duration::from_secs(60));
    ///     let hotel = hotel.spawn(ctx.system()).await.unwrap();
    ///     for _ in 0..8 {
    ///         assert!(ctx.system().is_alive(hotel.pid().unwrap()));
    ///         let guest = hotel.start_child(guest()).await.unwrap().expect("it runs");
    ///         guest.cast(());
    ///         guest.exited().await;
    ///     }
    ///     let monitor = ctx.monitor(hotel.pid().unwrap());
    ///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!(down.monitor, monitor); // It has given up.
    /// });
    /// ```
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.blueprint.terms.intensity = restarts;
        self
    }

    /// The period in which restarts are counted, as [`Supervisor::period`](crate::Supervisor::period); 5 s by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::DynamicSupervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().intensity(1).period(Duration::from_secs(60));
    ///     let hotel = hotel.start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..3 {
    ///         let guest = hotel.start_child(guest()).await.unwrap().expect("it runs");
    ///         guest.cast(()); // One in so long is borne, for ever.
    ///         guest.exited().await;
    ///         ctx.sleep(Duration::from_secs(62)).await;
    ///     }
    ///     assert_eq!(hotel.count_children().await.unwrap().active, 3);
    /// });
    /// ```
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.blueprint.terms.period = period;
        self
    }

    /// Waits before each restart; not at all by default, as in OTP.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{Backoff, DynamicSupervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().backoff(Backoff::new(Duration::from_secs(10)));
    ///     let hotel = hotel.start_link(&mut ctx).await.unwrap();
    ///     let ann = hotel.start_child(guest()).await.unwrap().expect("it runs");
    ///     ann.cast(());
    ///     ann.exited().await;
    ///     assert_eq!(hotel.count_children().await.unwrap().restarting, 1);
    ///     ctx.sleep(Duration::from_secs(11)).await;
    ///     assert_eq!(hotel.count_children().await.unwrap().active, 1);
    /// });
    /// ```
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.blueprint.terms.backoff = Some(backoff);
        self
    }

    /// Registers the supervisor under `name`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{DynamicRef, DynamicSupervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().name("hotel").start_link(&mut ctx).await.unwrap();
    ///     assert_eq!(DynamicRef::named(ctx.system(), "hotel").pid(), hotel.pid());
    /// });
    /// ```
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.blueprint.name = Some(name.into());
        self
    }

    /// Starts it, linked to the process of `ctx`.
    ///
    /// # Errors
    /// If its name is taken, or its period is zero.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the supervisor.
    pub async fn start_link<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<DynamicRef, StartError> {
        self.into_start().link(ctx).await.map(|address| DynamicRef { address })
    }

    /// Starts it without a parent. The system stops it when it shuts down.
    ///
    /// # Errors
    /// As [`start_link`](Self::start_link).
    ///
    /// # Cancel safety
    /// As [`start_link`](Self::start_link).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::ExitReason;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::DynamicSupervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// let test = TestSystem::new(1);
    /// let hotel = test.block_on(DynamicSupervisor::new().spawn(&test)).unwrap();
    /// let ann = test.block_on(hotel.start_child(guest())).unwrap().expect("it runs");
    /// test.shutdown(); // It stops its children before it ends.
    /// assert_eq!(test.block_on(ann.exited()), ExitReason::Shutdown);
    /// ```
    pub async fn spawn(self, system: &SystemHandle) -> Result<DynamicRef, StartError> {
        self.into_start().spawn(system).await.map(|address| DynamicRef { address })
    }

    /// Says what it is, in a few words, for reports.
    pub(crate) fn label(mut self, label: &'static str) -> Self {
        self.blueprint.label = label;
        self
    }

    fn into_start(self) -> Start<ServerLoop<DynamicServer>> {
        let (name, label) = (self.blueprint.name.clone(), self.blueprint.label);
        let start = DynamicServer::start(self.blueprint).label(label);
        match name {
            Some(name) => start.name(&name),
            None => start,
        }
    }
}

impl StartChild for DynamicSupervisor {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { Ok(self.start_typed(parent).await?.0) })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

impl TypedStart for DynamicSupervisor {
    type Handle = DynamicRef;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, DynamicRef> {
        Box::pin(async move {
            let address = self.clone().into_start().link_to(parent).await?;
            let pid = address.pid().expect("it is the address of a process");
            Ok((pid, DynamicRef { address }))
        })
    }
}

/// A running [`DynamicSupervisor`], as those see it that ask something of it.
///
/// It does one thing at a time: what it is asked while it starts or stops a child waits, for as long as that takes. A child that
/// asks its own supervisor from `init` or `terminate` would wait for ever.
///
/// # Cancel safety
/// Dropping a future of its methods leaves the request with the supervisor, which does what it asks.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{DynamicRef, DynamicSupervisor, process};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     DynamicSupervisor::new().name("calls").start_link(&mut ctx).await.unwrap();
///     let calls = DynamicRef::named(ctx.system(), "calls");
///     let call = process(|mut ctx: Context<()>| async move { ctx.receive_message().await });
///     let ada = calls.start_child(call).await.unwrap().expect("it has a body");
///     assert_eq!(calls.count_children().await.unwrap().active, 1);
///     calls.terminate_child(ada.pid().unwrap()).await.unwrap();
///     assert_eq!(calls.count_children().await.unwrap().active, 0);
/// });
/// ```
#[derive(Clone)]
pub struct DynamicRef {
    address: Address<DynamicAsk>,
}

impl DynamicRef {
    /// The supervisor that has the name when it is asked.
    pub fn named(system: &SystemHandle, name: &str) -> Self {
        DynamicRef { address: system.named(name) }
    }

    /// Its pid; `None` if nobody has the name.
    pub fn pid(&self) -> Option<Pid> {
        self.address.pid()
    }

    /// Starts a child and tells how it is reached: a server's or a process's [`Address`], a supervisor's reference. `None` if
    /// its `init` chose not to run.
    ///
    /// What is told is this incarnation. A restarted one has another address: give what must be found again a name or a key.
    ///
    /// # Errors
    /// If there are as many children as there may be, or it does not start.
    // As the ways of a `Start`, these say that they are `Send`.
    pub fn start_child<S: TypedStart>(
        &self,
        start: S,
    ) -> impl Future<Output = Result<Option<S::Handle>, ChildError>> + Send {
        self.apply(start, None)
    }

    /// As [`start_child`](Self::start_child), restarted as `restart` says, or else as all children are.
    pub(crate) async fn apply<S: TypedStart>(
        &self,
        start: S,
        restart: Option<Restart>,
    ) -> Result<Option<S::Handle>, ChildError> {
        let ask = |reply| DynamicAsk::Start(Box::new(Applicant { start, restart, handle: None, reply }));
        self.address.call(ask).without_timeout().await?
    }

    /// Starts a behaviour that is never restarted, so that its arguments need not be made again: a socket, say.
    ///
    /// # Errors
    /// As [`start_child`](Self::start_child).
    ///
    /// # Examples
    ///
    /// A server whose argument there is only once, here a connection:
    ///
    /// ```
    /// use proscenium_behaviours::GenServer;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Reply};
    /// use proscenium_supervisor::DynamicSupervisor;
    ///
    /// struct Connection(String);
    ///
    /// struct Session(Connection);
    ///
    /// impl GenServer for Session {
    ///     type Args = Connection; // Not `Clone`.
    ///     type Message = Reply<String>;
    ///
    ///     async fn init(connection: Connection, _ctx: &mut Context<Reply<String>>) -> Result<Self, ExitReason> {
    ///         Ok(Session(connection))
    ///     }
    ///
    ///     async fn handle(&mut self, ask: Reply<String>, _: &mut Context<Reply<String>>) -> Result<(), ExitReason> {
    ///         ask.send(self.0.0.clone());
    ///         Ok(())
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let sessions = DynamicSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     let start = Session::start(Connection("Ann".into()));
    ///     let ann = sessions.start_temporary(start).await.unwrap().expect("it runs");
    ///     assert_eq!(ann.call(|reply| reply).await, Ok("Ann".into()));
    /// });
    /// ```
    pub fn start_temporary<B: Behaviour>(
        &self,
        start: Start<B>,
    ) -> impl Future<Output = Result<Option<B::Handle>, ChildError>> + Send {
        self.start_child(Once::behaviour(start))
    }

    /// Stops a child, and forgets it. `pid` may also be of the last incarnation of one that is restarted.
    ///
    /// # Errors
    /// If it lives, and is no child. That who has ended is no child any more is no error, as in OTP.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{Backoff, DynamicCount, DynamicSupervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().backoff(Backoff::new(Duration::from_secs(10)));
    ///     let hotel = hotel.start_link(&mut ctx).await.unwrap();
    ///     let ann = hotel.start_child(guest()).await.unwrap().expect("it runs");
    ///     ann.cast(()); // She fails, and waits for her restart.
    ///     ann.exited().await;
    ///     hotel.terminate_child(ann.pid().unwrap()).await.unwrap(); // Which she is spared.
    ///     assert_eq!(hotel.count_children().await.unwrap(), DynamicCount::default());
    ///     assert!(hotel.terminate_child(ctx.pid()).await.is_err(), "we are no child of its");
    /// });
    /// ```
    pub async fn terminate_child(&self, pid: Pid) -> Result<(), ChildError> {
        self.address.call(|reply| DynamicAsk::Terminate(pid, reply)).without_timeout().await?
    }

    /// Its children, in no order.
    ///
    /// # Errors
    /// If the supervisor does not live.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{ChildState, DynamicSupervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..3 {
    ///         hotel.start_child(guest()).await.unwrap();
    ///     }
    ///     let children = hotel.which_children().await.unwrap();
    ///     assert!(children.iter().all(|child| matches!(child.state, ChildState::Running(_))));
    ///     assert_eq!(children.len(), 3);
    /// });
    /// ```
    pub async fn which_children(&self) -> Result<Vec<DynamicChildInfo>, ChildError> {
        Ok(self.address.call(DynamicAsk::Which).without_timeout().await?)
    }

    /// How many children it has.
    ///
    /// # Errors
    /// If the supervisor does not live.
    pub async fn count_children(&self) -> Result<DynamicCount, ChildError> {
        Ok(self.address.call(DynamicAsk::Count).without_timeout().await?)
    }

    /// Stops its children, all at once, and ends it; as [`SupervisorRef::stop`](crate::SupervisorRef::stop).
    ///
    /// # Errors
    /// If it does not live, or has not ended in time. Then it goes on to end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    /// use proscenium_supervisor::DynamicSupervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let hotel = DynamicSupervisor::new().start_link(&mut ctx).await.unwrap();
    ///     ctx.unlink(hotel.pid().unwrap()); // Its end would be ours.
    ///     let ann = hotel.start_child(guest()).await.unwrap().expect("it runs");
    ///     hotel.stop(ExitReason::Shutdown, Some(Duration::from_secs(30))).await.unwrap();
    ///     assert!(!ctx.system().is_alive(&ann));
    /// });
    /// ```
    pub async fn stop(&self, reason: ExitReason, within: Option<Duration>) -> Result<(), CallError> {
        shutdown::await_end(self.address.call(|farewell| DynamicAsk::Stop(reason, farewell)), within).await
    }
}

impl fmt::Debug for DynamicRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicRef({})", self.address)
    }
}
