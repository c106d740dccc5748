//! A system owns everything that its processes share. There are no statics: two systems know nothing of each other.

use std::array;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::thread;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use event_listener::Event;
use futures_lite::future;
use slog::Logger;

use crate::any_process::{AnyProcess, Delivery, WithControl, wait_for_end};
use crate::clock::Clock;
use crate::dead_letters::{DeadLetter, DeadLetters, DeadReason};
use crate::exit::ExitReason;
use crate::groups::Groups;
use crate::info::ProcessInfo;
use crate::names::{Names, RegisterError};
use crate::observer::{Moment, Observer};
use crate::panic;
use crate::pid::{MonitorRef, Pid, Recipient};
use crate::report::{Report, Reports};
use crate::scheduler::{Scheduler, Settled, Workers};
use crate::signal::{Exit, Signal};
use crate::stderr;
use crate::sync::Lock;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::table::Table;
use crate::timers::{Sleep, Timers};
#[cfg(debug_assertions)]
use crate::waits::Waits;

/// Processes and all they share: workers, names, timers, reports. The system ends when this is dropped.
///
/// Systems have no statics: several may live in one OS process, may use the same names, and know nothing of each other.
/// Everything that can be done from within as well is on [`SystemHandle`], to which this dereferences.
///
/// Dropping it kills the processes that are left and waits until they are gone; [`shutdown`](Self::shutdown) stops them in
/// order first. A process whose code never awaits cannot be killed: the drop waits 5 s for it and then leaves its thread
/// behind. Dropped by a process of its own, it waits for nothing: that process ends at its next await, as do the others.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// let outcome = System::new("greeting").run(|mut ctx: Context<()>| async move {
///     let child = ctx.spawn(|mut ctx: Context<&str>| async move {
///         assert_eq!(ctx.receive_message().await, "hello");
///     });
///     child.cast("hello");
///     assert_eq!(child.exited().await, ExitReason::Normal);
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct System {
    handle: SystemHandle,
    shutdown_timeout: Duration,
}

impl System {
    /// A system with one worker thread per processor, which logs warnings and errors to standard error.
    ///
    /// # Panics
    /// If the operating system gives no threads; [`Builder::build`] returns that as an error.
    pub fn new(name: &str) -> Self {
        Builder::new(name).build().expect("the operating system gives a thread")
    }

    /// A system made to measure.
    pub fn builder(name: &str) -> Builder {
        Builder::new(name)
    }

    /// A system whose processes `scheduler` runs, whose time `timers` tells, and whom `observer` watches.
    pub(crate) fn assemble(
        name: &str,
        logger: Logger,
        timers: Arc<Timers>,
        scheduler: Box<dyn Scheduler>,
        observer: Option<Arc<dyn Observer>>,
        shutdown_timeout: Duration,
    ) -> Self {
        panic::install_hook();
        let shared = Shared {
            name: name.into(),
            started: timers.now(),
            timers,
            table: Table::new(),
            names: Names::default(),
            groups: Arc::default(),
            dead_letters: DeadLetters::new(),
            reports: Reports::new(logger),
            scheduler,
            observer,
            #[cfg(debug_assertions)]
            waits: Arc::default(),
            references: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
            busy_time_users: AtomicUsize::new(0),
            link_locks: array::from_fn(|_| Lock::default()),
            emptied: Event::new(),
            halting: AtomicBool::new(false),
        };
        System { handle: SystemHandle { shared: Arc::new(shared) }, shutdown_timeout }
    }

    /// Stops every process in order, then ends the system. Blocks meanwhile.
    ///
    /// Processes without a living parent are asked to exit with [`ExitReason::Shutdown`], the youngest first, one after
    /// another, as OTP stops applications; a supervisor among them stops its children in turn. What is left when the
    /// shutdown timeout is over (30 s unless the builder was told otherwise) is killed.
    pub fn shutdown(self) {
        // By the machine's clock, not our timers: processes that never yield may keep those from expiring.
        let late = async {
            async_io::Timer::after(self.shutdown_timeout).await;
        };
        future::block_on(future::or(self.stop_in_order(), late));
    }

    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    pub(crate) async fn stop_in_order(&self) {
        let shared = &self.handle.shared;
        loop {
            let mut families = shared.families();
            let Some(mut roots) = families.remove(&None) else {
                return;
            };
            while let Some(process) = roots.pop() {
                shared.exit(Pid::SYSTEM, process.pid(), ExitReason::Shutdown);
                wait_for_end(&*process).await;
                // What it leaves behind are orphans now, and younger than all roots that are left.
                roots.extend(families.remove(&Some(process.pid())).unwrap_or_default());
            }
        }
    }
}

