//! What a process body holds: its mailbox, and all it can do as itself.

mod blocking;
mod notice;
mod receive;
mod relations;
mod timers;
mod wishes;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use slog::{Logger, o};

use crate::address::Address;
use crate::ancestors::Ancestors;
use crate::any_process::WithControl;
use crate::failure::OnFailure;
use crate::logging::Identity;
use crate::mailbox::{Burst, Item};
use crate::names::RegisterError;
use crate::pid::Pid;
use crate::process::Process;
use crate::scheduler::Priority;
use crate::signal::Exit;
use crate::system::SystemHandle;
use crate::timers::Sleep;

pub use relations::MonitorOptions;
pub use timers::{Interval, Missed};
pub use wishes::{AnswerAtEnd, IdleTimeout, Wishes};

/// A process as its own body sees it.
///
/// `M` is the type of its messages. Exits it traps and downs of what it monitors come through the same mailbox, in the
/// order in which they were sent.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, Event, ExitReason, System};
///
/// let outcome = System::new("family").run(|mut ctx: Context<()>| async move {
///     ctx.trap_exit(true);
///     let child = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("lost the key")) });
///     let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!(Some(exit.pid), child.pid());
///     assert_eq!(exit.reason, ExitReason::error("lost the key"));
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct Context<M: Send + 'static> {
    process: Arc<Process<M>>,
    /// Taken from the mailbox, not received yet.
    batch: Burst<Item<M>>,
    /// Made when it is first asked for a logger, or changed.
    seldom: OnceLock<Box<Seldom<M>>>,
}

/// What most processes never have: an idle one does without all of it.
struct Seldom<M> {
    /// How much of the batch, from its front, has priority.
    urgent: usize,
    /// Who wants to hear if the process fails of what it has received last.
    on_failure: Option<OnFailure>,
    logger: OnceLock<Logger>,
    wishes: Option<Box<Wishes<M>>>,
}

impl<M> Default for Seldom<M> {
    fn default() -> Self {
        Seldom { urgent: 0, on_failure: None, logger: OnceLock::new(), wishes: None }
    }
}

