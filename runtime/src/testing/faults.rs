//! Faults that a test injects: what strikes, whom, and when. The seed decides what is left to chance.

use std::any::type_name;
use std::backtrace::Backtrace;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

use super::TestSystem;
use super::trace::Trace;
use crate::any_process::AnyProcess;
use crate::exit::{ExitReason, Panic};
use crate::info::{ProcessInfo, Status};
use crate::pid::Pid;
use crate::signal::{Exit, Signal};
use crate::sync::Lock;

/// A fault for [`TestSystem::inject`]: what happens, to whom, and when.
///
/// Unless told otherwise it strikes every process once, the next time it runs. The processes of the test itself, its
/// probes and the one that [`TestSystem::run`] runs, are spared.
///
/// A process that is struck ends at its next await, as if its code had failed there: its state is dropped, what waits in
/// its mailbox are dead letters, links and monitors are told. A behaviour's `terminate` is not called.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::{Fault, TestSystem};
/// use proscenium_runtime::{Context, ExitReason};
///
/// let test = TestSystem::new(7);
/// test.inject(Fault::panic("out of ink").labelled("printer").at_receive(2));
/// let mut probe = test.probe::<()>();
/// let printer = probe.spawn_link(|mut ctx: Context<&str>| async move {
///     ctx.set_label("printer");
///     loop {
///         ctx.receive_message().await;
///     }
/// });
/// printer.cast("one");
/// probe.expect_no_message();
/// printer.cast("two");
/// let exit = probe.expect_exit_matching(|exit| exit.linked);
/// let ExitReason::Panic(panic) = exit.reason else { unreachable!("it panicked") };
/// assert_eq!(panic.message(), "out of ink");
/// test.expect_crash(|crash| crash.unreceived == 1);
/// ```
#[must_use = "a fault does nothing until it is injected"]
#[derive(Clone)]
pub struct Fault {
    blow: Blow,
    whom: Vec<Filter>,
    when: When,
    times: u64,
}

/// Whether a process is one that a fault is for.
type Filter = Arc<dyn Fn(&ProcessInfo) -> bool + Send + Sync>;

#[derive(Clone, Debug)]
enum Blow {
    /// A signal from outside.
    Kill,
    /// A failure of its own.
    Fail(ExitReason),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Start,
    Run(u64),
    Receive(u64),
    Chance(f64),
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Blow::Kill => f.write_str("kill"),
            Blow::Fail(reason) => write!(f, "{reason}"),
        }
    }
}

impl Fault {
    /// The process is killed, as by [`ExitReason::Kill`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill());
    /// let clerk = test.spawn(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true); // It does not help.
    ///     pending::<()>().await;
    /// });
    /// assert_eq!(test.block_on(clerk.exited()), ExitReason::Killed);
    /// test.expect_no_crash();
    /// ```
    pub fn kill() -> Self {
        Fault::new(Blow::Kill)
    }

    /// The process ends by itself with `reason`, as if its body had returned it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::exit(ExitReason::error("the disk is full")));
    /// let db = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// let crash = test.expect_crash(|crash| Some(crash.pid) == db.pid()); // As if the body had returned it.
    /// assert_eq!(crash.reason, ExitReason::error("the disk is full"));
    /// ```
    pub fn exit(reason: ExitReason) -> Self {
        Fault::new(Blow::Fail(reason))
    }

    /// The process panics with `message`, in the line that calls this.
    #[track_caller]
    pub fn panic(message: &str) -> Self {
        let panic = Panic::new(message.to_owned().into(), Some(Location::caller()), Backtrace::disabled());
        Fault::new(Blow::Fail(ExitReason::Panic(panic)))
    }

    fn new(blow: Blow) -> Self {
        Fault { blow, whom: Vec::new(), when: When::Run(1), times: u64::MAX }
    }

    /// Only to processes of which `whom` is true, at the moment when it may strike. Several conditions must all hold.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().only(|process| process.timers > 0));
    /// let idle = test.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
    /// let ticking = test.spawn(|mut ctx: Context<()>| async move {
    ///     ctx.send_after(Duration::from_secs(60), ());
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     pending::<()>().await;
    /// });
    /// assert_eq!(test.block_on(ticking.exited()), ExitReason::Killed);
    /// assert!(test.is_alive(&idle));
    /// ```
    pub fn only(mut self, whom: impl Fn(&ProcessInfo) -> bool + Send + Sync + 'static) -> Self {
        self.whom.push(Arc::new(whom));
        self
    }