impl Deref for System {
    type Target = SystemHandle;

    fn deref(&self) -> &SystemHandle {
        &self.handle
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.handle.shared.halt();
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name()).field("processes", &self.process_count()).finish()
    }
}

/// Options of a [`System`].
#[derive(Debug)]
pub struct Builder {
    name: String,
    workers: Option<NonZeroUsize>,
    logger: Option<Logger>,
    shutdown_timeout: Duration,
    busy_time: bool,
}

impl Builder {
    fn new(name: &str) -> Self {
        Builder {
            name: name.to_owned(),
            workers: None,
            logger: None,
            shutdown_timeout: Duration::from_secs(30),
            busy_time: false,
        }
    }

    /// How many worker threads run its processes; one per processor by default.
    ///
    /// # Panics
    /// If `count` is zero.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(NonZeroUsize::new(count).expect("a system needs a worker"));
        self
    }

    /// Where reports and the processes' own records go; by default warnings and worse go to standard error, guarded against
    /// [overload](crate::logging::Overload).
    ///
    /// At its end the system flushes it, so that all is written that was logged before: see
    /// [`Guarded`](crate::logging::Guarded).
    #[must_use]
    pub fn logger(mut self, logger: Logger) -> Self {
        self.logger = Some(logger);
        self
    }

    /// How long [`System::shutdown`] lets processes stop in order before it kills the rest; 30 s by default.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Whether it measures, from its start to its end, how long each process runs; see
    /// [`SystemHandle::measure_busy_time`]. It does not by default.
    #[must_use]
    pub fn busy_time(mut self, measure: bool) -> Self {
        self.busy_time = measure;
        self
    }

    /// Starts the system.
    ///
    /// # Errors
    /// If the operating system gives no threads.
    pub fn build(self) -> io::Result<System> {
        let timers = Arc::new(Timers::new(Clock::Real));
        let count = self.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let workers = Workers::start(&self.name, count)?;
        let driven = timers.clone();
        workers.serve(Box::pin(async move { driven.drive().await }));
        let logger = self.logger.map_or_else(|| stderr::logger(&self.name), Ok)?;
        let system = System::assemble(&self.name, logger, timers, Box::new(workers), None, self.shutdown_timeout);
        system.shared.busy_time_users.store(self.busy_time.into(), Ordering::Relaxed);
        Ok(system)
    }
}

/// A system as its processes see it; cheap to clone. It does not keep the system alive.
#[derive(Clone)]
pub struct SystemHandle {
    pub(crate) shared: Arc<Shared>,
}

impl SystemHandle {
    /// The system's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Now, by the system's clock: the machine's, or a test's virtual one.
    pub fn now(&self) -> Instant {
        self.shared.timers.now()
    }

