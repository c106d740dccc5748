//! Tests of processes: in the order that a seed picks, by a clock that moves only when nothing else can, without waiting.
//!
//! A [`TestSystem`] runs on one thread. The same seed runs the same processes in the same order, to the byte of its
//! [trace](TestSystem::trace), however long they sleep, in no time; another seed runs them in another order. So a bug that
//! shows up once a month is a number.
//!
//! | a test wants to | with |
//! |---|---|
//! | run a process, and wait for what it returns | [`TestSystem::run`] |
//! | run it in many orders | [`for_each_seed`] |
//! | be the client, the server or the parent of a process | [`TestSystem::probe`] |
//! | let time pass | [`TestSystem::advance`] |
//! | know who crashed, and that nobody else did | [`TestSystem::expect_crash`], [`expect_no_crash`](TestSystem::expect_no_crash) |
//! | know what reached nobody | [`TestSystem::expect_dead_letter`], [`expect_no_dead_letters`](TestSystem::expect_no_dead_letters) |
//! | break things | [`TestSystem::inject`], [`TestSystem::delay_timers`] |
//! | see what happened | [`TestSystem::trace`] |
//!
//! All of this is for simulated systems alone. On threads a test cannot know that nothing more will come, and would have to
//! wait for real time; what a process promises it promises in every order, and those a simulation has.
//!
//! # Examples
//!
//! Two clerks sell the last ticket. Each asks how many there are before it sells one:
//!
//! ```
//! use proscenium_runtime::testing::TestSystem;
//! use proscenium_runtime::{Address, Context, Reply};
//!
//! #[derive(Debug)]
//! enum Tickets {
//!     Left(Reply<u32>),
//!     Sell,
//! }
//!
//! async fn tickets(mut ctx: Context<Tickets>) {
//!     let mut left = 1_u32;
//!     loop {
//!         match ctx.receive_message().await {
//!             Tickets::Left(reply) => reply.send(left),
//!             Tickets::Sell => left = left.checked_sub(1).expect("a ticket is there"),
//!         }
//!     }
//! }
//!
//! async fn clerk(_ctx: Context<()>, tickets: Address<Tickets>) {
//!     if tickets.call(Tickets::Left).await.is_ok_and(|left| left > 0) {
//!         tickets.cast(Tickets::Sell);
//!     }
//! }
//!
//! /// Whether all goes well under `seed`.
//! fn sells_out(seed: u64) -> bool {
//!     let test = TestSystem::new(seed);
//!     let tickets = test.spawn(tickets);
//!     for _ in 0..2 {
//!         let tickets = tickets.clone();
//!         test.spawn(|ctx| clerk(ctx, tickets));
//!     }
//!     test.run_until_idle();
//!     test.is_alive(tickets.pid().unwrap())
//! }
//!
//! let (well, badly): (Vec<u64>, Vec<u64>) = (0..100).partition(|seed| sells_out(*seed));
//! assert!(!well.is_empty() && !badly.is_empty(), "it depends on the order");
//! assert!(!sells_out(badly[0]), "and an order comes again with its seed");
//! ```
//!
//! What the ticket office does is tested by a probe that stands for a clerk, and the office's crash is expected:
//!
//! ```
//! # use proscenium_runtime::testing::TestSystem;
//! # use proscenium_runtime::{Context, Reply};
//! # #[derive(Debug)]
//! # enum Tickets {
//! #     Left(Reply<u32>),
//! #     Sell,
//! # }
//! # async fn tickets(mut ctx: Context<Tickets>) {
//! #     let mut left = 1_u32;
//! #     loop {
//! #         match ctx.receive_message().await {
//! #             Tickets::Left(reply) => reply.send(left),
//! #             Tickets::Sell => left = left.checked_sub(1).expect("a ticket is there"),
//! #         }
//! #     }
//! # }
//! let test = TestSystem::new(1);
//! let mut clerk = test.probe::<()>();
//! let tickets = clerk.spawn_link(tickets);
//! assert_eq!(clerk.call(&tickets, Tickets::Left), Ok(1));
//! clerk.cast(&tickets, Tickets::Sell);
//! clerk.expect_no_message();
//! clerk.cast(&tickets, Tickets::Sell);
//! clerk.expect_exit_matching(|exit| Some(exit.pid) == tickets.pid());
//! test.expect_crash(|crash| crash.reason.to_string().ends_with("a ticket is there"));
//! test.expect_no_crash();
//! test.expect_no_dead_letters();
//! ```

