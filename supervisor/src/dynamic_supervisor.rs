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
    #[must_use]
    pub fn max_children(mut self, count: usize) -> Self {
        self.blueprint.terms.max_children = count;
        self
    }

    /// When its children are restarted; always by default.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.blueprint.terms.restart = restart;
        self
    }

    /// How its children are stopped. By default workers have 5 s, and supervisors as long as it takes.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.blueprint.terms.shutdown = Some(shutdown);
        self
    }

    /// How many restarts within the period it bears, of all children together; 1 by default.
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.blueprint.terms.intensity = restarts;
        self
    }

    /// The period in which restarts are counted, as [`Supervisor::period`](crate::Supervisor::period); 5 s by default.
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.blueprint.terms.period = period;
        self
    }

    /// Waits before each restart; not at all by default, as in OTP.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.blueprint.terms.backoff = Some(backoff);
        self
    }

    /// Registers the supervisor under `name`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.blueprint.name = Some(name.into());
        self
    }

    /// Starts it, linked to the process of `ctx`.
    ///
    /// # Errors
    /// If its name is taken, or its period is zero.
    pub async fn start_link<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<DynamicRef, StartError> {
        self.into_start().link(ctx).await.map(|address| DynamicRef { address })
    }

    /// Starts it without a parent. The system stops it when it shuts down.
    ///
    /// # Errors
    /// As [`start_link`](Self::start_link).
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
    pub async fn start_child<S: TypedStart>(&self, start: S) -> Result<Option<S::Handle>, ChildError> {
        self.apply(start, None).await
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
    pub async fn start_temporary<B: Behaviour>(&self, start: Start<B>) -> Result<Option<B::Handle>, ChildError> {
        self.start_child(Once::behaviour(start)).await
    }

    /// Stops a child, and forgets it. `pid` may also be of the last incarnation of one that is restarted.
    ///
    /// # Errors
    /// If it lives, and is no child. That who has ended is no child any more is no error, as in OTP.
    pub async fn terminate_child(&self, pid: Pid) -> Result<(), ChildError> {
        self.address.call(|reply| DynamicAsk::Terminate(pid, reply)).without_timeout().await?
    }

    /// Its children, in no order.
    ///
    /// # Errors
    /// If the supervisor does not live.
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
    pub async fn stop(&self, reason: ExitReason, within: Option<Duration>) -> Result<(), CallError> {
        shutdown::await_end(self.address.call(|farewell| DynamicAsk::Stop(reason, farewell)), within).await
    }
}

impl fmt::Debug for DynamicRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamicRef({})", self.address)
    }
}
