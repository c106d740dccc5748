//! A circuit breaker: after too many failures in a short time, nobody tries any more until it has healed. It does as Erlang's
//! `fuse` library does, as a [state machine](crate::gen_statem).
//!
//! Invariants:
//! - Whoever asks is answered from memory: a breaker is no bottleneck, and does not wait when its process does.
//! - Once a [`melt`](CircuitBreaker::melt), a [`reset`](CircuitBreaker::reset) and the like have returned, everybody sees what
//!   came of it.
//!
//! # Examples
//!
//! Three failed payments are enough, and everybody else is spared the wait:
//!
//! ```
//! use std::time::Duration;
//!
//! use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
//! use proscenium_runtime::testing::TestSystem;
//!
//! let test = TestSystem::new(1);
//! let bank = CircuitBreaker::new(Fuse::standard(2, Duration::from_secs(60)));
//! test.block_on(bank.start().spawn(&test)).unwrap();
//! let mut attempts = 0;
//! for _ in 0..100 {
//!     let payment = bank.run(|| {
//!         attempts += 1;
//!         async { Err::<(), _>("no answer") }
//!     });
//!     assert!(test.block_on(payment).is_err());
//! }
//! assert_eq!(attempts, 3);
//! ```

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proscenium_runtime::{Address, CallError, Context, ExitReason, Pid, Recipient, Reply};

use crate::behaviour::Start;
use crate::gen_statem::{
    Entry, Event, GenStatem, Initial, StatemLoop, Transition, entered, keep_state, next_state, start_in,
};

/// A breaker, shared by all who use what it guards. A clone is the same breaker.
///
/// It exists before its process, which a supervisor [starts](Self::start) and may start again: then the breaker is intact.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse, RunError};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// async fn ask_printer(is_on: bool) -> Result<&'static str, &'static str> {
///     if is_on { Ok("printed") } else { Err("no answer") }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     // Two failures in ten seconds are borne; after the third nobody asks it for a minute.
///     let fuse = Fuse::standard(2, Duration::from_secs(10)).reset_after(Duration::from_secs(60));
///     let printer = CircuitBreaker::new(fuse);
///     printer.start().link(&mut ctx).await.unwrap();
///
///     for _ in 0..3 {
///         assert_eq!(printer.run(|| ask_printer(false)).await, Err(RunError::Failed("no answer")));
///     }
///     assert_eq!(printer.run(|| ask_printer(true)).await, Err(RunError::Blown));
///     ctx.sleep(Duration::from_secs(61)).await;
///     assert_eq!(printer.run(|| ask_printer(true)).await, Ok("printed"));
/// });
/// ```
#[derive(Clone)]
pub struct CircuitBreaker {
    fuse: Fuse,
    shared: Arc<Shared>,
}

/// How much a breaker bears, and how long it takes to heal.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(1);
/// let fuse = Fuse::standard(2, Duration::from_secs(10)).reset_after(Duration::from_secs(60));
/// let bank = CircuitBreaker::new(fuse);
/// test.block_on(bank.start().spawn(&test)).unwrap();
/// for _ in 0..3 {
///     assert_eq!(bank.ask(), Ok(()));
///     test.block_on(bank.melt()).unwrap();
/// }
/// assert!(bank.ask().is_err(), "three failures within ten seconds are one too many");
/// test.advance(Duration::from_secs(60));
/// assert_eq!(bank.ask(), Ok(()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fuse {
    most: u32,
    period: Duration,
    reset: Duration,
    fault_rate: f64,
}

impl Fuse {
    /// Bears `most` melts within `period`; one more blows it. It heals after 60 s; `fuse`'s `{standard, MaxR, MaxT}`.
    ///
    /// A melt counts as long as less than `period` has passed since. With a `most` of 0 the first melt blows it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let fragile = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(60)));
    /// test.block_on(fragile.start().spawn(&test)).unwrap();
    /// test.block_on(fragile.melt()).unwrap();
    /// assert!(fragile.ask().is_err()); // It bears nothing.
    /// ```
    pub fn standard(most: u32, period: Duration) -> Self {
        Fuse { most, period, reset: Duration::from_secs(60), fault_rate: 0.0 }
    }

