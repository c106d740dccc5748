//! The loop around [`decide`](crate::decide): an ordinary server that carries out what is decided.

use std::fmt;
use std::sync::Arc;

use proscenium_behaviours::{GenServer, Info};
use proscenium_runtime::{
    Context, ExitReason, Parent, Pid, ProgressReport, Reply, Report, StartError, SupervisorReport, SystemHandle,
    catch_panic,
};

use crate::child_spec::{ChildPolicy, ChildSpec, Shutdown, StartChild};
use crate::children::{Child, ChildCount, ChildInfo, ChildState, Key};
use crate::decide::{Action, Decide, Event, Flags, Request, Retry};
use crate::error::{ChildError, SpecError};
use crate::shutdown;

/// What a supervisor is made of.
#[derive(Clone, Debug)]
pub(crate) struct Blueprint {
    pub(crate) flags: Flags,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) children: Vec<ChildSpec>,
}

impl Blueprint {
    pub(crate) fn check(self) -> Result<Decide, SpecError> {
        let children = self.flags.check(self.children)?;
        Ok(Decide::new(self.flags, children))
    }
}

/// What a supervisor is sent.
pub(crate) enum Ask {
    Change(Request, Reply<Result<Option<Pid>, ChildError>>),
    Which(Reply<Vec<ChildInfo>>),
    WhichOne(Arc<str>, Reply<Result<ChildInfo, ChildError>>),
    Count(Reply<ChildCount>),
    Spec(Arc<str>, Reply<Result<ChildSpec, ChildError>>),
    Retry(Retry),
    /// Whoever waits for the answer hears of the end instead.
    Stop(ExitReason, Reply<()>),
}

/// The process.
pub(crate) struct Server {
    decide: Decide,
    name: Option<Arc<str>>,
    system: SystemHandle,
    farewell: Option<Reply<()>>,
}

impl GenServer for Server {
    type Args = Blueprint;
    type Message = Ask;

    async fn init(blueprint: Blueprint, ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
        ctx.trap_exit(true);
        let (name, system) = (blueprint.name.clone(), ctx.system().clone());
        let mut server = Server { decide: blueprint.check()?, name, system, farewell: None };
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
            Ask::Which(reply) => reply.send(self.decide.children().iter().rev().map(Child::info).collect()),
            Ask::WhichOne(id, reply) => reply.send(self.find(id).map(|(_, child)| child.info())),
            Ask::Count(reply) => reply.send(self.count()),
            Ask::Spec(id, reply) => reply.send(self.find(id).map(|(key, _)| self.decide.children().spec(key))),
            Ask::Retry(retry) => drop(self.carry_out(Event::Retry(retry), ctx).await?),
            Ask::Stop(reason, farewell) => {
                self.farewell = Some(farewell);
                return Err(reason);
            }
        }
        Ok(())
    }

    async fn handle_info(&mut self, info: Info, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
        // Somebody's request to exit, and news of what is no child, are left alone, as OTP leaves them.
        let (pid, reason) = match info {
            Info::Exit(exit) if exit.linked => (exit.pid, exit.reason),
            Info::Down(down) => (down.pid, down.reason),
            _ => return Ok(()),
        };
        self.carry_out(Event::Exited { pid, reason }, ctx).await?;
        Ok(())
    }

    async fn terminate(&mut self, _reason: &ExitReason, ctx: &mut Context<Ask>) {
        // That it ends is known already; what counts is that its children have.
        let _ = self.carry_out(Event::Stop, ctx).await;
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChildCount { specs, active, .. } = self.count();
        write!(f, "{:?}, children: {specs}, alive: {active}", self.decide.strategy())
    }
}

/// What takes time.
enum Step {
    Start(Key),
    Stop(Pid, Shutdown),
}

type Answer = Result<Option<Pid>, ChildError>;

impl Server {
    /// Carries out all that follows from `event`, to the end. Returns the answer to a request.
    async fn carry_out(&mut self, event: Event, ctx: &mut Context<Ask>) -> Result<Option<Answer>, ExitReason> {
        let mut answer = None;
        let mut next = Some(event);
        // Hardly any event leads to more.
        let mut actions = Vec::with_capacity(2);
        // Restarts count from here: the steps that follow from the event decide on none.
        let now = ctx.system().uptime();
        while let Some(event) = next.take() {
            self.decide.decide(event, now, &mut actions);
            let mut step = None;
            for action in actions.drain(..) {
                match action {
                    Action::Start(key) => step = Some(Step::Start(key)),
                    Action::Stop { pid, shutdown, .. } => step = Some(Step::Stop(pid, shutdown)),
                    Action::Retry { retry, pause: None } => ctx.address().cast(Ask::Retry(retry)),
                    Action::Retry { retry, pause: Some(pause) } => drop(ctx.send_after(pause, Ask::Retry(retry))),
                    Action::Answer(result) => answer = Some(result),
                    Action::Exit(reason) => return Err(reason),
                    Action::Report { context, reason, offender } => {
                        ctx.system().report(|| {
                            let report = SupervisorReport::new(ctx.pid(), context, reason, offender);
                            Report::Supervisor(Arc::new(report.named(self.name.clone())))
                        });
                    }
                    Action::Progress { key, pid, requested } => self.report_progress(key, pid, requested, ctx),
                }
            }
            next = match step {
                Some(Step::Start(key)) => Some(Event::Started(self.start_child(key, ctx).await)),
                Some(Step::Stop(pid, shutdown)) => Some(Event::Stopped(shutdown::stop(ctx, pid, shutdown).await)),
                None => None,
            };
        }
        Ok(answer)
    }

    async fn start_child(&self, key: Key, ctx: &mut Context<Ask>) -> Result<Pid, StartError> {
        let child = self.decide.children().get(key).expect("only a child that is there is started");
        let parent = ctx.as_parent().as_supervisor(child.starts.into());
        let pid = start(&child.start, parent).await?;
        shutdown::keep_watch(ctx, pid);
        Ok(pid)
    }

    fn report_progress(&mut self, key: Key, pid: Pid, requested: bool, ctx: &Context<Ask>) {
        ctx.system().report(|| {
            let id = self.decide.told_id(key);
            let report = ProgressReport::new(ctx.pid(), id, pid, requested);
            Report::Progress(Arc::new(report.named(self.name.clone())))
        });
    }

    fn find(&self, id: Arc<str>) -> Result<(Key, &Child), ChildError> {
        self.decide.children().find(&id).ok_or(ChildError::NotFound { id })
    }

    fn count(&self) -> ChildCount {
        let mut count = ChildCount::default();
        for child in self.decide.children().iter() {
            let lives = |pid| self.system.is_alive(pid);
            count.add(child.start.kind(), matches!(child.state, ChildState::Running(pid) if lives(pid)));
        }
        count
    }
}

/// Starts a child. User code that panics in the making of it fails the start, and nothing else.
async fn start(start: &Arc<dyn StartChild>, parent: Parent) -> Result<Pid, StartError> {
    let start = start.clone();
    let started = catch_panic(async move { start.start_child(&parent).await }).await;
    started.unwrap_or_else(|panic| Err(StartError::Init(panic)))
}

impl Drop for Server {
    /// Whoever lives still was not stopped, because this process was killed.
    fn drop(&mut self) {
        let orphan = |(child, policy): (&Child, ChildPolicy)| match child.state {
            ChildState::Running(pid) => Some((pid, policy.shutdown)),
            ChildState::Restarting | ChildState::Stopped => None,
        };
        shutdown::outlive(&self.system, self.decide.children().with_policies().filter_map(orphan).collect());
    }
}