mod expect;
mod faults;
mod probe;
mod trace;
mod witness;

use std::env;
use std::fmt;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use slog::{Discard, Logger, o};

use crate::address::Address;
use crate::clock::{Clock, VirtualClock};
use crate::context::Context;
use crate::observer::Observer;
use crate::scheduler::Simulation;
use crate::sync::Lock;
use crate::system::{System, SystemHandle};
use crate::timers::Timers;

use witness::Witness;

pub use faults::Fault;
pub use probe::Probe;

/// A system under a seed and a virtual clock.
///
/// Time stands still while any process can run. When none can, it moves to the next timer. What a process waits for
/// outside the system, such as a socket, is not simulated.
///
/// All that processes do is decided by the seed, and by nothing else if they draw their chance from it, too:
/// [`seed`](Self::seed) is there for generators of their own, and the thread's generator of `fastrand`, with which smol's
/// `race` tosses, is seeded by [`new`](Self::new). The order of a `HashMap` and the machine's clock are not the seed's.
///
/// Crashes, reports and dead letters are kept from the first moment on, for [`expect_crash`](Self::expect_crash) and its
/// kin.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(7);
/// let answer = test.run(|ctx: Context<()>| async move {
///     ctx.sleep(Duration::from_secs(3600)).await;
///     42
/// });
/// assert_eq!(answer, 42);
/// assert_eq!(test.elapsed(), Duration::from_secs(3600));
/// ```
pub struct TestSystem {
    seed: u64,
    clock: VirtualClock,
    timers: Arc<Timers>,
    simulation: Simulation,
    witness: Arc<Witness>,
    system: System,
}

impl TestSystem {
    /// A system that `seed` runs. It logs nothing; [`SystemHandle::reports`] has its reports.
    pub fn new(seed: u64) -> Self {
        TestSystem::with_logger(seed, Logger::root(Discard, o!()))
    }

    /// A system that `seed` runs and that logs to `logger`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    /// use slog::{Drain, Logger, o};
    ///
    /// # use std::sync::{Arc, Mutex};
    /// # use slog::{FlushError, Never, OwnedKVList, Record};
    /// #
    /// # #[derive(Clone, Default)]
    /// # struct Lines(Arc<Mutex<Vec<String>>>);
    /// #
    /// # impl Lines {
    /// #     fn all(&self) -> Vec<String> { self.0.lock().unwrap().clone() }
    /// # }
    /// #
    /// # impl Drain for Lines {
    /// #     type Ok = ();
    /// #     type Err = Never;
    /// #
    /// #     fn log(&self, record: &Record<'_>, _values: &OwnedKVList) -> Result<(), Never> {
    /// #         self.0.lock().unwrap().push(record.msg().to_string());
    /// #         Ok(())
    /// #     }
    /// #
    /// #     fn flush(&self) -> Result<(), FlushError> { Ok(()) }
    /// # }
    /// #
    /// let lines = Lines::default(); // A drain that keeps what is logged.
    /// let test = TestSystem::with_logger(7, Logger::root(lines.clone().fuse(), o!()));
    /// test.run(|ctx: Context<()>| async move { slog::info!(ctx.logger(), "the shop is open") });
    /// assert_eq!(lines.all(), ["the shop is open"]);
    /// ```
    pub fn with_logger(seed: u64, logger: Logger) -> Self {
        let clock = VirtualClock::new();
        let timers = Arc::new(Timers::new(Clock::Virtual(clock.clone())));
        let simulation = Simulation::new(seed);
        let scheduler = Box::new(simulation.clone());
        let witness = Witness::new(seed, clock.clone());
        let observer = Some(witness.clone() as Arc<dyn Observer>);
        let system = System::assemble("test", logger, timers.clone(), scheduler, observer, Duration::from_secs(30));
        // What smol's `race` tosses with.
        fastrand::seed(seed);
        TestSystem { seed, clock, timers, simulation, witness, system }
    }

