//! The loop around [`dynamic`](crate::dynamic): an ordinary server that carries out what is decided.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use proscenium_behaviours::{GenServer, Info};
use proscenium_runtime::{
    Context, ExitReason, Parent, Pid, Reply, Report, StartError, SupervisorReport, SystemHandle, catch_panic,
};

use crate::child_spec::{ChildKind, Restart, Starting};
use crate::children::ChildState;
use crate::dynamic::{Dynamic, DynamicChild, Later, Removal, Step, Terms};
use crate::error::{ChildError, FailedToStart, SpecError};
use crate::shutdown;
use crate::typed_start::TypedStart;

/// What such a supervisor is made of.
#[derive(Clone, Debug)]
pub(crate) struct DynamicBlueprint {
    pub(crate) terms: Terms,
    pub(crate) name: Option<Arc<str>>,
    /// What it is, in a few words.
    pub(crate) label: &'static str,
}

/// What it is sent.
pub(crate) enum DynamicAsk {
    Start(Box<dyn Candidate>),
    Terminate(Pid, Reply<Result<(), ChildError>>),
    Which(Reply<Vec<DynamicChildInfo>>),
    Count(Reply<DynamicCount>),
    Later(Later),
    /// Whoever waits for the answer hears of the end instead.
    Stop(ExitReason, Reply<()>),
}

/// A child of a [`DynamicSupervisor`](crate::DynamicSupervisor), as it lists them.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{ChildKind, Context};
/// use proscenium_supervisor::{ChildState, DynamicSupervisor};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let hotel = DynamicSupervisor::new().start_link(&mut ctx).await.unwrap();
///     let guest = hotel.start_child(guest()).await.unwrap().expect("it runs");
///     let [info] = &hotel.which_children().await.unwrap()[..] else { unreachable!("there is one") };
///     assert_eq!(info.state, ChildState::Running(guest.pid().unwrap()));
///     assert_eq!(info.kind, ChildKind::Worker);
///     assert!(info.what.contains("body")); // It has no id; the type of its body must do.
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamicChildInfo {
    /// The name of a type that tells what it is.
    pub what: &'static str,
    /// Where it is in its life: it lives or is restarted.
    pub state: ChildState,
    /// Whether it is a supervisor.
    pub kind: ChildKind,
}

/// How many children a [`DynamicSupervisor`](crate::DynamicSupervisor) has.
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
///     hotel.start_child(guest()).await.unwrap();
///     ann.cast(()); // She fails, and waits for her restart.
///     ann.exited().await;
///     let count: DynamicCount = hotel.count_children().await.unwrap();
///     assert_eq!((count.active, count.restarting, count.workers), (1, 1, 2));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DynamicCount {
    /// Those that live.
    pub active: usize,
    /// Those that are restarted.
    pub restarting: usize,
    /// Those that are supervisors, alive or not.
    pub supervisors: usize,
    /// Those that are not.
    pub workers: usize,
}

/// A child that somebody wants started, and waits for.
pub(crate) trait Candidate: Send {
    fn start<'a>(&'a mut self, parent: &'a Parent) -> Starting<'a>;

    fn what(&self) -> &'static str;

    /// It has started: whoever waits is told how it is reached, and what is kept of it is returned. It is restarted as
    /// `restart` says, unless it was asked for otherwise.
    fn admit(self: Box<Self>, restart: Restart) -> DynamicChild;

    /// It has not; `Ok` if it chose not to.
    fn refuse(self: Box<Self>, why: Result<(), ChildError>);
}

pub(crate) struct Applicant<S: TypedStart> {
    pub(crate) start: S,
    /// If not as the supervisor says.
    pub(crate) restart: Option<Restart>,
    pub(crate) handle: Option<S::Handle>,
    pub(crate) reply: Reply<Result<Option<S::Handle>, ChildError>>,
}

impl<S: TypedStart> Candidate for Applicant<S> {
    fn start<'a>(&'a mut self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move {
            let (pid, handle) = self.start.start_typed(parent).await?;
            self.handle = Some(handle);
            Ok(pid)
        })
    }

    fn what(&self) -> &'static str {
        self.start.what()
    }

    fn admit(self: Box<Self>, restart: Restart) -> DynamicChild {
        let restart = self.restart.unwrap_or(restart);
        let Applicant { start, handle, reply, .. } = *self;
        let (what, kind) = (start.what(), start.kind());
        let is_kept = restart != Restart::Temporary && start.can_repeat();
        reply.send(Ok(handle));
        DynamicChild::new(is_kept.then(|| start.into_shared()), restart, what, kind)
    }

    fn refuse(self: Box<Self>, why: Result<(), ChildError>) {
        self.reply.send(why.map(|()| None));
    }
}

/// The process.
pub(crate) struct DynamicServer {
    dynamic: Dynamic,
    name: Option<Arc<str>>,
    system: SystemHandle,
    farewell: Option<Reply<()>>,
}

impl GenServer for DynamicServer {
    type Args = DynamicBlueprint;
    type Message = DynamicAsk;

    async fn init(blueprint: DynamicBlueprint, ctx: &mut Context<DynamicAsk>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        if blueprint.terms.period.is_zero() {
            return Err(SpecError::NoPeriod.into());
        }
        let (dynamic, system) = (Dynamic::new(blueprint.terms), ctx.system().clone());
        Ok(DynamicServer { dynamic, name: blueprint.name, system, farewell: None })
    }