    /// Waits for `duration` of the system's time, which stands still once the system has ended.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.shared.timers.sleep_until(self.shared.timers.after(duration))
    }

    /// The pids of all processes, oldest first.
    pub fn processes(&self) -> Vec<Pid> {
        self.shared.table.all().iter().map(|process| process.pid()).collect()
    }

    /// How many processes there are.
    pub fn process_count(&self) -> usize {
        self.shared.table.len()
    }

    /// What can be told of a process; `None` if it has ended.
    pub fn process_info(&self, pid: Pid) -> Option<ProcessInfo> {
        self.shared.table.get(pid)?.info()
    }

    /// Whether the process lives. False as soon as a signal has ended it, though it may have yet to notice.
    pub fn is_alive(&self, process: impl Into<Recipient>) -> bool {
        let process = self.shared.table.get(self.shared.pid_of(&process.into()));
        process.is_some_and(|process| process.control(|control| control.is_running()))
    }

    /// Asks a process to exit; OTP's `exit/2`, without a sender.
    ///
    /// With [`ExitReason::Kill`] it ends at its next await, whatever it traps; with [`ExitReason::Normal`] nothing happens
    /// unless it traps exits. See the book's table of exit signals.
    pub fn exit(&self, to: impl Into<Recipient>, reason: ExitReason) {
        self.shared.exit(Pid::SYSTEM, self.shared.pid_of(&to.into()), reason);
    }

    /// Gives the process a name, by which others find it. The name is free again when the process ends, before anyone
    /// is told of that.
    ///
    /// # Errors
    /// If the name is taken, or the process has one already or has ended.
    pub fn register(&self, name: &str, pid: Pid) -> Result<(), RegisterError> {
        let name: Arc<str> = name.into();
        match self.shared.table.get(pid) {
            Some(process) => self.shared.names.register(&name, &process),
            None => Err(RegisterError::NoProcess { pid, name }),
        }
    }

    /// Takes a name from whoever has it, and returns who that was.
    pub fn unregister(&self, name: &str) -> Option<Pid> {
        self.shared.names.unregister(name)
    }

    /// Who has the name now.
    pub fn whereis(&self, name: &str) -> Option<Pid> {
        self.shared.names.get(name).map(|process| process.pid())
    }

    /// Waits until somebody has the name, and tells who.
    ///
    /// It may have lost the name again by then. A name that is given and taken away before the waiter has run is missed, and
    /// the wait goes on.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use proscenium_runtime::{Context, System};
    ///
    /// let outcome = System::new("waiting").run(|mut ctx: Context<()>| async move {
    ///     let late = ctx.spawn(|mut ctx: Context<()>| async move {
    ///         ctx.sleep(Duration::from_millis(1)).await;
    ///         ctx.register("late").unwrap();
    ///         ctx.receive_message().await;
    ///     });
    ///     let pid = ctx.system().when_registered("late").await;
    ///     assert_eq!(Some(pid), late.pid());
    ///     let never = ctx.system().when_registered("never");
    ///     assert_eq!(ctx.sleep(Duration::from_millis(1)).limit(never).await, None);
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub async fn when_registered(&self, name: &str) -> Pid {
        self.shared.names.when_registered(name).await.pid()
    }

    /// All names in use, sorted.
    pub fn registered(&self) -> Vec<Arc<str>> {
        self.shared.names.names()
    }

    /// How many messages have reached nobody so far.
    pub fn dead_letter_count(&self) -> u64 {
        self.shared.dead_letters.total()
    }

    /// How many messages have reached nobody so far, for that reason.
    pub fn dead_letter_count_of(&self, reason: DeadReason) -> u64 {
        self.shared.dead_letters.count(reason)
    }

    /// Dead letters from now on; at the level of debugging they are logged too, ten a second. Whoever leaves 4,096 of them
    /// unread loses the oldest.
    pub fn dead_letters(&self) -> Receiver<DeadLetter> {
        self.shared.dead_letters.subscribe()
    }

    /// Reports from now on, as values; they are logged in any case. Whoever leaves 4,096 of them unread loses the oldest.
    pub fn reports(&self) -> Receiver<Report> {
        self.shared.reports.subscribe()
    }

    /// Logs a report and sends it to who subscribed; for behaviours and supervisors.
    pub fn report(&self, report: Report) {
        self.shared.report(report);
    }

    /// The system's logger.
    pub fn logger(&self) -> &Logger {
        self.shared.reports.logger()
    }

    /// How many timers are pending.
    pub fn timer_count(&self) -> usize {
        self.shared.timers.len()
    }
}

impl fmt::Debug for SystemHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemHandle").field("name", &self.name()).finish()
    }
}

/// What the processes of a system share.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    started: Instant,
    pub(crate) timers: Arc<Timers>,
    pub(crate) table: Table,
    pub(crate) names: Names,
    pub(crate) groups: Arc<Groups>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) reports: Reports,
    pub(crate) scheduler: Box<dyn Scheduler>,
    /// A test's; `None` in a system that is not simulated.
    observer: Option<Arc<dyn Observer>>,
    #[cfg(debug_assertions)]
    pub(crate) waits: Arc<Waits>,
    references: AtomicU64,
    /// How many processes were started in the place of others.
    pub(crate) restarts: AtomicU64,
    /// How many want to know how long processes run.
    pub(crate) busy_time_users: AtomicUsize,
    link_locks: [Lock<()>; 64],
    /// Notified when the last process has ended.
    pub(crate) emptied: Event,
    halting: AtomicBool,
}

impl Shared {
    pub(crate) fn is_halting(&self) -> bool {
        self.halting.load(Ordering::SeqCst)
    }