    /// The seed that picks who runs next.
    ///
    /// # Examples
    ///
    /// For what a process leaves to chance:
    ///
    /// ```
    /// use proscenium_runtime::testing::for_each_seed;
    ///
    /// for_each_seed(10, |test| {
    ///     let mut generator = fastrand::Rng::with_seed(test.seed());
    ///     let toss = generator.bool();
    ///     assert_eq!(toss, fastrand::Rng::with_seed(test.seed()).bool()); // The same seed, the same toss.
    /// });
    /// ```
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// From now on processes run in the order in which they became ready, as on one of Erlang's schedulers, and not as the
    /// seed picks them. It is one order of many, and for comparing with another system that has it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(7);
    /// test.run_in_turn();
    /// let mut reader = test.probe::<u8>();
    /// for number in 0..100 {
    ///     let reader = reader.address();
    ///     test.spawn(move |_ctx: Context<()>| async move { reader.cast(number) });
    /// }
    /// for number in 0..100 {
    ///     reader.expect_message(number);
    /// }
    /// ```
    pub fn run_in_turn(&self) {
        self.simulation.run_in_turn();
    }

    /// How much virtual time has passed.
    pub fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Runs `body` as a process, and everything else, until it returns; what it returns is the result.
    ///
    /// # Panics
    /// If the process ends before, or if it waits for something that can never come.
    #[track_caller]
    pub fn run<M, T, B, F>(&self, body: B) -> T
    where
        M: Send + 'static,
        T: Send + 'static,
        B: FnOnce(Context<M>) -> F + Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let slot = Arc::new(Lock::new(None));
        let result = slot.clone();
        let main = self.system.spawn(move |ctx| async move {
            let value = body(ctx).await;
            *result.lock() = Some(value);
        });
        self.spare(&main);
        let reason = self.block_on(main.exited());
        let value = slot.lock().take();
        match value {
            Some(value) => value,
            None => panic!("the process ended: {reason} (seed {})", self.seed),
        }
    }

    /// Runs processes, and moves time, until `future` is ready. The future itself runs outside any process.
    ///
    /// # Panics
    /// If it waits for something that can never come.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply};
    ///
    /// let test = TestSystem::new(1);
    /// let adder = test.spawn(|mut ctx: Context<(u32, u32, Reply<u32>)>| async move {
    ///     let (a, b, reply) = ctx.receive_message().await;
    ///     ctx.sleep(Duration::from_secs(3)).await; // It is not good at it.
    ///     reply.send(a + b);
    /// });
    /// assert_eq!(test.block_on(adder.call(|reply| (40, 2, reply))), Ok(42));
    /// assert_eq!(test.elapsed(), Duration::from_secs(3));
    /// ```
    #[track_caller]
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut cx = TaskContext::from_waker(&waker);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            // It may have woken itself, to let others run first.
            if !self.step() && !woken.take() && !self.move_to_next_timer(None) {
                panic!("nothing can run and no timer is pending: it would wait for ever (seed {})", self.seed);
            }
        }
    }

    /// Runs processes until none can run; time stands still.
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
    /// let clock = test.spawn(|ctx: Context<()>| async move { ctx.sleep(Duration::from_secs(1)).await });
    /// test.run_until_idle();
    /// assert!(test.is_alive(&clock)); // It sleeps, and no time passes.
    /// assert_eq!(test.elapsed(), Duration::ZERO);
    /// ```
    pub fn run_until_idle(&self) {
        while self.step() {}
    }

    /// Moves time on by `duration`, and runs all that is due on the way, timer by timer.
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
    /// let clock = test.spawn(|ctx: Context<()>| async move { ctx.sleep(Duration::from_secs(60)).await });
    /// test.advance(Duration::from_secs(59));
    /// assert!(test.is_alive(&clock));
    /// test.advance(Duration::from_secs(1));
    /// assert!(!test.is_alive(&clock));
    /// ```
    pub fn advance(&self, duration: Duration) {
        let end = self.clock.now() + duration;
        self.run_until_idle();
        while self.move_to_next_timer(Some(end)) {
            self.run_until_idle();
        }
        self.clock.move_to(end);
    }

    /// Stops every process in order, as [`System::shutdown`] does, and kills what is left after its timeout, which is 30 s.
    /// The system itself lives on.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|_ctx: Context<()>| pending::<()>());
    /// test.shutdown();
    /// assert_eq!(test.block_on(clerk.exited()), ExitReason::Shutdown); // It was asked, not killed.
    /// assert_eq!(test.process_count(), 0);
    /// ```
    pub fn shutdown(&self) {
        let late = self.system.sleep(self.system.shutdown_timeout());
        self.block_on(late.limit(self.system.stop_in_order()));
        self.system.shared.kill_all();
        self.run_until_idle();
    }

    /// From now on, what happens is written down for [`trace`](Self::trace).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let clerk = test.spawn(|mut ctx: Context<&str>| async move { drop(ctx.receive_message().await) });
    /// test.run_until_idle();
    /// test.record();
    /// clerk.cast("hello");
    /// test.run_until_idle();
    /// assert!(test.trace().starts_with("0ns <0.1.1> runs\n")); // What was before is not in it.
    /// ```
    pub fn record(&self) {
        self.witness.trace.record();
    }

    /// What has happened since [`record`](Self::record) was called, a line each, with the virtual time: who was spawned, ran,
    /// received something, ended and why; faults, reports and dead letters. Empty if nothing was recorded.
    ///
    /// The same program under the same seed has the same trace, to the byte, in any OS process. The pids, the times and the
    /// order are the simulation's; a program that draws on something else, such as the machine's clock or the order of a
    /// `HashMap`, may differ from itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(7);
    /// test.record();
    /// test.run(|mut ctx: Context<u8>| async move {
    ///     ctx.address().cast(1);
    ///     ctx.receive_message().await;
    /// });
    /// let expected = "\
    /// 0ns <0.1.1> spawned, takes u8
    /// 0ns <0.1.1> runs
    /// 0ns <0.1.1> receives a message
    /// 0ns <0.1.1> ends: normal
    /// ";
    /// assert_eq!(test.trace(), expected);
    /// ```
    pub fn trace(&self) -> String {
        self.witness.trace.text()
    }

    /// Runs one process once; faults may strike after it. Returns whether there was one to run.
    fn step(&self) -> bool {
        let stepped = self.simulation.step();
        if stepped {
            self.witness.faults.after_step(|| self.system.shared.table.all());
        }
        stepped
    }

    /// Lets the next timer expire, unless that is after `end`. Returns whether there was one.
    fn move_to_next_timer(&self, end: Option<Instant>) -> bool {
        let is_due = |at: &Instant| end.is_none_or(|end| *at <= end);
        let Some(at) = self.timers.next_expiry().filter(is_due) else {
            return false;
        };
        let late = at + self.witness.faults.lateness();
        self.clock.move_to(end.map_or(late, |end| late.min(end)));
        self.timers.fire_due();
        true
    }

    /// Runs processes, and moves time as far as `end`, until `look` finds something.
    fn run_until<T>(&self, end: Instant, mut look: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = look() {
                return Some(found);
            }
            if !self.step() && !self.move_to_next_timer(Some(end)) {
                return None;
            }
        }
    }

    /// No fault strikes it.
    fn spare<M: Send + 'static>(&self, process: &Address<M>) {
        let pid = process.pid().expect("it is of a process, not a name");
        self.witness.faults.spare(pid);
    }
}

