//! The loop around [`decide`](crate::decide): an ordinary server that carries out what is decided.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use proscenium_behaviours::{GenServer, Info, ServerLoop, Start};
use proscenium_runtime::{
    Address, Context, ExitReason, MonitorRef, Parent, Pid, ProgressReport, Reply, Report, StartError, SupervisorReport,
    SystemHandle, catch_panic,
};

use crate::auto_shutdown::AutoShutdown;
use crate::child_spec::{ChildKind, ChildSpec, StartChild, Starting};
use crate::children::{ChildState, Children, Key};
use crate::decide::{Action, Decide, Event, Flags, Request};
use crate::error::{ChildError, SpecError};
use crate::shutdown;
use crate::strategy::Strategy;

/// A supervisor to be: its strategy, how much it bears, and its children.
///
/// It starts its children in order, restarts those that end as their specs say, and stops them in reverse when it is
/// stopped itself or gives up. It gives up, with [`ExitReason::Shutdown`], when more than `intensity` restarts (1 by
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
    flags: Flags,
    name: Option<Arc<str>>,
    children: Vec<ChildSpec>,
}

impl Supervisor {
    /// A supervisor that restarts the child that ended, and only that one.
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
        Supervisor {
            flags: Flags { strategy, intensity: 1, period: Duration::from_secs(5), auto_shutdown: AutoShutdown::Never },
            name: None,
            children: Vec::new(),
        }
    }

    /// How many restarts within the period it bears; 1 by default. With 0 the first one ends it.
    #[must_use]
    pub fn intensity(mut self, restarts: u32) -> Self {
        self.flags.intensity = restarts;
        self
    }

    /// The period in which restarts are counted; 5 s by default.
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.flags.period = period;
        self
    }

    /// Sets whether it ends once significant children have; it does not by default.
    #[must_use]
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.flags.auto_shutdown = auto_shutdown;
        self
    }

    /// Registers the supervisor under `name`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds a child, which starts after those added before.
    #[must_use]
    pub fn child(mut self, spec: ChildSpec) -> Self {
        self.children.push(spec);
        self
    }

    /// Adds children, which start in their order after those added before.
    #[must_use]
    pub fn children(mut self, specs: impl IntoIterator<Item = ChildSpec>) -> Self {
        self.children.extend(specs);
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

    fn into_start(self) -> Start<ServerLoop<Server>> {
        let name = self.name.clone();
        let start = Server::start(self).label("supervisor");
        match name {
            Some(name) => start.name(&name),
            None => start,
        }
    }

    fn check(self) -> Result<Decide, SpecError> {
        if self.flags.period.is_zero() {
            return Err(SpecError::NoPeriod);
        }
        let mut children = Children::default();
        for spec in self.children {
            self.flags.auto_shutdown.check(&spec)?;
            let id = spec.id.clone();
            children.add(spec).map_err(|_| SpecError::DuplicateId { id })?;
        }
        Ok(Decide::new(self.flags, children))
    }
}

impl StartChild for Supervisor {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move {
            let address = self.clone().into_start().link_to(parent).await?;
            Ok(address.pid().expect("it is the address of a process"))
        })
    }

    fn kind(&self) -> ChildKind {
        ChildKind::Supervisor
    }
}

/// A running supervisor, as those see it that ask something of it.
///
/// Like OTP's it does one thing at a time: what it is asked while it starts or stops a child waits, for as long as that
/// takes. A child that asks its own supervisor from `init` or `terminate` would wait for ever.
///
/// # Cancel safety
/// Dropping a future of its methods leaves the request with the supervisor, which does what it asks.
#[derive(Clone)]
pub struct SupervisorRef {
    address: Address<Ask>,
}

impl SupervisorRef {
    fn new(address: Address<Ask>) -> Self {
        SupervisorRef { address }
    }

    /// The supervisor that has the name when it is asked.
    pub fn named(system: &SystemHandle, name: &str) -> Self {
        SupervisorRef::new(system.named(name))
    }

    /// Its pid; `None` if nobody has the name.
    pub fn pid(&self) -> Option<Pid> {
        self.address.pid()
    }

    /// Starts a child behind those that are there. `None` if its `init` chose not to run.
    ///
    /// # Errors
    /// If a child has that id, it is significant where it cannot be, or it does not start; then its spec is forgotten.
    pub async fn start_child(&self, spec: ChildSpec) -> Result<Option<Pid>, ChildError> {
        self.request(Request::Start(spec)).await
    }

    /// Stops a child as its spec says. The spec stays, unless it is temporary. A child that does not run is no error.
    ///
    /// # Errors
    /// If there is no such child.
    pub async fn terminate_child(&self, id: &str) -> Result<(), ChildError> {
        self.request(Request::Terminate(id.into())).await.map(drop)
    }

    /// Starts a child that does not run. `None` if its `init` chose not to.
    ///
    /// # Errors
    /// If there is no such child, it runs or is being restarted, or it does not start.
    pub async fn restart_child(&self, id: &str) -> Result<Option<Pid>, ChildError> {
        self.request(Request::Restart(id.into())).await
    }

    /// Forgets a child that does not run.
    ///
    /// # Errors
    /// If there is no such child, or it runs or is being restarted.
    pub async fn delete_child(&self, id: &str) -> Result<(), ChildError> {
        self.request(Request::Delete(id.into())).await.map(drop)
    }