    /// Tells the observer, if there is one.
    pub(crate) fn observe<'a>(&self, moment: impl FnOnce() -> Moment<'a>) {
        if let Some(observer) = &self.observer {
            observer.note(moment());
        }
    }

    pub(crate) fn report(&self, report: Report) {
        self.observe(|| Moment::Report(&report));
        self.reports.publish(report);
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.timers.now().saturating_duration_since(self.started)
    }

    pub(crate) fn measures_busy_time(&self) -> bool {
        self.busy_time_users.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn dead_letter(&self, letter: DeadLetter) {
        self.observe(|| Moment::DeadLetter(&letter));
        self.dead_letters.record(letter, self.timers.now(), self.reports.logger());
    }

    /// Sends `signal` to `pid`, if there is such a process.
    pub(crate) fn signal(&self, pid: Pid, signal: Signal) -> Delivery {
        self.table.get(pid).map_or(Delivery::Gone, |process| process.signal(signal))
    }

    /// Who it is, or who has the name now; [`Pid::NOBODY`] if nobody has.
    pub(crate) fn pid_of(&self, recipient: &Recipient) -> Pid {
        match recipient {
            Recipient::Process(pid) => *pid,
            Recipient::Name(name) => self.names.get(name).map_or(Pid::NOBODY, |process| process.pid()),
            // Otherwise it would be the process that had it.
            Recipient::Key(_) => Pid::NOBODY,
        }
    }

    pub(crate) fn exit(&self, from: Pid, to: Pid, reason: ExitReason) {
        self.signal(to, Signal::Exit(Exit { pid: from, reason, linked: false }));
    }

    /// Links two processes. If `to` has ended, `from` gets the exit signal of a process that is not there.
    pub(crate) fn link(&self, from: &dyn AnyProcess, to: Pid) {
        if from.pid() == to {
            return;
        }
        let delivery = self.change_link(from.pid(), to, || {
            let is_new = from.control(|control| control.links.insert(to));
            // If there is a link, its exit signal may be on its way, with the reason: it must not be overtaken.
            if is_new { self.signal(to, Signal::Link(from.pid())) } else { Delivery::Done }
        });
        if delivery == Delivery::Gone {
            from.signal(Signal::Exit(Exit { pid: to, reason: ExitReason::NoProcess, linked: true }));
        }
    }

    pub(crate) fn unlink(&self, from: &dyn AnyProcess, to: Pid) {
        self.change_link(from.pid(), to, || {
            from.signal(Signal::Unlink(to));
            self.signal(to, Signal::Unlink(from.pid()))
        });
    }

    /// Both ends of a link change in two steps, each under one process's lock. Without a lock for the pair, `a.link(b)`
    /// beside `b.unlink(a)` could leave half a link.
    fn change_link<T>(&self, a: Pid, b: Pid, change: impl FnOnce() -> T) -> T {
        let number = (a.slot() ^ b.slot()) as usize % self.link_locks.len();
        let _pair = self.link_locks[number].lock();
        change()
    }

    /// A number that nothing else of this system has.
    pub(crate) fn next_reference(&self) -> u64 {
        self.references.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn next_monitor(&self) -> MonitorRef {
        MonitorRef(self.next_reference())
    }

    /// Every process by its parent, oldest first; by `None` those without a parent, or whose parent has ended.
    fn families(&self) -> BTreeMap<Option<Pid>, Vec<Arc<dyn AnyProcess>>> {
        let all = self.table.all();
        let living: BTreeSet<Pid> = all.iter().map(|process| process.pid()).collect();
        let mut families = BTreeMap::<_, Vec<_>>::new();
        for process in all {
            let parent = process.parent().filter(|pid| living.contains(pid));
            families.entry(parent).or_default().push(process);
        }
        families
    }

    pub(crate) fn kill_all(&self) {
        for process in self.table.all() {
            process.doom(ExitReason::Killed);
        }
    }

    /// Kills every process, waits until they are gone, and stops.
    fn halt(&self) {
        self.halting.store(true, Ordering::SeqCst);
        self.kill_all();
        let settled = self.scheduler.settle(&self.emptied, &|| self.table.len() == 0);
        if settled == Settled::TooLate {
            slog::warn!(self.reports.logger(), "processes that never yield are left behind"; "count" => self.table.len());
        }
        self.scheduler.stop(settled == Settled::Done);
        self.reports.flush();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish()
    }
}