    /// As [`standard`](Self::standard), but intact it also says [`Blown`](CircuitError::Blown) at random, so often of all times,
    /// to see how the rest of a program takes that; `fuse`'s `{fault_injection, Rate, MaxR, MaxT}`.
    ///
    /// # Panics
    /// If `rate` is not between 0 and 1.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, CircuitError, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let flaky = CircuitBreaker::new(Fuse::fault_injection(0.5, 2, Duration::from_secs(60)));
    /// test.block_on(flaky.start().spawn(&test)).unwrap();
    /// let blown = (0..1_000).filter(|_| flaky.ask() == Err(CircuitError::Blown)).count();
    /// assert!((300..700).contains(&blown), "about half of those who ask are turned away, though nothing is wrong");
    /// ```
    pub fn fault_injection(rate: f64, most: u32, period: Duration) -> Self {
        assert!((0.0..=1.0).contains(&rate), "a rate is between 0 and 1, not {rate}");
        Fuse { fault_rate: rate, ..Fuse::standard(most, period) }
    }

    /// Sets how long it takes to heal once it has blown; 60 s by default.
    #[must_use]
    pub fn reset_after(mut self, reset: Duration) -> Self {
        self.reset = reset;
        self
    }
}

/// Why not to try.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, CircuitError, Fuse};
/// use proscenium_runtime::ExitReason;
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(1);
/// let bank = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(60)));
/// assert_eq!(bank.ask(), Err(CircuitError::NotRunning)); // Nobody has started it.
/// let process = test.block_on(bank.start().spawn(&test)).unwrap();
/// test.block_on(bank.melt()).unwrap();
/// assert_eq!(bank.ask(), Err(CircuitError::Blown));
/// test.exit(&process, ExitReason::Kill);
/// test.block_on(process.exited());
/// assert_eq!(bank.ask(), Err(CircuitError::NotRunning)); // Until its supervisor has started it anew.
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CircuitError {
    /// It has blown, or is disabled.
    #[error("the circuit is broken")]
    Blown,
    /// The breaker's process does not run: it has not been started, or is about to be again.
    #[error("the circuit breaker does not run")]
    NotRunning,
}

/// Why [`CircuitBreaker::run`] has no result.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse, RunError};
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(1);
/// let bank = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(60)));
/// test.block_on(bank.start().spawn(&test)).unwrap();
/// let pay = || test.block_on(bank.run(|| async { Err::<(), _>("no answer") })).unwrap_err();
/// assert_eq!(pay(), RunError::Failed("no answer")); // It was tried,
/// assert_eq!(pay(), RunError::Blown); // and no more.
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError<E> {
    /// It was not tried: the breaker has blown, or is disabled.
    #[error("the circuit is broken")]
    Blown,
    /// It was not tried: the breaker's process does not run.
    #[error("the circuit breaker does not run")]
    NotRunning,
    /// It was tried, and failed; the breaker has counted that.
    #[error(transparent)]
    Failed(E),
}

impl<E> From<CircuitError> for RunError<E> {
    fn from(error: CircuitError) -> Self {
        match error {
            CircuitError::Blown => RunError::Blown,
            CircuitError::NotRunning => RunError::NotRunning,
        }
    }
}

impl CircuitBreaker {
    /// A breaker whose process does not run yet.
    pub fn new(fuse: Fuse) -> Self {
        CircuitBreaker { fuse, shared: Arc::default() }
    }

    /// The start of its process, to be given to a supervisor or carried out. It runs once at a time: while it does, another start
    /// fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let bank = CircuitBreaker::new(Fuse::standard(2, Duration::from_secs(60)));
    /// test.block_on(bank.start().name("bank breaker").spawn(&test)).unwrap();
    /// let second = test.block_on(bank.start().spawn(&test)).unwrap_err();
    /// assert!(second.to_string().contains("runs already"));
    /// ```
    pub fn start(&self) -> Start<StatemLoop<Circuit>> {
        Circuit::start(self.clone())
    }

