//! What a behaviour's loop has to do with system messages.

use std::any::Any;
use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Instant;

use proscenium_runtime::{
    Context, Event, EventRef, ExitReason, Incoming, Pid, Reply, Report, SystemHandle, SystemMessage, TerminateReport,
    consume_budget,
};

use super::client::SysStatus;
use super::command::{Command, StateRef};
use super::event::{SysEvent, SysEventKind, shown};
use super::watch::Watch;

/// A behaviour's process as [`Sys`](super::Sys) finds it.
///
/// # Examples
///
/// What [`Sys`](super::Sys) shows of a loop of one's own, whose state is a number:
///
/// ```
/// use std::any::{Any, type_name};
/// use std::fmt;
///
/// use proscenium_behaviours::{Subject, Sys, SysState};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, SpawnOptions};
///
/// struct Score(u32);
///
/// impl Subject for Score {
///     fn behaviour(&self) -> &'static str {
///         "game"
///     }
///
///     fn state(&mut self) -> &mut dyn Any {
///         &mut self.0
///     }
///
///     fn type_name(&self) -> &'static str {
///         type_name::<u32>()
///     }
///
///     fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "{} points", self.0)
///     }
/// }
///
/// let test = TestSystem::new(1);
/// let game = test.spawn_with(SpawnOptions::new().behaviour(), |mut ctx: Context<()>| async move {
///     SysState::new().receive(&mut ctx, &mut Score(7)).await;
/// }).unwrap();
/// let sys = Sys::new(&test, &game);
/// let status = test.block_on(sys.get_status()).unwrap();
/// assert_eq!((status.behaviour, status.type_name, &*status.state), ("game", "u32", "7 points"));
/// assert_eq!(test.block_on(sys.get_state(|points: &u32| *points)), Ok(7));
/// ```
pub trait Subject: Send {
    /// What the behaviour is called, such as `gen_server`.
    fn behaviour(&self) -> &'static str;

    /// The state.
    fn state(&mut self) -> &mut dyn Any;

    /// The type of the state.
    fn type_name(&self) -> &'static str;

    /// Writes of the state what may be shown; OTP's `format_status`.
    ///
    /// # Errors
    /// If `f` fails.
    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// Answers system messages for the loop that receives by it. Every behaviour has one, and who writes a loop of their own makes
/// it one that [`Sys`](super::Sys) can ask; OTP's special processes.
///
/// The process must be [spawned as a behaviour](proscenium_runtime::SpawnOptions::behaviour) or
/// [become one](Context::become_behaviour).
///
/// # Examples
///
/// ```
/// use std::any::{Any, type_name};
/// use std::fmt;
///
/// use proscenium_behaviours::{Received, Subject, Sys, SysState};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, ExitReason, SpawnOptions};
///
/// struct Sum(u32);
///
/// impl Subject for Sum {
///     fn behaviour(&self) -> &'static str {
///         "sum"
///     }
///
///     fn state(&mut self) -> &mut dyn Any {
///         self
///     }
///
///     fn type_name(&self) -> &'static str {
///         type_name::<Self>()
///     }
///
///     fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "{}", self.0)
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let options = SpawnOptions::new().behaviour();
///     let adder = ctx.spawn_link_with(options, |mut ctx: Context<u32>| async move {
///         let (mut sum, mut sys) = (Sum(0), SysState::new());
///         loop {
///             match sys.receive(&mut ctx, &mut sum).await {
///                 Received::Event(Event::Message(n)) => sum.0 += n,
///                 Received::Event(_) => {}
///                 Received::Stop(reason) => return Err::<(), ExitReason>(reason),
///             }
///         }
///     })?;
///     adder.cast(2);
///     adder.cast(3);
///     let sys = Sys::new(ctx.system(), &adder);
///     assert_eq!(sys.get_state(|sum: &Sum| sum.0).await?, 5);
///     assert_eq!(&*sys.get_status().await?.state, "5");
///     Ok::<_, ExitReason>(())
/// })?;
/// # Ok::<(), ExitReason>(())
/// ```
#[derive(Default)]
pub struct SysState(Option<Box<Inner>>);

#[derive(Default)]
struct Inner {
    is_suspended: bool,
    watch: Watch,
    /// What was handled last, if that is kept.
    last_message: Option<Arc<str>>,
    /// Who waits for the end. Not answered but dropped, when the process has ended.
    stopping: Option<Reply<Infallible>>,
}

/// What a behaviour's loop receives, system messages apart.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Received, Sys, SysState};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, SpawnOptions};
///
/// # mod tally { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tally.rs")); }
/// # use tally::*;
/// let test = TestSystem::new(1);
/// let game = test.spawn_with(SpawnOptions::new().behaviour(), |mut ctx: Context<()>| async move {
///     let (mut tally, mut sys) = (Tally(0), SysState::new());
///     loop {
///         match sys.receive(&mut ctx, &mut tally).await {
///             Received::Event(_) => tally.0 += 1,
///             Received::Stop(reason) => return Err::<(), _>(reason), // After it has cleaned up.
///         }
///     }
/// }).unwrap();
/// let sys = Sys::new(&test, &game);
/// assert_eq!(test.block_on(sys.stop(ExitReason::shutdown_with("bed time"))), Ok(()));
/// ```
#[derive(Debug)]
pub enum Received<M> {
    /// What is to be handled next.
    Event(Event<M>),
    /// The parent has ended, or somebody wants the process to stop: it cleans up, and ends with this reason.
    Stop(ExitReason),
}

impl SysState {
    /// Of a process that runs, and of which nobody has asked anything.
    pub fn new() -> Self {
        SysState::default()
    }