    /// Only to this process.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    ///
    /// let test = TestSystem::new(1);
    /// let [first, second] = [(); 2].map(|()| test.spawn(|_ctx: Context<()>| pending::<()>()));
    /// test.inject(Fault::kill().pid(second.pid().unwrap()));
    /// test.run_until_idle();
    /// assert!(test.is_alive(&first) && !test.is_alive(&second));
    /// ```
    pub fn pid(self, pid: Pid) -> Self {
        self.only(move |process| process.pid == pid)
    }

    /// Only to whoever has this name then.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    /// use proscenium_runtime::{Context, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().named("db"));
    /// for name in ["db", "web"] {
    ///     test.spawn_with(SpawnOptions::new().name(name), |_ctx: Context<()>| pending::<()>()).unwrap();
    /// }
    /// test.run_until_idle();
    /// assert_eq!(test.registered(), ["web".into()]);
    /// ```
    pub fn named(self, name: &str) -> Self {
        let name: Arc<str> = name.into();
        self.only(move |process| process.name.as_ref() == Some(&name))
    }

    /// Only to processes with this label.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    /// use proscenium_runtime::{Context, ExitReason, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().labelled("session"));
    /// let session = SpawnOptions::new().label("session");
    /// let session = test.spawn_with(session, |_ctx: Context<()>| pending::<()>()).unwrap();
    /// assert_eq!(test.block_on(session.exited()), ExitReason::Killed);
    /// ```
    pub fn labelled(self, label: &str) -> Self {
        let label: Arc<str> = label.into();
        self.only(move |process| process.label.as_ref() == Some(&label))
    }

    /// Only to processes whose messages are of type `M`.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().taking::<u32>());
    /// let numbers = test.spawn(|_ctx: Context<u32>| pending::<()>());
    /// let letters = test.spawn(|_ctx: Context<String>| pending::<()>());
    /// test.run_until_idle();
    /// assert!(!test.is_alive(&numbers) && test.is_alive(&letters));
    /// ```
    pub fn taking<M>(self) -> Self {
        self.only(|process| process.message_type == type_name::<M>())
    }

    /// Before the process's body runs for the first time: its `init` fails, and so does its start.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    /// use proscenium_runtime::{Context, ExitReason, InitAck, StartOptions, start};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::exit(ExitReason::error("no memory")).at_start());
    /// let clerk = start(&test, StartOptions::new(), |_ctx: Context<()>, ack: InitAck| async move { ack.ready() });
    /// let error = test.block_on(clerk).unwrap_err(); // Its body has not run: nobody was ready.
    /// assert_eq!(error.to_string(), "its init failed: no memory");
    /// ```
    pub fn at_start(mut self) -> Self {
        self.when = When::Start;
        self
    }

    /// When the process runs for the `n`th time since the fault was injected. It runs once when it is spawned, and then
    /// each time that it has been woken.
    ///
    /// # Panics
    /// If `n` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().at_run(3)); // It runs when it is spawned, and after each sleep.
    /// let clock = test.spawn(|ctx: Context<()>| async move {
    ///     loop {
    ///         ctx.sleep(Duration::from_secs(1)).await;
    ///     }
    /// });
    /// test.block_on(clock.exited());
    /// assert_eq!(test.elapsed(), Duration::from_secs(2));
    /// ```
    pub fn at_run(mut self, n: u64) -> Self {
        assert!(n > 0, "the first time is 1");
        self.when = When::Run(n);
        self
    }