    /// Whether to try; `fuse`'s `ask` with `async_dirty`. It looks at memory, and waits for nobody.
    ///
    /// # Errors
    /// If it has blown or is disabled, or does not run.
    pub fn ask(&self) -> Result<(), CircuitError> {
        match self.shared.shown.load(Ordering::Acquire) {
            INTACT if self.fuse.fault_rate > 0.0 && fastrand::f64() < self.fuse.fault_rate => Err(CircuitError::Blown),
            INTACT => Ok(()),
            BROKEN => Err(CircuitError::Blown),
            _ => Err(CircuitError::NotRunning),
        }
    }

    /// As [`ask`](Self::ask), once the breaker has dealt with all that was sent to it before; `fuse`'s `ask` with `sync`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, CircuitError, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let bank = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(60)));
    /// test.block_on(bank.start().spawn(&test)).unwrap();
    /// let other = bank.clone();
    /// test.spawn(move |_ctx: proscenium_runtime::Context<()>| async move { drop(other.melt().await) });
    /// test.run_until_idle();
    /// assert_eq!(test.block_on(bank.ask_sync()), Err(CircuitError::Blown)); // Whoever has melted it before is heard.
    /// ```
    pub async fn ask_sync(&self) -> Result<(), CircuitError> {
        match self.call(Request::Sync).await {
            Ok(()) => self.ask(),
            Err(_) => Err(CircuitError::NotRunning),
        }
    }

    /// Tells it of a failure of what it guards.
    ///
    /// # Errors
    /// If its process does not run.
    ///
    /// # Cancel safety
    /// Once polled, dropping the future does not take the melt back. So for all requests here.
    ///
    /// # Examples
    ///
    /// For work that the breaker does not do itself:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let bank = CircuitBreaker::new(Fuse::standard(1, Duration::from_secs(60)));
    /// test.block_on(bank.start().spawn(&test)).unwrap();
    /// test.block_on(bank.melt()).unwrap();
    /// assert_eq!(bank.ask(), Ok(())); // One is borne.
    /// test.advance(Duration::from_secs(60)); // It is forgotten.
    /// test.block_on(bank.melt()).unwrap();
    /// assert_eq!(bank.ask(), Ok(()));
    /// test.block_on(bank.melt()).unwrap();
    /// assert!(bank.ask().is_err());
    /// ```
    pub async fn melt(&self) -> Result<(), CallError> {
        self.call(Request::Melt).await
    }

    /// Mends it at once, and forgets all melts. One that is disabled stays so.
    ///
    /// # Errors
    /// If its process does not run.
    ///
    /// # Cancel safety
    /// As [`melt`](Self::melt).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let bank = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(60)));
    /// test.block_on(bank.start().spawn(&test)).unwrap();
    /// test.block_on(bank.melt()).unwrap();
    /// assert!(bank.ask().is_err());
    /// test.block_on(bank.reset()).unwrap(); // The bank has telephoned: all is well.
    /// assert_eq!(bank.ask(), Ok(()));
    /// ```
    pub async fn reset(&self) -> Result<(), CallError> {
        self.call(Request::Reset).await
    }

    /// Breaks the circuit until it is [enabled](Self::enable) again, whatever happens; `fuse`'s `circuit_disable`.
    ///
    /// # Errors
    /// If its process does not run.
    ///
    /// # Cancel safety
    /// As [`melt`](Self::melt).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let bank = CircuitBreaker::new(Fuse::standard(2, Duration::from_secs(60)));
    /// test.block_on(bank.start().spawn(&test)).unwrap();
    /// test.block_on(bank.disable()).unwrap(); // The bank is closed on Sunday.
    /// test.block_on(bank.reset()).unwrap();
    /// test.advance(Duration::from_secs(24 * 3600));
    /// assert!(bank.ask().is_err(), "neither a reset nor time mends it");
    /// ```
    pub async fn disable(&self) -> Result<(), CallError> {
        self.call(Request::Disable).await
    }

    /// Ends what [`disable`](Self::disable) began: it is intact, and has forgotten all melts. One that is not disabled stays as it is.
    ///
    /// # Errors
    /// If its process does not run.
    ///
    /// # Cancel safety
    /// As [`melt`](Self::melt).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, Fuse};
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let bank = CircuitBreaker::new(Fuse::standard(1, Duration::from_secs(60)));
    /// test.block_on(bank.start().spawn(&test)).unwrap();
    /// test.block_on(bank.melt()).unwrap();
    /// test.block_on(bank.disable()).unwrap();
    /// test.block_on(bank.enable()).unwrap();
    /// test.block_on(bank.melt()).unwrap();
    /// assert_eq!(bank.ask(), Ok(())); // The melt from before is forgotten.
    /// ```
    pub async fn enable(&self) -> Result<(), CallError> {
        self.call(Request::Enable).await
    }

