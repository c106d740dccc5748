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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     Supervisor::one_for_one().child(worker("db")).child(worker("web")).start_link(&mut ctx).await.unwrap();
    ///     let before = ctx.system().whereis("web");
    ///     fail(ctx.system(), "db").await;
    ///     ctx.system().when_registered("db").await;
    ///     assert_eq!(ctx.system().whereis("web"), before); // What has not failed works on.
    /// });
    /// ```
    pub fn one_for_one() -> Self {
        Supervisor::new(Strategy::OneForOne)
    }

    /// A supervisor that stops all its children when one must be restarted, and starts all of them again.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let pair = Supervisor::one_for_all().child(worker("reader")).child(worker("writer"));
    ///     let pair = pair.start_link(&mut ctx).await.unwrap();
    ///     let before = ctx.system().whereis("reader");
    ///     fail(ctx.system(), "writer").await;
    ///     assert_eq!(pair.count_children().await.unwrap().active, 2);
    ///     assert_ne!(ctx.system().whereis("reader"), before); // The one is of no use without the other.
    /// });
    /// ```
    pub fn one_for_all() -> Self {
        Supervisor::new(Strategy::OneForAll)
    }

    /// A supervisor that does so with the child that must be restarted and those that started after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let line = Supervisor::rest_for_one().children(["db", "cache", "web"].map(worker));
    ///     let line = line.start_link(&mut ctx).await.unwrap();
    ///     let before = ["db", "cache", "web"].map(|name| ctx.system().whereis(name));
    ///     fail(ctx.system(), "cache").await;
    ///     assert_eq!(line.count_children().await.unwrap().active, 3);
    ///     let after = ["db", "cache", "web"].map(|name| ctx.system().whereis(name));
    ///     assert_eq!([0, 1, 2].map(|child| before[child] == after[child]), [true, false, false]);
    /// });
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason};
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true);
    ///     Supervisor::one_for_one().intensity(2).child(worker("db")).start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..3 {
    ///         ctx.system().when_registered("db").await;
    ///         fail(ctx.system(), "db").await; // Twice it is borne; the third time it is not.
    ///     }
    ///     let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!(exit.reason, ExitReason::Shutdown); // Whoever is above decides.
    /// });
    /// ```
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.blueprint.flags.intensity = restarts;
        self
    }

    /// The period in which restarts are counted; 5 s by default. As in OTP it is in whole seconds, and a fraction counts as
    /// one: a restart counts for at least the period, and for up to a second longer.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let db = Supervisor::one_for_one().intensity(1).period(Duration::from_secs(60)).child(worker("db"));
    ///     let db = db.start_link(&mut ctx).await.unwrap();
    ///     for _ in 0..5 {
    ///         fail(ctx.system(), "db").await; // Once in so long is borne, for ever.
    ///         ctx.sleep(Duration::from_secs(62)).await;
    ///     }
    ///     assert_eq!(db.count_children().await.unwrap().active, 1);
    /// });
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{Supervisor, SupervisorRef};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     Supervisor::one_for_one().name("shop").child(worker("till")).start_link(&mut ctx).await.unwrap();
    ///     let shop = SupervisorRef::named(ctx.system(), "shop"); // Anywhere in the system.
    ///     assert_eq!(shop.count_children().await.unwrap().active, 1);
    /// });
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tills = (1..=3).map(|number| worker(&format!("till {number}")));
    ///     let shop = Supervisor::one_for_one().child(worker("door")).children(tills);
    ///     let shop = shop.start_link(&mut ctx).await.unwrap();
    ///     let youngest = &shop.which_children().await.unwrap()[0];
    ///     assert_eq!(&*youngest.id, "till 3");
    /// });
    /// ```
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
    ///
    /// # Examples
    ///
    /// If a child does not start, nothing is left:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::{ChildSpec, Supervisor, process};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shy = process(|_ctx: Context<()>| async {}).name("db"); // That name is taken.
    ///     let shop = Supervisor::one_for_one().child(worker("db")).child(ChildSpec::new("shy", shy));
    ///     let error = shop.start_link(&mut ctx).await.unwrap_err();
    ///     assert!(error.to_string().contains(r#"child "shy" did not start"#));
    ///     assert_eq!(ctx.system().whereis("db"), None);
    /// });
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// let test = TestSystem::new(1);
    /// test.block_on(Supervisor::one_for_one().child(worker("db")).spawn(&test)).unwrap();
    /// assert!(test.whereis("db").is_some());
    /// test.shutdown(); // It stops its children before it ends.
    /// assert_eq!(test.process_count(), 0);
    /// ```
    pub async fn spawn(self, system: &SystemHandle) -> Result<SupervisorRef, StartError> {
        self.into_start().spawn(system).await.map(SupervisorRef::new)
    }

    /// Whether it can be what it is to be; starting it checks that, too.
    ///
    /// # Errors
    /// The first thing that is wrong, with the child that it is about.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Restart;
    /// use proscenium_supervisor::{SpecError, Supervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// let shop = Supervisor::one_for_one().child(worker("db").restart(Restart::Transient).significant(true));
    /// let error = shop.check().unwrap_err(); // Found in a test, before anything runs.
    /// assert_eq!(error, SpecError::SignificantInVain { id: "db".into() });
    /// ```
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