    /// Receives what comes next. System messages on the way are answered; while the process is suspended, all else stays in
    /// the mailbox. An exit of the parent's that is trapped is an order to stop.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing but whether the process is suspended.
    #[expect(clippy::manual_async_fn, reason = "an async function would keep room for each of its arguments twice")]
    pub fn receive<M: Send + 'static>(
        &mut self,
        ctx: &mut Context<M>,
        subject: &mut impl Subject,
    ) -> impl Future<Output = Received<M>> + Send {
        async move {
            loop {
                let message = match ctx.receive_incoming().await {
                    // For itself: an event may be larger than a message by far.
                    Incoming::Event(Event::Message(message)) => return Received::Event(Event::Message(message)),
                    Incoming::Event(event) => return sort(event, ctx),
                    Incoming::System(message) => message,
                };
                // Boxed, so that a process has no room for it meanwhile.
                if let Attended::Stop(reason) = Box::pin(self.attend(message, ctx, subject, None)).await {
                    return Received::Stop(reason);
                }
            }
        }
    }

    /// As [`receive`](Self::receive); `None` if nothing to be handled has come by `deadline`, an instant of the system's clock.
    /// System messages do not move it. If it passes while the process is suspended, that is told when it is resumed,
    /// unless something came before.
    ///
    /// # Cancel safety
    /// As [`receive`](Self::receive).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::{Received, Sys, SysState};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, SpawnOptions};
    ///
    /// # mod tally { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tally.rs")); }
    /// # use tally::*;
    /// let test = TestSystem::new(1);
    /// let game = test.spawn_with(SpawnOptions::new().behaviour(), |mut ctx: Context<()>| async move {
    ///     let (mut tally, mut sys) = (Tally(0), SysState::new());
    ///     loop {
    ///         let deadline = ctx.system().now() + Duration::from_secs(60);
    ///         match sys.receive_deadline(&mut ctx, &mut tally, deadline).await {
    ///             Some(Received::Event(_)) => tally.0 += 1,
    ///             Some(Received::Stop(reason)) => return Err(reason),
    ///             None => return Err(ExitReason::shutdown_with("nobody plays")),
    ///         }
    ///     }
    ///     # #[allow(unreachable_code)]
    ///     # Ok(())
    /// }).unwrap();
    /// game.cast(());
    /// test.advance(Duration::from_secs(59));
    /// let sys = Sys::new(&test, &game);
    /// assert_eq!(test.block_on(sys.get_state(|tally: &Tally| tally.0)), Ok(1)); // To be asked is not to be played.
    /// assert_eq!(test.block_on(game.exited()), ExitReason::shutdown_with("nobody plays"));
    /// assert_eq!(test.elapsed(), Duration::from_secs(60));
    /// ```
    pub async fn receive_deadline<M: Send + 'static>(
        &mut self,
        ctx: &mut Context<M>,
        subject: &mut dyn Subject,
        deadline: Instant,
    ) -> Option<Received<M>> {
        let mut deadline = Some(deadline);
        loop {
            let incoming = match deadline {
                Some(at) => ctx.receive_incoming_deadline(at).await?,
                None => ctx.receive_incoming().await,
            };
            let message = match incoming {
                Incoming::Event(event) => return Some(sort(event, ctx)),
                Incoming::System(message) => message,
            };
            match self.attend(message, ctx, subject, deadline).await {
                Attended::Runs => {}
                Attended::Overdue => return None,
                Attended::Moot => deadline = None,
                Attended::Stop(reason) => return Some(Received::Stop(reason)),
            }
        }
    }

    /// As [`receive`](Self::receive) or, with a deadline, [`receive_deadline`](Self::receive_deadline); where the mailbox has
    /// nothing, also a message that `poll_other` gives. That is not asked while the process is suspended.
    pub(crate) async fn receive_or<M: Send + 'static>(
        &mut self,
        ctx: &mut Context<M>,
        subject: &mut dyn Subject,
        mut deadline: Option<Instant>,
        mut poll_other: impl FnMut(&mut task::Context<'_>) -> Poll<M> + Send,
    ) -> Option<Received<M>> {
        loop {
            let incoming = incoming_or(ctx, deadline, &mut poll_other).await?;
            let message = match incoming {
                Incoming::Event(event) => return Some(sort(event, ctx)),
                Incoming::System(message) => message,
            };
            match Box::pin(self.attend(message, ctx, subject, deadline)).await {
                Attended::Runs => {}
                Attended::Overdue => return None,
                Attended::Moot => deadline = None,
                Attended::Stop(reason) => return Some(Received::Stop(reason)),
            }
        }
    }

    /// Whether somebody may watch, so that events are [noted](Self::note).
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.0.is_some()
    }

    /// Whether somebody has asked by [`Sys::stop`](super::Sys::stop) that the process stops, rather than its parent.
    #[cfg(all(unix, feature = "isolate"))]
    pub(crate) fn is_asked_to_stop(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| inner.stopping.is_some())
    }

    /// Tells whoever watches of an event, what `text` writes of it. If nobody does, it costs next to nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Received, Sys, SysEventKind, SysState};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, SpawnOptions};
    ///
    /// # mod tally { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tally.rs")); }
    /// # use tally::*;
    /// let test = TestSystem::new(1);
    /// let game = test.spawn_with(SpawnOptions::new().behaviour(), |mut ctx: Context<u32>| async move {
    ///     let (mut tally, mut sys) = (Tally(0), SysState::new());
    ///     while let Received::Event(event) = sys.receive(&mut ctx, &mut tally).await {
    ///         let proscenium_runtime::Event::Message(points) = event else { continue };
    ///         sys.note(&ctx, SysEventKind::In, |f| write!(f, "{points} points"));
    ///         tally.0 += points;
    ///     }
    /// }).unwrap();
    /// let events = test.block_on(Sys::new(&test, &game).trace()).unwrap();
    /// game.cast(3);
    /// assert_eq!(&*test.block_on(events.recv()).unwrap().text, "3 points");
    /// ```
    #[inline]
    pub fn note<M: Send + 'static>(
        &mut self,
        ctx: &Context<M>,
        kind: SysEventKind,
        text: impl Fn(&mut fmt::Formatter<'_>) -> fmt::Result,
    ) {
        if let Some(inner) = &mut self.0 {
            inner.watch.take_in(&SysEvent::new(ctx.pid(), ctx.system().now(), kind, shown(&text)));
        }
    }

    /// Keeps what `text` writes of a message that is about to be handled, for [`report`](Self::report).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::SysState;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Report};
    ///
    /// # mod tally { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tally.rs")); }
    /// # use tally::*;
    /// let test = TestSystem::new(1);
    /// test.run(|ctx: Context<()>| async move {
    ///     let mut sys = SysState::new();
    ///     sys.keep_message(|f| f.write_str("double points"));
    ///     // … which it fails of:
    ///     sys.report(&ctx, &Tally(7), &ExitReason::error("out of chalk"));
    /// });
    /// let report = test.expect_report(|report| matches!(report, Report::Terminate(_)));
    /// let Report::Terminate(report) = report else { unreachable!("it matches") };
    /// assert_eq!(report.last_message.as_deref(), Some("double points"));
    /// ```
    pub fn keep_message(&mut self, text: impl Fn(&mut fmt::Formatter<'_>) -> fmt::Result) {
        self.0.get_or_insert_default().last_message = Some(shown(&text));
    }

    /// Reports that the process stops because of a failure; OTP's terminate report. An orderly end is not reported.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::SysState;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Report};
    ///
    /// # mod tally { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/tally.rs")); }
    /// # use tally::*;
    /// let test = TestSystem::new(1);
    /// let reports = test.reports();
    /// test.run(|ctx: Context<()>| async move {
    ///     let sys = SysState::new();
    ///     sys.report(&ctx, &Tally(7), &ExitReason::Shutdown); // In order: there is nothing to report.
    ///     sys.report(&ctx, &Tally(7), &ExitReason::error("out of chalk"));
    /// });
    /// let Ok(Report::Terminate(report)) = reports.try_recv() else { unreachable!("it is the first") };
    /// assert_eq!((report.behaviour, &*report.state), ("tally", "7 strokes"));
    /// assert_eq!(report.reason, ExitReason::error("out of chalk"));
    /// ```
    pub fn report<M: Send + 'static>(&self, ctx: &Context<M>, subject: &impl Subject, reason: &ExitReason) {
        if !reason.is_crash() {
            return;
        }
        ctx.system().report(|| {
            let mut report = self.terminate_report(ctx.pid(), subject, reason);
            (report.name, report.label, report.clients) = (ctx.name(), ctx.label(), ctx.callers());
            Report::Terminate(Arc::new(report))
        });
    }

    fn terminate_report(&self, pid: Pid, subject: &dyn Subject, reason: &ExitReason) -> TerminateReport {
        let state = shown(&|f| subject.format_status(f));
        let mut report = TerminateReport::new(pid, reason.clone(), subject.behaviour(), subject.type_name(), state);
        if let Some(inner) = &self.0 {
            report.last_message = inner.last_message.clone().or_else(|| inner.watch.last_message());
            report.log = inner.watch.logged().iter().map(ToString::to_string).collect();
        }
        report
    }

    /// Does what the message says, and all that others say until the process runs.
    async fn attend<M: Send + 'static>(
        &mut self,
        message: SystemMessage,
        ctx: &mut Context<M>,
        subject: &mut dyn Subject,
        mut deadline: Option<Instant>,
    ) -> Attended {
        let mut attended = Attended::Runs;
        let mut message = Some(message);
        loop {
            if let Some(message) = message.take() {
                let obeyer = Obeyer { system: ctx.system(), pid: ctx.pid(), parent: ctx.parent() };
                if let Some(stop) = self.obey(message, &obeyer, subject) {
                    return Attended::Stop(stop);
                }
            }
            if self.0.as_ref().is_none_or(|inner| !inner.is_suspended) {
                return attended;
            }
            let parent = ctx.parent().unwrap_or(Pid::SYSTEM);
            let from_parent = |event: EventRef<'_, M>| matches!(event, EventRef::Exit(exit) if exit.pid == parent);
            let received = match deadline {
                Some(at) => ctx.sleep_until(at).limit(ctx.receive_system_or(from_parent)).await,
                None => Some(ctx.receive_system_or(from_parent).await),
            };
            match received {
                Some(Incoming::System(next)) => message = Some(next),
                Some(Incoming::Event(Event::Exit(exit))) => return Attended::Stop(exit.reason),
                Some(Incoming::Event(_)) => unreachable!("only the parent's exit matches"),
                None => {
                    deadline = None;
                    attended = if something_waits(ctx) { Attended::Moot } else { Attended::Overdue };
                }
            }
        }
    }

    /// Carries out one command. Returns why the process shall stop, if it shall.
    fn obey(&mut self, message: SystemMessage, obeyer: &Obeyer<'_>, subject: &mut dyn Subject) -> Option<ExitReason> {
        // What another system sends is dropped, and its sender hears that nobody answers.
        let command = message.downcast::<Command>().ok()?;
        let inner = self.0.get_or_insert_default();
        match command {
            Command::Suspend(reply) => {
                inner.is_suspended = true;
                reply.send(());
            }
            Command::Resume(reply) => {
                inner.is_suspended = false;
                reply.send(());
            }
            Command::GetStatus(reply) => reply.send(inner.status(obeyer, subject)),
            Command::WithState(act) => {
                let type_name = subject.type_name();
                act(StateRef { state: subject.state(), type_name });
            }
            Command::Terminate(reason, reply) => {
                inner.stopping = Some(reply);
                return Some(reason);
            }
            watching => inner.watch.obey(watching, obeyer),
        }
        if !inner.is_suspended && inner.watch.is_off() && inner.last_message.is_none() {
            self.0 = None;
        }
        None
    }
}