    /// Does `work` if the breaker is intact, and counts a melt if that fails.
    ///
    /// # Errors
    /// If the breaker is not intact, or `work` fails.
    ///
    /// # Cancel safety
    /// Dropping the future drops `work`, and counts nothing.
    pub async fn run<T, E, F>(&self, work: impl FnOnce() -> F) -> Result<T, RunError<E>>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.ask()?;
        match work().await {
            Ok(value) => Ok(value),
            Err(error) => {
                // A breaker that ends meanwhile forgets its melts anyway.
                let _ = self.melt().await;
                Err(RunError::Failed(error))
            }
        }
    }

    async fn call(&self, request: impl FnOnce(Reply<()>) -> Request) -> Result<(), CallError> {
        let process = self.shared.process().clone();
        match process {
            Some(address) => address.call(|reply| CircuitRequest(request(reply))).await,
            None => Err(CallError::NoProcess { target: Recipient::Process(Pid::NOBODY) }),
        }
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker").field("fuse", &self.fuse).field("ask", &self.ask()).finish()
    }
}

/// What a breaker and its process share.
#[derive(Default)]
struct Shared {
    /// What is told to those who ask.
    shown: AtomicU8,
    process: Mutex<Option<Address<CircuitRequest>>>,
}

/// It does not run. The others are of one that does.
const ABSENT: u8 = 0;
const INTACT: u8 = 1;
const BROKEN: u8 = 2;

impl Shared {
    fn process(&self) -> MutexGuard<'_, Option<Address<CircuitRequest>>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The machine of a [`CircuitBreaker`].
///
/// # Examples
///
/// As an operator sees it:
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::Sys;
/// use proscenium_behaviours::circuit_breaker::{Circuit, CircuitBreaker, CircuitState, Fuse};
/// use proscenium_behaviours::gen_statem::StateAndData;
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(1);
/// let bank = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(60)));
/// let process = test.block_on(bank.start().spawn(&test)).unwrap();
/// test.block_on(bank.melt()).unwrap();
/// let sys = Sys::new(&test, &process);
/// let state = test.block_on(sys.get_state(|breaker: &StateAndData<Circuit>| breaker.state));
/// assert_eq!(state, Ok(CircuitState::Blown));
/// ```
pub struct Circuit {
    breaker: CircuitBreaker,
    /// When it melted while it was intact, the latest last.
    melts: VecDeque<Instant>,
}

/// The states of a [`Circuit`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::Sys;
/// use proscenium_behaviours::circuit_breaker::{Circuit, CircuitBreaker, CircuitState, Fuse};
/// use proscenium_behaviours::gen_statem::StateAndData;
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(1);
/// let bank = CircuitBreaker::new(Fuse::standard(0, Duration::from_secs(60)));
/// let process = test.block_on(bank.start().spawn(&test)).unwrap();
/// let sys = Sys::new(&test, &process);
/// let state = || test.block_on(sys.get_state(|breaker: &StateAndData<Circuit>| breaker.state)).unwrap();
/// assert_eq!(state(), CircuitState::Intact);
/// test.block_on(bank.disable()).unwrap();
/// assert_eq!(state(), CircuitState::Disabled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// All may try.
    Intact,
    /// Nobody shall try, until it heals.
    Blown,
    /// Nobody shall try, until it is enabled.
    Disabled,
}

/// What a [`CircuitBreaker`] asks of its process.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::circuit_breaker::{CircuitBreaker, CircuitRequest, Fuse};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, ExitReason};
///
/// let test = TestSystem::new(1);
/// let bank = CircuitBreaker::new(Fuse::standard(2, Duration::from_secs(60)));
/// let process: Address<CircuitRequest> = test.block_on(bank.start().spawn(&test)).unwrap();
/// // Nobody makes one but the breaker; the address is for links and monitors.
/// let mut watcher = test.probe::<()>();
/// let monitor = watcher.monitor(&process);
/// test.exit(&process, ExitReason::Shutdown);
/// watcher.expect_down(monitor, ExitReason::Shutdown);
/// ```
pub struct CircuitRequest(Request);