    /// Its children, the youngest first.
    ///
    /// # Errors
    /// If the supervisor does not live.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, ChildError> {
        Ok(self.address.call(Ask::Which).without_timeout().await?)
    }

    /// How many children it has.
    ///
    /// # Errors
    /// If the supervisor does not live.
    pub async fn count_children(&self) -> Result<ChildCount, ChildError> {
        let children = self.which_children().await?;
        let count = |wanted: fn(&ChildInfo) -> bool| children.iter().filter(|child| wanted(child)).count();
        Ok(ChildCount {
            specs: children.len(),
            active: count(|child| matches!(child.state, ChildState::Running(_))),
            supervisors: count(|child| child.kind == ChildKind::Supervisor),
            workers: count(|child| child.kind == ChildKind::Worker),
        })
    }

    async fn request(&self, request: Request) -> Result<Option<Pid>, ChildError> {
        self.address.call(|reply| Ask::Change(request, reply)).without_timeout().await?
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SupervisorRef({})", self.address)
    }
}

/// A child as its supervisor lists it.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildInfo {
    /// Its id.
    pub id: Arc<str>,
    /// Where it is in its life.
    pub state: ChildState,
    /// Whether it is a supervisor.
    pub kind: ChildKind,
}

/// How many children a supervisor has.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildCount {
    /// All it knows of.
    pub specs: usize,
    /// Those that live.
    pub active: usize,
    /// Those that are supervisors, alive or not.
    pub supervisors: usize,
    /// Those that are not.
    pub workers: usize,
}

/// What a supervisor is sent.
pub(crate) enum Ask {
    Change(Request, Reply<Result<Option<Pid>, ChildError>>),
    Which(Reply<Vec<ChildInfo>>),
    Retry(Key),
}

/// The process.
struct Server {
    decide: Decide,
    name: Option<Arc<str>>,
    /// Of each child that runs. The link tells of its end, and the monitor too, should the child have unlinked itself.
    monitors: BTreeMap<Pid, MonitorRef>,
}

impl GenServer for Server {
    type Args = Supervisor;
    type Message = Ask;

    async fn init(supervisor: Supervisor, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        let name = supervisor.name.clone();
        let mut server = Server { decide: supervisor.check()?, name, monitors: BTreeMap::new() };
        server.carry_out(Event::Boot, ctx).await?;
        Ok(server)
    }

    async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        match message {
            Ask::Change(request, reply) => {
                if let Some(answer) = self.carry_out(Event::Request(request), ctx).await? {
                    reply.send(answer);
                }
            }
            Ask::Which(reply) => reply.send(self.which()),
            Ask::Retry(key) => drop(self.carry_out(Event::Retry(key), ctx).await?),
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        // Somebody's request to exit, and news of what is no child, are left alone, as OTP leaves them.
        let (pid, reason) = match info {
            Info::Exit(exit) if exit.linked => (exit.pid, exit.reason),
            Info::Down(down) => (down.pid, shutdown::reason(ctx, down).await),
            _ => return Ok(()),
        };
        self.monitors.remove(&pid);
        self.carry_out(Event::Exited { pid, reason }, ctx).await?;
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<Ask>) {
        // That it ends is known already; what counts is that its children have.
        let _ = self.carry_out(Event::Stop, ctx).await;
    }
}

type Answer = Result<Option<Pid>, ChildError>;

impl Server {
    /// Carries out all that follows from `event`, to the end. Returns the answer to a request.
    async fn carry_out(&mut self, event: Event, ctx: &mut Context<Ask>) -> Result<Option<Answer>, ExitReason> {
        let mut answer = None;
        let mut next = Some(event);
        while let Some(event) = next.take() {
            for action in self.decide.decide(event, ctx.system().now()) {
                match action {
                    Action::Start(key) => {
                        let started = self.start_child(key, ctx.as_parent()).await;
                        if let Ok(pid) = started {
                            self.monitors.insert(pid, ctx.monitor(pid));
                        }
                        next = Some(Event::Started(started));
                    }
                    Action::Stop { pid, shutdown, .. } => {
                        // A start of the user's own making may have given one pid to two children.
                        let monitor = self.monitors.remove(&pid).unwrap_or_else(|| ctx.monitor(pid));
                        next = Some(Event::Stopped(shutdown::stop(ctx, pid, monitor, shutdown).await));
                    }
                    Action::Retry(key) => ctx.address().cast(Ask::Retry(key)),
                    Action::Answer(result) => answer = Some(result),
                    Action::Exit(reason) => return Err(reason),
                    Action::Report { context, reason, offender } => {
                        let report = SupervisorReport::new(ctx.pid(), context, reason, offender);
                        ctx.system().report(Report::Supervisor(Arc::new(report.named(self.name.clone()))));
                    }
                    Action::Progress { key, pid, requested } => self.report_progress(key, pid, requested, ctx),
                }
            }
        }
        Ok(answer)
    }

    /// Starts a child. User code that panics in the making of it fails the start, and nothing else.
    async fn start_child(&self, key: Key, parent: Parent) -> Result<Pid, StartError> {
        let child = self.decide.children().get(key).expect("only a child that is there is started");
        let start = child.spec.start.clone();
        let parent = parent.with_restarts(child.starts);
        let started = catch_panic(async move { start.start_child(&parent).await }).await;
        started.unwrap_or_else(|panic| Err(StartError::Init(panic)))
    }

    fn report_progress(&self, key: Key, pid: Pid, requested: bool, ctx: &Context<Ask>) {
        let id = self.decide.children().offender(key, Some(pid)).id;
        let report = ProgressReport::new(ctx.pid(), id, pid, requested);
        ctx.system().report(Report::Progress(Arc::new(report.named(self.name.clone()))));
    }

    fn which(&self) -> Vec<ChildInfo> {
        let children = self.decide.children().iter().rev();
        children
            .map(|child| ChildInfo { id: child.spec.id.clone(), state: child.state, kind: child.spec.kind() })
            .collect()
    }
}
