//! A supervisor to be.

use std::time::Duration;

use proscenium_behaviours::{GenServer, ServerLoop, Start};
use proscenium_runtime::{Context, Parent, StartError, SystemHandle};

use crate::auto_shutdown::AutoShutdown;
use crate::backoff::Backoff;
use crate::child_spec::{ChildKind, ChildSpec, StartChild, Starting};
use crate::decide::{Flags, Request};
use crate::error::{ChildError, SpecError};
use crate::server::{Blueprint, Server};
use crate::strategy::Strategy;
use crate::supervisor_ref::SupervisorRef;
use crate::typed_start::{TypedStart, TypedStarting};

/// A supervisor to be: its strategy, how much it bears, and its children.
///
/// It starts its children in order, restarts those that end as their specs say, and stops them in reverse when it is
/// stopped itself or gives up. It gives up, with [`Shutdown`](proscenium_runtime::ExitReason::Shutdown), when more than `intensity` restarts (1 by
/// default) are needed within `period` (5 s by default), as in OTP.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::GenServer;
/// use proscenium_runtime::{Context, ExitReason, Reply, testing::TestSystem};
/// use proscenium_supervisor::{ChildSpec, Supervisor};
///
/// struct Light(bool);
///
/// enum Switch {
///     On,
///     Break,
///     IsOn(Reply<bool>),
/// }
///
/// impl GenServer for Light {
///     type Args = ();
///     type Message = Switch;
///
///     async fn init(_args: (), _ctx: &mut Context<Switch>) -> Result<Self, ExitReason> {
///         Ok(Light(false))
///     }
///
///     async fn handle(&mut self, message: Switch, _ctx: &mut Context<Switch>) -> Result<(), ExitReason> {
///         match message {
///             Switch::On => self.0 = true,
///             Switch::Break => panic!("the bulb is broken"),
///             Switch::IsOn(reply) => reply.send(self.0),
///         }
///         Ok(())
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let house = Supervisor::one_for_one()
///         .child(ChildSpec::new("light", Light::start(()).name("light")))
///         .start_link(&mut ctx)
///         .await
///         .unwrap();
///     let light = ctx.system().named("light");
///     light.cast(Switch::On);
///     light.cast(Switch::Break);
///     let broken = ctx.system().lookup::<Switch>("light").unwrap();
///     assert!(matches!(broken.exited().await, ExitReason::Panic(_)));
///     assert_eq!(house.count_children().await.unwrap().active, 1);
///     assert_eq!(light.call(Switch::IsOn).await, Ok(false));
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Supervisor {
    blueprint: Blueprint,
}

impl Supervisor {
    /// A supervisor that restarts the child that ended, and only that one. OTP's `simple_one_for_one` is a
    /// [`DynamicSupervisor`](crate::DynamicSupervisor).
    pub fn one_for_one() -> Self {
        Supervisor::new(Strategy::OneForOne)
    }

    /// A supervisor that stops all its children when one must be restarted, and starts all of them again.
    pub fn one_for_all() -> Self {
        Supervisor::new(Strategy::OneForAll)
    }

    /// A supervisor that does so with the child that must be restarted and those that started after it.
    pub fn rest_for_one() -> Self {
        Supervisor::new(Strategy::RestForOne)
    }

    fn new(strategy: Strategy) -> Self {
        Supervisor::with_flags(Flags::new(strategy))
    }

    pub(crate) fn with_flags(flags: Flags) -> Self {
        Supervisor { blueprint: Blueprint { flags, name: None, children: Vec::new() } }
    }

