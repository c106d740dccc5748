//! Timers, ordered by when they expire.
//!
//! Invariants:
//! - None fires early; those that expire at the same instant fire in the order they were set.
//! - No lock is held while a timer fires.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use async_io::Timer;
use event_listener::Event;
use futures_lite::future;

use crate::clock::Clock;
use crate::current;
use crate::panic::catch;
use crate::pid::TimerRef;
use crate::sync::Lock;

/// What a timer does when it expires.
pub(crate) enum Action {
    Wake(Waker),
    /// Called with the time; what it returns is when it wants to be called again.
    Call(Box<dyn FnMut(Instant) -> Option<Instant> + Send>),
}

/// The pending timers: a pure store.
#[derive(Default)]
struct Store {
    by_time: BTreeMap<(Instant, TimerRef), Action>,
    expiry_of: BTreeMap<TimerRef, Instant>,
    /// The one that fires now and may want to be set again; `None` once it is cancelled.
    firing: Option<TimerRef>,
    last: u64,
}

impl Store {
    fn reserve(&mut self) -> TimerRef {
        self.last += 1;
        TimerRef(self.last)
    }

    fn insert(&mut self, timer: TimerRef, at: Instant, action: Action) {
        self.by_time.insert((at, timer), action);
        self.expiry_of.insert(timer, at);
    }

    fn remove(&mut self, timer: TimerRef) -> Option<(Instant, Action)> {
        self.firing = self.firing.filter(|firing| *firing != timer);
        let at = self.expiry_of.remove(&timer)?;
        let action = self.by_time.remove(&(at, timer)).expect("both maps hold the same timers");
        Some((at, action))
    }

    fn pop_due(&mut self, now: Instant) -> Option<(TimerRef, Action)> {
        let entry = self.by_time.first_entry()?;
        let (at, timer) = *entry.key();
        if at > now {
            return None;
        }
        let action = entry.remove();
        self.expiry_of.remove(&timer);
        self.firing = Some(timer);
        Some((timer, action))
    }

    /// Sets a timer that has just fired again, unless it was cancelled meanwhile; then its action is given back.
    fn insert_again(&mut self, timer: TimerRef, at: Instant, action: Action) -> Option<Action> {
        if self.firing != Some(timer) {
            return Some(action);
        }
        self.insert(timer, at, action);
        None
    }

    fn next_expiry(&self) -> Option<Instant> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }
}

/// A system's timers and its clock.
pub(crate) struct Timers {
    clock: Clock,
    store: Lock<Store>,
    /// Told when the next expiry moves forward.
    sooner: Event,
}

/// After timers have fired, so long passes until the next do: to wake up for each would cost more than all they lead to.
const RESOLUTION: Duration = Duration::from_millis(1);

