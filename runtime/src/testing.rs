//! Systems that run on one thread, in the order that a seed picks, by a clock that moves only when nothing else can.
//!
//! The same seed runs the same processes in the same order, however long they sleep, in no time.

use std::env;
use std::fmt;
use std::ops::Deref;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::{Duration, Instant};

use slog::{Discard, Logger, o};

use crate::clock::{Clock, VirtualClock};
use crate::context::Context;
use crate::scheduler::Simulation;
use crate::sync::Lock;
use crate::system::{System, SystemHandle};
use crate::timers::Timers;

/// A system under a seed and a virtual clock.
///
/// Time stands still while any process can run. When none can, it moves to the next timer. What a process waits for
/// outside the system, such as a socket, is not simulated.
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
    system: System,
}

impl TestSystem {
    /// A system that `seed` runs. It logs nothing; [`SystemHandle::reports`] has its reports.
    pub fn new(seed: u64) -> Self {
        TestSystem::with_logger(seed, Logger::root(Discard, o!()))
    }

    /// A system that `seed` runs and that logs to `logger`.
    pub fn with_logger(seed: u64, logger: Logger) -> Self {
        let clock = VirtualClock::new();
        let timers = Arc::new(Timers::new(Clock::Virtual(clock.clone())));
        let simulation = Simulation::new(seed);
        let scheduler = Box::new(simulation.clone());
        let system = System::assemble("test", logger, timers.clone(), scheduler, Duration::from_secs(30));
        TestSystem { seed, clock, timers, simulation, system }
    }

    /// The seed that picks who runs next.
    pub fn seed(&self) -> u64 {
        self.seed
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
    #[track_caller]
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let mut cx = TaskContext::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut cx) {
                return value;
            }
            if !self.simulation.step() && !self.move_to_next_timer() {
                panic!("nothing can run and no timer is pending: it would wait for ever (seed {})", self.seed);
            }
        }
    }

    /// Runs processes until none can run; time stands still.
    pub fn run_until_idle(&self) {
        while self.simulation.step() {}
    }

    /// Moves time on by `duration`, and runs all that is due on the way, timer by timer.
    pub fn advance(&self, duration: Duration) {
        let end = self.clock.now() + duration;
        self.run_until_idle();
        while let Some(next) = self.timers.next_expiry().filter(|next| *next <= end) {
            self.fire(next);
            self.run_until_idle();
        }
        self.clock.move_to(end);
    }

    /// Stops every process in order, as [`System::shutdown`] does, and kills what is left after its timeout, which is 30 s.
    /// The system itself lives on.
    pub fn shutdown(&self) {
        let late = self.system.sleep(self.system.shutdown_timeout());
        self.block_on(late.limit(self.system.stop_in_order()));
        self.system.shared.kill_all();
        self.run_until_idle();
    }

    fn move_to_next_timer(&self) -> bool {
        let next = self.timers.next_expiry();
        if let Some(at) = next {
            self.fire(at);
        }
        next.is_some()
    }

    fn fire(&self, at: Instant) {
        self.clock.move_to(at);
        self.timers.fire_due();
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
/// the variable `PROSCENIUM_SEED`.
///
/// # Panics
/// If `test` does.
pub fn for_each_seed(count: u64, test: impl Fn(&TestSystem)) {
    let alone = env::var("PROSCENIUM_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = alone.map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| test(&TestSystem::new(seed))));
        if let Err(panic) = outcome {
            eprintln!("failed with seed {seed}; PROSCENIUM_SEED={seed} runs it alone");
            panic::resume_unwind(panic);
        }
    }
}