    async fn handle(&mut self, message: DynamicAsk, ctx: &mut Context<DynamicAsk>) -> Result<(), ExitReason> {
        match message {
            DynamicAsk::Start(candidate) => self.start(candidate, ctx).await,
            DynamicAsk::Terminate(pid, reply) => reply.send(self.terminate_child(pid, ctx).await),
            DynamicAsk::Which(reply) => reply.send(self.dynamic.children().map(info).collect()),
            DynamicAsk::Count(reply) => reply.send(self.count()),
            DynamicAsk::Later(later) => {
                let steps = self.dynamic.retry(later, ctx.system().uptime());
                return self.carry_out(steps, ctx).await;
            }
            DynamicAsk::Stop(reason, farewell) => {
                self.farewell = Some(farewell);
                return Err(reason);
            }
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<DynamicAsk>) -> Result<(), ExitReason> {
        // Somebody's request to exit, and news of what is no child, are left alone, as OTP leaves them.
        let (pid, reason) = match info {
            Info::Exit(exit) if exit.linked => (exit.pid, exit.reason),
            Info::Down(down) => (down.pid, down.reason),
            _ => return Ok(()),
        };
        let steps = self.dynamic.exited(pid, reason, ctx.system().uptime());
        self.carry_out(steps, ctx).await
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<DynamicAsk>) {
        let outcomes = shutdown::stop_all(ctx, &self.dynamic.living()).await;
        for step in self.dynamic.all_stopped(outcomes) {
            self.report(step, ctx);
        }
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DynamicCount { active, restarting, .. } = self.count();
        write!(f, "children: {}, alive: {active}", active + restarting)
    }
}

impl DynamicServer {
    async fn start(&mut self, mut candidate: Box<dyn Candidate>, ctx: &mut Context<DynamicAsk>) {
        let Terms { max_children, restart, .. } = *self.dynamic.terms();
        if self.dynamic.is_full() {
            return candidate.refuse(Err(ChildError::MaxChildren { max_children }));
        }
        let parent = ctx.as_parent().as_supervisor(0);
        let started = catch_panic(async { candidate.start(&parent).await }).await;
        match started.unwrap_or_else(|panic| Err(StartError::Init(panic))) {
            Ok(pid) => {
                shutdown::keep_watch(ctx, pid);
                self.dynamic.add(pid, candidate.admit(restart));
            }
            Err(StartError::Ignored) => candidate.refuse(Ok(())),
            Err(error) => {
                let id = candidate.what().into();
                candidate.refuse(Err(ChildError::Start(FailedToStart { id, error })));
            }
        }
    }

    /// Carries out all that follows, to the end.
    async fn carry_out(&mut self, steps: Vec<Step>, ctx: &mut Context<DynamicAsk>) -> Result<(), ExitReason> {
        let mut steps = VecDeque::from(steps);
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Start(pid) => {
                    let outcome = self.restart(pid, ctx).await;
                    steps.extend(self.dynamic.restarted(pid, outcome));
                }
                Step::Later { later, pause: None } => ctx.address().cast(DynamicAsk::Later(later)),
                Step::Later { later, pause: Some(pause) } => drop(ctx.send_after(pause, DynamicAsk::Later(later))),
                Step::GiveUp => return Err(ExitReason::Shutdown),
                Step::Report { .. } => self.report(step, ctx),
            }
        }
        Ok(())
    }

    async fn restart(&self, pid: Pid, ctx: &mut Context<DynamicAsk>) -> Result<Pid, StartError> {
        let child = self.dynamic.restarting(pid).expect("only who was is started anew");
        let start = child.start.clone().expect("what cannot be repeated is not restarted");
        let parent = ctx.as_parent().as_supervisor(child.starts);
        let started = catch_panic(async move { start.start_child(&parent).await }).await;
        let pid = started.unwrap_or_else(|panic| Err(StartError::Init(panic)))?;
        shutdown::keep_watch(ctx, pid);
        Ok(pid)
    }

    /// As in OTP, one that does not live any more is as good as stopped, whoever it was.
    async fn terminate_child(&mut self, pid: Pid, ctx: &mut Context<DynamicAsk>) -> Result<(), ChildError> {
        match self.dynamic.remove(pid) {
            Removal::Stop(shutdown) => {
                let outcome = shutdown::stop(ctx, pid, shutdown).await;
                if let Some(report) = self.dynamic.stopped(pid, outcome) {
                    self.report(report, ctx);
                }
                Ok(())
            }
            Removal::Unknown if self.system.is_alive(pid) => Err(ChildError::NotFound { id: pid.to_string().into() }),
            Removal::Done | Removal::Unknown => Ok(()),
        }
    }

    fn report(&self, step: Step, ctx: &Context<DynamicAsk>) {
        if let Step::Report { context, reason, offender } = step {
            ctx.system().report(|| {
                let report = SupervisorReport::new(ctx.pid(), context, reason, offender);
                Report::Supervisor(Arc::new(report.named(self.name.clone())))
            });
        }
    }

    fn count(&self) -> DynamicCount {
        let mut count = DynamicCount::default();
        for (state, child) in self.dynamic.children() {
            match state {
                ChildState::Running(_) => count.active += 1,
                ChildState::Restarting | ChildState::Stopped => count.restarting += 1,
            }
            match child.kind {
                ChildKind::Supervisor => count.supervisors += 1,
                ChildKind::Worker => count.workers += 1,
            }
        }
        count
    }
}

fn info((state, child): (ChildState, &DynamicChild)) -> DynamicChildInfo {
    DynamicChildInfo { what: child.what, state, kind: child.kind }
}

impl Drop for DynamicServer {
    /// Whoever lives still was not stopped, because this process was killed.
    fn drop(&mut self) {
        shutdown::outlive(&self.system, self.dynamic.living());
    }
}