enum Request {
    Melt(Reply<()>),
    Reset(Reply<()>),
    Disable(Reply<()>),
    Enable(Reply<()>),
    Sync(Reply<()>),
}

impl GenStatem for Circuit {
    type Args = CircuitBreaker;
    type State = CircuitState;
    type Event = Event<CircuitRequest>;

    async fn init(breaker: CircuitBreaker, ctx: &mut Context<CircuitRequest>) -> Result<Initial<Self>, ExitReason> {
        let mut process = breaker.shared.process();
        if let Some(other) = &*process {
            return Err(ExitReason::init_error(format!("this circuit breaker runs already: {other:?}")));
        }
        *process = Some(ctx.address());
        drop(process);
        let circuit = Circuit { breaker, melts: VecDeque::new() };
        circuit.show(CircuitState::Intact);
        Ok(start_in(CircuitState::Intact, circuit))
    }

    async fn handle_event(
        &mut self,
        state: &CircuitState,
        event: Event<CircuitRequest>,
        ctx: &mut Context<CircuitRequest>,
    ) -> Result<Transition<Self>, ExitReason> {
        use CircuitState::{Blown, Disabled, Intact};
        let Event::Message(CircuitRequest(request)) = event else {
            // It heals, unless it is another process's end, which is nothing to a breaker.
            return Ok(if matches!(event, Event::StateTimeout(())) { self.mend() } else { keep_state() });
        };
        Ok(match (state, request) {
            (Intact, Request::Melt(reply)) if self.melts_too_often(ctx.system().now()) => {
                self.go(Blown).state_timeout(self.breaker.fuse.reset, ()).reply(reply, ())
            }
            (Intact | Blown, Request::Reset(reply)) | (Disabled, Request::Enable(reply)) => {
                self.mend().reply(reply, ())
            }
            (_, Request::Disable(reply)) => self.go(Disabled).reply(reply, ()),
            (_, Request::Melt(reply) | Request::Reset(reply) | Request::Enable(reply) | Request::Sync(reply)) => {
                keep_state().reply(reply, ())
            }
        })
    }

    async fn enter(
        &mut self,
        old: &CircuitState,
        state: &CircuitState,
        ctx: &mut Context<CircuitRequest>,
    ) -> Result<Entry<Self>, ExitReason> {
        if old != state {
            slog::info!(ctx.logger(), "circuit breaker"; "was" => ?old, "is" => ?state);
        }
        Ok(entered())
    }

    fn format_status(&self, state: &CircuitState, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{state:?}, {} of {} melts", self.melts.len(), self.breaker.fuse.most)
    }
}

impl Circuit {
    fn mend(&mut self) -> Transition<Self> {
        self.melts.clear();
        self.go(CircuitState::Intact)
    }

    fn go(&self, state: CircuitState) -> Transition<Self> {
        // Before the reply that goes with it: who has it sees what came of the request.
        self.show(state);
        next_state(state)
    }

    /// Counts a melt; whether it was one too many.
    fn melts_too_often(&mut self, now: Instant) -> bool {
        let Fuse { most, period, .. } = self.breaker.fuse;
        self.melts.push_back(now);
        while self.melts.front().is_some_and(|melt| now.saturating_duration_since(*melt) >= period) {
            self.melts.pop_front();
        }
        self.melts.len() > most as usize
    }

    fn show(&self, state: CircuitState) {
        let shown = if state == CircuitState::Intact { INTACT } else { BROKEN };
        self.breaker.shared.shown.store(shown, Ordering::Release);
    }
}

/// When the machine is gone, the breaker does not run.
impl Drop for Circuit {
    fn drop(&mut self) {
        let mut process = self.breaker.shared.process();
        *process = None;
        self.breaker.shared.shown.store(ABSENT, Ordering::Release);
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit").field("melts", &self.melts.len()).finish_non_exhaustive()
    }
}

impl fmt::Debug for CircuitRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CircuitRequest")
    }
}