impl<M: Send + 'static> Context<M> {
    pub(crate) fn new(process: Arc<Process<M>>) -> Self {
        Context { process, batch: Burst::new(), seldom: OnceLock::new() }
    }

    /// Who this process is.
    pub fn pid(&self) -> Pid {
        self.process.pid
    }

    /// Where others send it messages.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let answer = test.run(|mut ctx: Context<u32>| async move {
    ///     let home = ctx.address();
    ///     ctx.spawn(|_ctx: Context<()>| async move { home.cast(42) });
    ///     ctx.receive_message().await
    /// });
    /// assert_eq!(answer, 42);
    /// ```
    pub fn address(&self) -> Address<M> {
        Address::of(self.process.clone())
    }

    /// The system it lives in.
    pub fn system(&self) -> &SystemHandle {
        &self.process.system
    }

    /// Who started it; `None` if that was no process.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     assert_eq!(ctx.parent(), None); // No process has started this one.
    ///     let here = ctx.pid();
    ///     let child = ctx.spawn(move |ctx: Context<()>| async move { assert_eq!(ctx.parent(), Some(here)) });
    ///     assert_eq!(child.exited().await, ExitReason::Normal);
    /// });
    /// ```
    pub fn parent(&self) -> Option<Pid> {
        self.process.ancestors.parent()
    }

    /// Who started it, and who started that one, and so on, the nearest first; OTP's `$ancestors`.
    pub fn ancestors(&self) -> &Ancestors {
        &self.process.ancestors
    }

    /// Its registered name, if it has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     assert_eq!(ctx.name(), None);
    ///     ctx.register("shop").unwrap();
    ///     assert_eq!(ctx.name().as_deref(), Some("shop"));
    ///     ctx.system().unregister("shop");
    ///     assert_eq!(ctx.name(), None);
    /// });
    /// ```
    pub fn name(&self) -> Option<Arc<str>> {
        self.process.control(|control| control.name().cloned())
    }

    /// What it calls itself, if it does; see [`set_label`](Self::set_label).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     ctx.set_label("opens the shop");
    ///     assert_eq!(ctx.label().as_deref(), Some("opens the shop"));
    /// });
    /// ```
    pub fn label(&self) -> Option<Arc<str>> {
        self.process.control(|control| control.label().cloned())
    }

    /// A logger whose records carry the pid, the name, the label and the ancestors of this process.
    ///
    /// Name and label are those that it has when it first asks, or has given itself since. A clone keeps those it had.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|mut ctx: Context<()>| async move {
    ///     ctx.set_label("clerk");
    ///     slog::warn!(ctx.logger(), "out of paper"); // …, label: clerk, pid: <0.1.1>
    /// });
    /// assert_eq!(test.block_on(clerk.exited()), ExitReason::Normal);
    /// ```
    pub fn logger(&self) -> &Logger {
        self.seldom.get_or_init(Box::default).logger.get_or_init(|| {
            let ancestors = self.ancestors().clone();
            let identity = Identity { pid: self.pid(), name: self.name(), label: self.label(), ancestors };
            self.process.system.logger().new(o!(identity))
        })
    }

    /// Takes a name; see [`SystemHandle::register`].
    ///
    /// # Errors
    /// If the name is taken, or this process has one already.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     ctx.register("shop").unwrap();
    ///     assert_eq!(ctx.name().as_deref(), Some("shop"));
    ///     assert_eq!(ctx.system().whereis("shop"), Some(ctx.pid()));
    ///     assert!(ctx.register("store").is_err(), "one name is enough");
    /// });
    /// ```
    pub fn register(&mut self, name: &str) -> Result<(), RegisterError> {
        self.forget_logger();
        self.process.system.register(name, self.pid())
    }

    /// Says what this process is, in a few words, for reports and whoever looks at it; OTP's `set_label`.
    ///
    /// # Examples
    ///
    /// Unlike a name, many may have it, and nobody is found by it:
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Pid};
    ///
    /// let test = TestSystem::new(1);
    /// for guest in ["Ann", "Bob"] {
    ///     test.spawn(move |mut ctx: Context<()>| async move {
    ///         ctx.set_label(&format!("session of {guest}"));
    ///         pending::<()>().await;
    ///     });
    /// }
    /// test.run_until_idle();
    /// let label = |pid: Pid| test.process_info(pid).unwrap().label.unwrap().to_string();
    /// let labels: Vec<String> = test.processes().into_iter().map(label).collect();
    /// assert_eq!(labels, ["session of Ann", "session of Bob"]);
    /// ```
    pub fn set_label(&mut self, label: &str) {
        self.forget_logger();
        self.process.control(|control| control.seldom.make().label = Some(label.into()));
    }

    /// Sets how urgent this process's work is from its next await on, and returns what it was; OTP's
    /// `process_flag(priority, Level)`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Priority};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     assert_eq!(ctx.set_priority(Priority::High), Priority::Normal);
    ///     // … what cannot wait …
    ///     assert_eq!(ctx.set_priority(Priority::Normal), Priority::High);
    /// });
    /// ```
    pub fn set_priority(&mut self, priority: Priority) -> Priority {
        let before = self.process.priority();
        self.process.set_priority(priority);
        before
    }

    /// Waits for `duration` of the system's time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|ctx: Context<()>| async move {
    ///     ctx.sleep(Duration::from_secs(60)).await; // Nobody else waits: only this process does.
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(60));
    /// ```
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.process.system.sleep(duration)
    }

    /// Waits until `deadline`, an instant of the system's clock.
    ///
    /// # Examples
    ///
    /// A rhythm that does not drift, however long the work takes:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|ctx: Context<()>| async move {
    ///     let start = ctx.system().now();
    ///     for beat in 1..=3 {
    ///         ctx.sleep(Duration::from_millis(700)).await; // The work.
    ///         ctx.sleep_until(start + Duration::from_secs(beat)).await;
    ///     }
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(3));
    /// ```
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        self.process.system.sleep_until(deadline)
    }

    /// For behaviours: from here on a loop runs this process that takes [system messages](Self::receive_incoming).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Incoming, Reply, SystemMessage};
    ///
    /// struct Ping(Reply<&'static str>);
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let server = ctx.spawn(|mut ctx: Context<()>| async move {
    ///         ctx.become_behaviour();
    ///         if let Incoming::System(request) = ctx.receive_incoming().await {
    ///             request.downcast::<Ping>().expect("nobody asks anything else").0.send("pong");
    ///         }
    ///         # pending::<()>().await;
    ///     });
    ///     # ctx.sleep(std::time::Duration::from_secs(1)).await;
    ///     let system = ctx.system();
    ///     assert_eq!(system.system_call(&server, None, |reply| SystemMessage::new(Ping(reply))).await, Ok("pong"));
    ///     let plain = system.spawn(|_ctx: Context<()>| pending::<()>());
    ///     let error = system.system_call(&plain, None, |reply| SystemMessage::new(Ping(reply))).await.unwrap_err();
    ///     assert!(error.to_string().ends_with("it is not a behaviour"));
    /// });
    /// ```
    pub fn become_behaviour(&mut self) {
        self.process.become_behaviour();
    }

    /// For behaviours: who waits for an answer of this process, as far as is known. Only debug builds know it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// let mut client = test.probe::<()>();
    /// let to = test.named::<Reply<usize>>("till");
    /// let options = SpawnOptions::new().name("till");
    /// test.spawn_with(options, |mut ctx: Context<Reply<usize>>| async move {
    ///     let reply = ctx.receive_message().await;
    ///     let callers = ctx.callers().len();
    ///     reply.send(callers);
    /// }).unwrap();
    /// let callers = client.call(&to, |reply| reply).unwrap();
    /// assert_eq!(callers, usize::from(cfg!(debug_assertions)));
    /// ```
    pub fn callers(&self) -> Vec<Pid> {
        #[cfg(debug_assertions)]
        return self.process.system.shared.waits.callers_of(self.pid());
        #[cfg(not(debug_assertions))]
        Vec::new()
    }

    /// For behaviours: from here on this process only cleans up. Calls that it leaves unanswered hear of its end, with the
    /// reason, instead of a reply that was dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{CallError, Context, ExitReason, Reply};
    ///
    /// let test = TestSystem::new(1);
    /// let server = test.spawn(|mut ctx: Context<Reply<u32>>| async move {
    ///     let reply = ctx.receive_message().await;
    ///     ctx.begin_exit();
    ///     drop(reply);
    ///     // … clean up …
    ///     Err(ExitReason::error("the disk is full"))
    /// });
    /// let error = test.block_on(server.call(|reply| reply)).unwrap_err();
    /// assert!(matches!(error, CallError::Down { .. }), "it hears of the end, not of a reply that was dropped");
    /// assert!(error.to_string().ends_with("the disk is full"));
    /// ```
    pub fn begin_exit(&mut self) {
        self.process.leave();
    }

    /// Whether `exit` comes from whoever started this process: its parent or, if it has none, the system that shuts down.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let home = ctx.address();
    ///     let child = ctx.spawn_link(|mut ctx: Context<()>| async move {
    ///         ctx.trap_exit(true);
    ///         home.cast("ready");
    ///         while let Event::Exit(exit) = ctx.receive().await {
    ///             home.cast(if ctx.is_from_parent(&exit) { "it is time to go" } else { "somebody asks" });
    ///         }
    ///     });
    ///     assert_eq!(ctx.receive_message().await, "ready");
    ///     ctx.system().exit(&child, ExitReason::Shutdown);
    ///     assert_eq!(ctx.receive_message().await, "somebody asks");
    ///     ctx.exit(&child, ExitReason::Shutdown);
    ///     assert_eq!(ctx.receive_message().await, "it is time to go");
    /// });
    /// ```
    pub fn is_from_parent(&self, exit: &Exit) -> bool {
        exit.pid == self.parent().unwrap_or(Pid::SYSTEM)
    }

    pub(crate) fn process(&self) -> &Arc<Process<M>> {
        &self.process
    }

    /// To change something there.
    fn make_seldom(&mut self) -> &mut Seldom<M> {
        self.seldom.get_or_init(Box::default);
        self.seldom.get_mut().expect("it has just been made")
    }

    /// It may have another name or label when it next logs something.
    fn forget_logger(&mut self) {
        if let Some(seldom) = self.seldom.get_mut() {
            seldom.logger.take();
        }
    }

    /// How much of the batch, from its front, has priority.
    fn urgent(&self) -> usize {
        self.seldom.get().map_or(0, |seldom| seldom.urgent)
    }

    /// Whoever wanted to hear of a failure before does not any more.
    #[inline(always)]
    fn set_on_failure(&mut self, on_failure: Option<OnFailure>) {
        if on_failure.is_some() || self.seldom.get().is_some() {
            self.change_on_failure(on_failure);
        }
    }

    #[cold]
    fn change_on_failure(&mut self, on_failure: Option<OnFailure>) {
        self.make_seldom().on_failure = on_failure;
    }
}

impl<M: Send + 'static> Drop for Context<M> {
    fn drop(&mut self) {
        let on_failure = self.seldom.get_mut().and_then(|seldom| seldom.on_failure.take());
        if !self.batch.is_empty() || on_failure.is_some() {
            self.process.put_back(std::mem::take(&mut self.batch), on_failure);
        }
        // So the end of the process, which comes next as a rule, need not exclude that one is being set.
        self.process.timers.retire();
    }
}

impl<M: Send + 'static> fmt::Debug for Context<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("pid", &self.pid()).finish_non_exhaustive()
    }
}