    /// When the process is about to receive for the `n`th time since the fault was injected; exits and downs count. What
    /// it was about to receive stays in its mailbox.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn at_receive(mut self, n: u64) -> Self {
        assert!(n > 0, "the first time is 1");
        self.when = When::Receive(n);
        self
    }

    /// At each step of the simulation with this probability; whom among those it is for, the seed decides, whether that
    /// process runs or waits.
    ///
    /// # Panics
    /// If `probability` is not between 0 and 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    ///
    /// let struck_after = |seed| {
    ///     let test = TestSystem::new(seed);
    ///     test.inject(Fault::kill().with_probability(0.01).times(1));
    ///     let clock = test.spawn(|mut ctx: Context<()>| async move {
    ///         ctx.send_interval(Duration::from_secs(1), || ());
    ///         loop {
    ///             ctx.receive_message().await;
    ///         }
    ///     });
    ///     test.block_on(clock.exited());
    ///     test.elapsed()
    /// };
    /// assert_ne!(struck_after(1), struck_after(2)); // Each seed has its own bad luck,
    /// assert_eq!(struck_after(1), struck_after(1)); // and has it again.
    /// ```
    pub fn with_probability(mut self, probability: f64) -> Self {
        assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
        self.when = When::Chance(probability);
        self
    }

    /// Not more often than that, all processes taken together; without a limit by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().times(2));
    /// (0..5).for_each(|_| drop(test.spawn(|_ctx: Context<()>| pending::<()>())));
    /// test.run_until_idle();
    /// assert_eq!((test.process_count(), test.fault_count()), (3, 2));
    /// ```
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    fn is_for(&self, process: &dyn AnyProcess) -> bool {
        process.info().is_some_and(|info| info.status != Status::Exiting && self.whom.iter().all(|whom| whom(&info)))
    }

    fn strike(&self, process: &dyn AnyProcess) {
        match &self.blow {
            Blow::Kill => {
                process.signal(Signal::Exit(Exit { pid: Pid::SYSTEM, reason: ExitReason::Kill, linked: false }));
            }
            Blow::Fail(reason) => process.crash(reason.clone()),
        }
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("blow", &self.blow).field("when", &self.when).finish_non_exhaustive()
    }
}

impl TestSystem {
    /// Lets `fault` strike from now on. Faults do not replace each other.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    /// use proscenium_runtime::{Context, ExitReason, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().named("db"));
    /// test.inject(Fault::exit(ExitReason::error("no connection")).named("web")); // Beside the first one.
    /// let [db, web] = ["db", "web"].map(|name| {
    ///     test.spawn_with(SpawnOptions::new().name(name), |_ctx: Context<()>| pending::<()>()).unwrap()
    /// });
    /// assert_eq!(test.block_on(db.exited()), ExitReason::Killed);
    /// assert_eq!(test.block_on(web.exited()), ExitReason::error("no connection"));
    /// ```
    pub fn inject(&self, fault: Fault) {
        self.witness.faults.add(fault);
    }

    /// Lets every timer expire late, by up to `by`, as on a machine that has too much to do: each time the clock moves, it
    /// moves so much too far, and all that is due by then expires in order.
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
    /// test.delay_timers(Duration::from_secs(1));
    /// let late = test.run(|ctx: Context<()>| async move {
    ///     ctx.sleep(Duration::from_secs(60)).await;
    ///     ctx.system().uptime() - Duration::from_secs(60)
    /// });
    /// assert!(late > Duration::ZERO && late <= Duration::from_secs(1), "never early");
    /// ```
    pub fn delay_timers(&self, by: Duration) {
        *self.witness.faults.delay.lock() = by;
    }

    /// Ends all faults, and the delay of timers. A system that heals comes to rest after it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill());
    /// test.stop_faults();
    /// let clerk = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// test.run_until_idle();
    /// assert!(test.is_alive(&clerk));
    /// assert_eq!(test.fault_count(), 0);
    /// ```
    pub fn stop_faults(&self) {
        self.witness.faults.stop();
    }

    /// How often faults have struck.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::{Fault, TestSystem};
    ///
    /// let test = TestSystem::new(1);
    /// test.inject(Fault::kill().times(1));
    /// let clerk = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// assert_eq!(test.fault_count(), 0); // Nobody has run yet.
    /// test.block_on(clerk.exited());
    /// assert_eq!(test.fault_count(), 1);
    /// ```
    pub fn fault_count(&self) -> u64 {
        self.witness.faults.struck.load(Ordering::Relaxed)
    }
}

/// The faults of a system.
pub(super) struct Faults {
    trace: Arc<Trace>,
    any: AtomicBool,
    planned: Lock<Vec<Arc<Planned>>>,
    struck: AtomicU64,
    delay: Lock<Duration>,
    rng: Lock<Rng>,
    /// Processes that have not run yet.
    unborn: Lock<BTreeSet<Pid>>,
    /// Processes of the test itself.
    spared: Lock<BTreeSet<Pid>>,
}

