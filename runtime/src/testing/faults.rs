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
    pub fn kill() -> Self {
        Fault::new(Blow::Kill)
    }

    /// The process ends by itself with `reason`, as if its body had returned it.
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
    pub fn only(mut self, whom: impl Fn(&ProcessInfo) -> bool + Send + Sync + 'static) -> Self {
        self.whom.push(Arc::new(whom));
        self
    }

    /// Only to this process.
    pub fn pid(self, pid: Pid) -> Self {
        self.only(move |process| process.pid == pid)
    }

    /// Only to whoever has this name then.
    pub fn named(self, name: &str) -> Self {
        let name: Arc<str> = name.into();
        self.only(move |process| process.name.as_ref() == Some(&name))
    }

    /// Only to processes with this label.
    pub fn labelled(self, label: &str) -> Self {
        let label: Arc<str> = label.into();
        self.only(move |process| process.label.as_ref() == Some(&label))
    }

    /// Only to processes whose messages are of type `M`.
    pub fn taking<M>(self) -> Self {
        self.only(|process| process.message_type == type_name::<M>())
    }

    /// Before the process's body runs for the first time: its `init` fails, and so does its start.
    pub fn at_start(mut self) -> Self {
        self.when = When::Start;
        self
    }

    /// When the process runs for the `n`th time since the fault was injected. It runs once when it is spawned, and then
    /// each time that it has been woken.
    ///
    /// # Panics
    /// If `n` is zero.
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
    pub fn with_probability(mut self, probability: f64) -> Self {
        assert!((0.0..=1.0).contains(&probability), "{probability} is no probability");
        self.when = When::Chance(probability);
        self
    }

    /// Not more often than that, all processes taken together; without a limit by default.
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
    pub fn inject(&self, fault: Fault) {
        self.witness.faults.add(fault);
    }

    /// Lets every timer expire late, by up to `by`, as on a machine that has too much to do: each time the clock moves, it
    /// moves so much too far, and all that is due by then expires in order.
    pub fn delay_timers(&self, by: Duration) {
        *self.witness.faults.delay.lock() = by;
    }

    /// Ends all faults, and the delay of timers. A system that heals comes to rest after it.
    pub fn stop_faults(&self) {
        self.witness.faults.stop();
    }

    /// How often faults have struck.
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