impl fmt::Debug for SysState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_suspended = self.0.as_ref().is_some_and(|inner| inner.is_suspended);
        f.debug_struct("SysState").field("is_suspended", &is_suspended).finish_non_exhaustive()
    }
}

/// How a process is once it runs again.
enum Attended {
    Runs,
    /// Its deadline has passed, and nothing came before.
    Overdue,
    /// Its deadline has passed, and something came before, which waits.
    Moot,
    Stop(ExitReason),
}

/// The process that obeys, whatever its message type: what obeys is compiled once.
struct Obeyer<'a> {
    system: &'a SystemHandle,
    pid: Pid,
    parent: Option<Pid>,
}

impl Inner {
    fn status(&self, obeyer: &Obeyer<'_>, subject: &dyn Subject) -> SysStatus {
        SysStatus {
            pid: obeyer.pid,
            parent: obeyer.parent,
            behaviour: subject.behaviour(),
            type_name: subject.type_name(),
            is_suspended: self.is_suspended,
            state: shown(&|f| subject.format_status(f)),
            log: self.watch.logged(),
        }
    }
}

impl Watch {
    fn obey(&mut self, command: Command, obeyer: &Obeyer<'_>) {
        let now = obeyer.system.now();
        let sent = || obeyer.system.process_info(obeyer.pid).map_or(0, |info| info.sent);
        match command {
            Command::Log(most, reply) => {
                self.log(most);
                reply.send(());
            }
            Command::GetLog(reply) => reply.send(self.logged()),
            Command::Statistics(true, reply) => {
                self.count_from(now, sent());
                reply.send(());
            }
            Command::Statistics(false, reply) => {
                self.stop_counting();
                reply.send(());
            }
            Command::GetStatistics(reply) => reply.send(self.statistics(now, sent())),
            Command::Trace(subscriber, reply) => {
                self.subscribe(subscriber);
                reply.send(());
            }
            Command::Install(id, function, reply) => reply.send(self.install(id, function)),
            Command::Remove(id, reply) => reply.send(self.remove(&id)),
            Command::NoDebug(reply) => {
                *self = Watch::default();
                reply.send(());
            }
            Command::Suspend(_)
            | Command::Resume(_)
            | Command::GetStatus(_)
            | Command::WithState(_)
            | Command::Terminate(..) => unreachable!("the process itself obeys these"),
        }
    }
}