/// Whether a future that runs outside any process has been woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Woken {
    fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Deref for TestSystem {
    type Target = SystemHandle;

    fn deref(&self) -> &SystemHandle {
        &self.system
    }
}

impl fmt::Debug for TestSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestSystem").field("seed", &self.seed).field("elapsed", &self.elapsed()).finish()
    }
}

/// Calls `test` with a system for each seed from 0 to `count`. A seed that fails is printed, with how to run it alone:
/// the variable `PROSCENIUM_SEED`. Run alone, it also prints its [trace](TestSystem::trace).
///
/// # Panics
/// If `test` does.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeSet;
/// use std::sync::Mutex;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::for_each_seed;
///
/// let orders = Mutex::new(BTreeSet::new());
/// for_each_seed(20, |test| {
///     let mut board = test.probe();
///     for runner in ["Ann", "Bob"] {
///         let board = board.address();
///         test.spawn(move |_ctx: Context<()>| async move { board.cast(runner) });
///     }
///     let winner = board.expect_message_matching(|_| true);
///     orders.lock().unwrap().insert(winner);
/// });
/// assert_eq!(orders.into_inner().unwrap(), ["Ann", "Bob"].into()); // Either may be first.
/// ```
pub fn for_each_seed(count: u64, test: impl Fn(&TestSystem)) {
    let alone = env::var("PROSCENIUM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = alone.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        let system = TestSystem::new(seed);
        if alone.is_some() {
            system.record();
        }
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| test(&system)));
        if let Err(panic) = outcome {
            eprint!("{}", system.trace());
            eprintln!("failed with seed {seed}; PROSCENIUM_SEED={seed} runs it alone");
            panic::resume_unwind(panic);
        }
    }
}