    /// How many restarts within the period it bears; 1 by default. With 0 the first one ends it.
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.blueprint.flags.intensity = restarts;
        self
    }

    /// The period in which restarts are counted; 5 s by default. As in OTP it is in whole seconds, and a fraction counts as
    /// one: a restart counts for at least the period, and for up to a second longer.
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.blueprint.flags.period = period;
        self
    }

    /// Waits before each restart; not at all by default, as in OTP.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.blueprint.flags.backoff = Some(backoff);
        self
    }

    /// Sets whether it ends once significant children have; it does not by default.
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.blueprint.flags.auto_shutdown = auto_shutdown;
        self
    }

    /// Registers the supervisor under `name`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.blueprint.name = Some(name.into());
        self
    }

    /// Adds a child, which starts after those added before.
    #[must_use]
    pub fn child(mut self, spec: ChildSpec) -> Self {
        self.blueprint.children.push(spec);
        self
    }

    /// Adds children, which start in their order after those added before.
    #[must_use]
    pub fn children(mut self, specs: impl IntoIterator<Item = ChildSpec>) -> Self {
        self.blueprint.children.extend(specs);
        self
    }

    /// Starts it and its children, linked to the process of `ctx`.
    ///
    /// # Errors
    /// If its name is taken; if the specs are wrong ([`SpecError`], within [`StartError::Init`]); if a child does not start
    /// ([`FailedToStart`](crate::FailedToStart), likewise): then those that had started were stopped again, in reverse.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the supervisor, and its children with it.
    pub async fn start_link<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<SupervisorRef, StartError> {
        self.into_start().link(ctx).await.map(SupervisorRef::new)
    }

    /// Starts it and its children, without a parent. The system stops it when it shuts down.
    ///
    /// # Errors
    /// As [`start_link`](Self::start_link).
    ///
    /// # Cancel safety
    /// As [`start_link`](Self::start_link).
    pub async fn spawn(self, system: &SystemHandle) -> Result<SupervisorRef, StartError> {
        self.into_start().spawn(system).await.map(SupervisorRef::new)
    }

    /// Whether it can be what it is to be; starting it checks that, too.
    ///
    /// # Errors
    /// The first thing that is wrong, with the child that it is about.
    pub fn check(&self) -> Result<(), SpecError> {
        self.blueprint.clone().check().map(drop)
    }

    pub(crate) fn into_start(self) -> Start<ServerLoop<Server>> {
        let name = self.blueprint.name.clone();
        let start = Server::start(self.blueprint).label("supervisor");
        match name {
            Some(name) => start.name(&name),
            None => start,
        }
    }
}

impl StartChild for Supervisor {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { Ok(self.start_typed(parent).await?.0) })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

impl TypedStart for Supervisor {
    type Handle = SupervisorRef;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, SupervisorRef> {
        Box::pin(async move {
            let address = self.clone().into_start().link_to(parent).await?;
            let pid = address.pid().expect("it is the address of a process");
            Ok((pid, SupervisorRef::new(address)))
        })
    }
}

impl SupervisorRef {
    /// Makes it behave as `supervisor` would, in place: strategy, intensity, period, auto-shutdown, and the specs and
    /// the order of those children that both have; OTP's `code_change`. Its name stays.
    ///
    /// Nothing is started or stopped: a new spec is for the next start. Children that only one of the two has are left
    /// alone; those that only the running one has come behind the others from now on.
    ///
    /// # Errors
    /// If the specs are wrong; then nothing has changed.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, testing::TestSystem};
    /// use proscenium_supervisor::{ChildSpec, Supervisor, process};
    ///
    /// let lamp = || {
    ///     let body = |mut ctx: Context<()>| async move { ctx.receive_message().await };
    ///     ChildSpec::new("lamp", process(body).name("lamp"))
    /// };
    /// TestSystem::new(1).run(move |mut ctx: Context<()>| async move {
    ///     let house = Supervisor::one_for_one().intensity(0).child(lamp()).start_link(&mut ctx).await.unwrap();
    ///     let before = ctx.system().whereis("lamp");
    ///     house.update(Supervisor::one_for_all().intensity(3).child(lamp())).await.unwrap();
    ///     assert_eq!(ctx.system().whereis("lamp"), before, "nothing was stopped");
    /// });
    /// ```
    pub async fn update(&self, supervisor: Supervisor) -> Result<(), ChildError> {
        let Blueprint { flags, children, .. } = supervisor.blueprint;
        self.request(Request::Update(flags, children)).await.map(drop)
    }
}