/// The next from the mailbox or, if there is nothing, what `poll_other` gives; `None` if the deadline passes before.
async fn incoming_or<M: Send + 'static>(
    ctx: &mut Context<M>,
    deadline: Option<Instant>,
    poll_other: &mut (impl FnMut(&mut task::Context<'_>) -> Poll<M> + Send),
) -> Option<Incoming<M>> {
    // What comes from elsewhere is paid for here, what is in the mailbox there.
    consume_budget().await;
    let sleep = deadline.map(|at| ctx.sleep_until(at));
    let mut incoming = pin!(ctx.receive_incoming());
    let next = poll_fn(|cx| match incoming.as_mut().poll(cx) {
        Poll::Pending => poll_other(cx).map(|message| Incoming::Event(Event::Message(message))),
        ready => ready,
    });
    match sleep {
        Some(sleep) => sleep.limit(next).await,
        None => Some(next.await),
    }
}

/// The parent's exit is an order to stop; all else is to be handled.
fn sort<M: Send + 'static>(event: Event<M>, ctx: &Context<M>) -> Received<M> {
    match event {
        Event::Exit(exit) if ctx.is_from_parent(&exit) => Received::Stop(exit.reason),
        event => Received::Event(event),
    }
}

fn something_waits<M: Send + 'static>(ctx: &mut Context<M>) -> bool {
    let mut waits = false;
    ctx.try_receive_matching(|_| {
        waits = true;
        false
    });
    waits
}