struct Planned {
    fault: Fault,
    left: AtomicU64,
    /// How often each process has come to where the fault may strike.
    counts: Lock<BTreeMap<Pid, u64>>,
}

impl Faults {
    pub(super) fn new(seed: u64, trace: Arc<Trace>) -> Self {
        Faults {
            trace,
            any: AtomicBool::new(false),
            planned: Lock::default(),
            struck: AtomicU64::new(0),
            delay: Lock::default(),
            // Not the scheduler's sequence once more.
            rng: Lock::new(Rng::with_seed(!seed)),
            unborn: Lock::default(),
            spared: Lock::default(),
        }
    }

    pub(super) fn spare(&self, pid: Pid) {
        self.spared.lock().insert(pid);
    }

    /// By how much the next timer is late.
    pub(super) fn lateness(&self) -> Duration {
        let most = *self.delay.lock();
        if most.is_zero() {
            return Duration::ZERO;
        }
        most.mul_f64(self.rng.lock().f64())
    }

    pub(super) fn spawned(&self, pid: Pid) {
        self.unborn.lock().insert(pid);
    }

    pub(super) fn ended(&self, pid: Pid) {
        self.unborn.lock().remove(&pid);
        self.spared.lock().remove(&pid);
        for planned in self.all() {
            planned.counts.lock().remove(&pid);
        }
    }

    pub(super) fn before_run(&self, process: &dyn AnyProcess) {
        let is_first = self.unborn.lock().remove(&process.pid());
        self.come(process, |when, count| match when {
            When::Start => is_first,
            When::Run(n) => count() == n,
            When::Receive(_) | When::Chance(_) => false,
        });
    }

    pub(super) fn before_receive(&self, process: &dyn AnyProcess) {
        self.come(process, |when, count| match when {
            When::Receive(n) => count() == n,
            When::Start | When::Run(_) | When::Chance(_) => false,
        });
    }

    /// A step has been made: chance may strike one of `processes`.
    pub(super) fn after_step(&self, processes: impl Fn() -> Vec<Arc<dyn AnyProcess>>) {
        for planned in self.all() {
            let When::Chance(probability) = planned.fault.when else { continue };
            if self.rng.lock().f64() >= probability {
                continue;
            }
            let mut candidates = processes();
            candidates.retain(|process| self.may_strike(&planned, &**process));
            if !candidates.is_empty() {
                let pick = self.rng.lock().usize(..candidates.len());
                self.strike(&planned, &*candidates[pick]);
            }
        }
    }

    /// A process has come to where faults may strike it. `is_now` is told when, and may count how often it has come.
    fn come(&self, process: &dyn AnyProcess, is_now: impl Fn(When, &dyn Fn() -> u64) -> bool) {
        for planned in self.all() {
            let count = || planned.count(process.pid());
            if self.may_strike(&planned, process) && is_now(planned.fault.when, &count) {
                self.strike(&planned, process);
            }
        }
    }

    fn may_strike(&self, planned: &Planned, process: &dyn AnyProcess) -> bool {
        let spared = self.spared.lock().contains(&process.pid());
        !spared && planned.left.load(Ordering::Relaxed) > 0 && planned.fault.is_for(process)
    }

    fn strike(&self, planned: &Planned, process: &dyn AnyProcess) {
        planned.left.fetch_sub(1, Ordering::Relaxed);
        self.struck.fetch_add(1, Ordering::Relaxed);
        self.trace.add(|| format!("fault at {}: {}", process.pid(), planned.fault.blow));
        planned.fault.strike(process);
    }

    /// Filters are user code: none is called under the lock.
    fn all(&self) -> Vec<Arc<Planned>> {
        if self.any.load(Ordering::Relaxed) { self.planned.lock().clone() } else { Vec::new() }
    }

    fn add(&self, fault: Fault) {
        let left = AtomicU64::new(fault.times);
        self.planned.lock().push(Arc::new(Planned { fault, left, counts: Lock::default() }));
        self.any.store(true, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.any.store(false, Ordering::Relaxed);
        *self.delay.lock() = Duration::ZERO;
        let planned = std::mem::take(&mut *self.planned.lock());
        drop(planned);
    }
}

impl Planned {
    /// Counts one more, and returns how many there have been.
    fn count(&self, pid: Pid) -> u64 {
        let mut counts = self.counts.lock();
        let count = counts.entry(pid).or_default();
        *count += 1;
        *count
    }
}