impl Timers {
    pub(crate) fn new(clock: Clock) -> Self {
        Timers { clock, store: Lock::default(), sooner: Event::new() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// When `delay` from now is; a delay beyond what the clock can tell is cut to a century.
    pub(crate) fn after(&self, delay: Duration) -> Instant {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        self.now() + delay.min(CENTURY)
    }

    /// A name for a timer that is about to be set.
    pub(crate) fn reserve(&self) -> TimerRef {
        self.store.lock().reserve()
    }

    pub(crate) fn set(&self, timer: TimerRef, at: Instant, action: Action) {
        let mut store = self.store.lock();
        let is_next = store.next_expiry().is_none_or(|next| at < next);
        store.insert(timer, at, action);
        drop(store);
        if is_next {
            self.sooner.notify(1);
        }
    }

    /// Returns the time that was left, or `None` if the timer is not pending.
    pub(crate) fn cancel(&self, timer: TimerRef) -> Option<Duration> {
        let removed = self.store.lock().remove(timer);
        removed.map(|(at, _action)| at.saturating_duration_since(self.now()))
    }

    pub(crate) fn time_left(&self, timer: TimerRef) -> Option<Duration> {
        let at = self.store.lock().expiry_of.get(&timer).copied();
        at.map(|at| at.saturating_duration_since(self.now()))
    }

    pub(crate) fn len(&self) -> usize {
        self.store.lock().by_time.len()
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        self.store.lock().next_expiry()
    }

    /// Fires what has expired by now, in order. Returns whether there was anything.
    pub(crate) fn fire_due(&self) -> bool {
        let now = self.now();
        let mut any = false;
        loop {
            let due = self.store.lock().pop_due(now);
            let Some((timer, action)) = due else { return any };
            any = true;
            // What fires may drop what user code made, and a panic of that must not stop the other timers.
            let _ = catch(|| self.fire(timer, action, now));
        }
    }

    fn fire(&self, timer: TimerRef, action: Action, now: Instant) {
        match action {
            Action::Wake(waker) => waker.wake(),
            Action::Call(mut call) => {
                if let Some(at) = call(now) {
                    let cancelled = self.store.lock().insert_again(timer, at, Action::Call(call));
                    drop(cancelled);
                }
            }
        }
    }

    /// Fires timers for ever, by the machine's clock; many that expire one close upon the other together, up to a millisecond
    /// late, as OTP's are.
    pub(crate) async fn drive(&self) {
        loop {
            let sooner = self.sooner.listen();
            let rest = if self.fire_due() { RESOLUTION } else { Duration::ZERO };
            let earliest = self.now() + rest;
            match self.next_expiry() {
                None => sooner.await,
                Some(at) => {
                    let at = at.max(earliest);
                    let expiry = async {
                        Timer::at(at).await;
                    };
                    future::or(sooner, expiry).await;
                }
            }
        }
    }

    pub(crate) fn sleep_until(self: &Arc<Self>, at: Instant) -> Sleep {
        Sleep { timers: self.clone(), at, pending: None }
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("pending", &self.len()).finish()
    }
}

/// Waits until an instant of the system's clock; made by [`Context::sleep`](crate::Context::sleep).
///
/// # Cancel safety
/// Dropping it forgets the timer.
#[must_use = "futures do nothing unless they are awaited"]
#[derive(Debug)]
pub struct Sleep {
    timers: Arc<Timers>,
    at: Instant,
    pending: Option<(TimerRef, Waker)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.timers.now() >= self.at {
            ready!(current::poll_budget(cx));
            current::spend();
            return Poll::Ready(());
        }
        match &self.pending {
            Some((_, waker)) if waker.will_wake(cx.waker()) => {}
            _ => self.arm(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Sleep {
    /// Waits for `future`, but no longer than this: `None` if the time is over first.
    ///
    /// What is ready at once counts, however short the time.
    ///
    /// # Cancel safety
    /// As cancel-safe as `future`, which is dropped when the time is over.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future;
    /// use std::time::Duration;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let minute = Duration::from_secs(60);
    ///     assert_eq!(ctx.sleep(minute).limit(future::ready("tea")).await, Some("tea"));
    ///     assert_eq!(ctx.sleep(minute).limit(future::pending::<&str>()).await, None);
    /// });
    /// ```
    pub async fn limit<T>(self, future: impl Future<Output = T>) -> Option<T> {
        let late = async {
            self.await;
            None
        };
        future::or(async { Some(future.await) }, late).await
    }

    fn arm(&mut self, waker: Waker) {
        self.forget();
        let timer = self.timers.reserve();
        self.timers.set(timer, self.at, Action::Wake(waker.clone()));
        self.pending = Some((timer, waker));
    }

    fn forget(&mut self) {
        if let Some((timer, _)) = self.pending.take() {
            self.timers.cancel(timer);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::VirtualClock;

    struct Bench {
        clock: VirtualClock,
        timers: Timers,
        fired: Arc<Lock<Vec<u32>>>,
    }

    impl Bench {
        fn new() -> Self {
            let clock = VirtualClock::new();
            Bench { timers: Timers::new(Clock::Virtual(clock.clone())), clock, fired: Arc::default() }
        }

        fn set(&self, millis: u64, id: u32) -> TimerRef {
            let fired = self.fired.clone();
            let timer = self.timers.reserve();
            let call = move |_now| {
                fired.lock().push(id);
                None
            };
            self.timers.set(timer, self.timers.after(Duration::from_millis(millis)), Action::Call(Box::new(call)));
            timer
        }

        fn advance(&self, millis: u64) -> Vec<u32> {
            self.clock.move_to(self.clock.now() + Duration::from_millis(millis));
            self.timers.fire_due();
            std::mem::take(&mut *self.fired.lock())
        }
    }

    #[test]
    fn timers_fire_in_order_of_expiry_and_never_early() {
        let bench = Bench::new();
        bench.set(30, 3);
        bench.set(10, 1);
        bench.set(20, 2);
        assert_eq!(bench.advance(9), []);
        assert_eq!(bench.advance(1), [1]);
        assert_eq!(bench.advance(100), [2, 3]);
    }

    #[test]
    fn timers_of_one_instant_fire_in_the_order_they_were_set() {
        let bench = Bench::new();
        for id in 0..5 {
            bench.set(10, id);
        }
        assert_eq!(bench.advance(10), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_cancelled_timer_tells_the_time_left_and_does_not_fire() {
        let bench = Bench::new();
        let timer = bench.set(10, 1);
        bench.advance(4);
        assert_eq!(bench.timers.cancel(timer), Some(Duration::from_millis(6)));
        assert_eq!(bench.timers.cancel(timer), None);
        assert_eq!(bench.advance(100), []);
        assert_eq!(bench.timers.len(), 0);
    }

    #[test]
    fn a_delay_beyond_the_clock_does_not_panic() {
        let bench = Bench::new();
        bench.timers.after(Duration::MAX);
    }
}
