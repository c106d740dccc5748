//! Timers, and the system's clock.
//!
//! Invariants:
//! - None fires early; those that expire at different instants fire in that order, those of one instant in the order they were
//!   set.
//! - No lock is held while a timer fires.
//! - The timer of a process is pending until it is cancelled, has sent its message, or the process ends: one of these.

mod driver;
mod slab;
mod sleep;
mod wheel;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Waker;
use std::time::{Duration, Instant};

use event_listener::Event;

pub use self::sleep::Sleep;

use self::wheel::{Nanos, OwnerRef, Wheel};
use crate::clock::Clock;
use crate::panic::drop_quietly;
use crate::pid::TimerRef;
use crate::sync::Lock;

/// A system's timers and its clock.
pub(crate) struct Timers {
    clock: Clock,
    start: Instant,
    store: Lock<Store>,
    /// Told when the next expiry moves forward.
    sooner: Event,
}

struct Store {
    wheel: Wheel<Action>,
    /// When the driver looks again, unless it is told to do so sooner.
    soonest: Nanos,
}

/// What a timer does when it expires.
enum Action {
    Wake(Waker),
    Call(Box<dyn FnMut(Firing<'_>) -> Option<Instant> + Send>),
}

/// A timer of a process as it fires.
#[derive(Clone, Copy)]
pub(crate) struct Firing<'a> {
    timers: &'a Timers,
    pub(crate) timer: TimerRef,
    pub(crate) now: Instant,
}

/// Whose timers end with it; what a process has to do with its timers.
#[derive(Debug)]
pub(crate) struct TimerOwner(AtomicU32);

impl Timers {
    pub(crate) fn new(clock: Clock) -> Self {
        let store = Store { wheel: Wheel::new(), soonest: Nanos::MAX };
        Timers { start: clock.now(), clock, store: Lock::new(store), sooner: Event::new() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// When `delay` from now is; a delay beyond what the clock can tell is cut to a century.
    pub(crate) fn after(&self, delay: Duration) -> Instant {
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        self.now() + delay.min(CENTURY)
    }

    /// Calls `fire` at that instant, and again whenever it then says. Whether the timer is over by that, it decides itself:
    /// see [`Firing::finish`].
    pub(crate) fn set(
        &self,
        owner: &TimerOwner,
        at: Instant,
        fire: impl FnMut(Firing<'_>) -> Option<Instant> + Send + 'static,
    ) -> TimerRef {
        let mut action = Some(Action::Call(Box::new(fire)));
        let timer = self.insert(at, |wheel, at| {
            let owner = owner.get_or_begin(wheel)?;
            Some(wheel.set(at, Some(owner), action.take()?))
        });
        // Whoever has ended has no more timers.
        timer.unwrap_or(TimerRef::NONE)
    }

    /// Wakes `waker` at that instant.
    fn set_wake(&self, at: Instant, waker: Waker) -> TimerRef {
        self.insert(at, |wheel, at| wheel.set(at, None, Action::Wake(waker)))
    }

    fn insert<R>(&self, at: Instant, insert: impl FnOnce(&mut Wheel<Action>, Nanos) -> R) -> R {
        let at = self.nanos(at);
        let mut store = self.store.lock();
        let inserted = insert(&mut store.wheel, at);
        let is_sooner = at < store.soonest;
        if is_sooner {
            store.soonest = at;
        }
        drop(store);
        if is_sooner {
            self.sooner.notify(1);
        }
        inserted
    }

    /// Makes an end of one of the owner's timers. Returns the time that was left, or `None` if it was over.
    pub(crate) fn cancel(&self, owner: &TimerOwner, timer: TimerRef) -> Option<Duration> {
        let mut store = self.store.lock();
        let removed = owner.get().and_then(|owner| store.wheel.remove(timer, Some(owner)));
        drop(store);
        removed.map(|(at, _action)| self.until(at))
    }

    fn cancel_wake(&self, timer: TimerRef) {
        let removed = self.store.lock().wheel.remove(timer, None);
        drop(removed);
    }

    /// Makes an end of all of the owner's timers; it will have no others.
    pub(crate) fn cancel_all(&self, owner: &TimerOwner) {
        const AT_ONCE: usize = 256;
        let store = self.store.lock();
        let Some(ending) = owner.end() else { return };
        drop(store);
        let mut actions = Vec::new();
        loop {
            let is_done = self.store.lock().wheel.remove_owner(ending, AT_ONCE, &mut actions);
            // What a timer would have sent is dropped with it.
            actions.drain(..).for_each(|action| drop(drop_quietly(action)));
            if is_done {
                return;
            }
        }
    }

    /// How many of the owner's timers are pending.
    pub(crate) fn count(&self, owner: &TimerOwner) -> usize {
        let store = self.store.lock();
        owner.get().map_or(0, |owner| store.wheel.count(owner))
    }

    pub(crate) fn time_left(&self, timer: TimerRef) -> Option<Duration> {
        let at = self.store.lock().wheel.expiry(timer);
        at.map(|at| self.until(at))
    }

    pub(crate) fn len(&self) -> usize {
        self.store.lock().wheel.len()
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let next = self.store.lock().wheel.next_expiry();
        next.map(|at| self.instant(at))
    }

    pub(crate) fn sleep_until(self: &Arc<Self>, at: Instant) -> Sleep {
        Sleep::new(self.clone(), at)
    }

    /// What the wheel calls that instant; what is beyond its time, in 584 years, it takes for the end of it.
    fn nanos(&self, at: Instant) -> Nanos {
        let since = at.saturating_duration_since(self.start);
        Nanos::try_from(since.as_nanos()).unwrap_or(Nanos::MAX)
    }

    fn instant(&self, at: Nanos) -> Instant {
        self.start + Duration::from_nanos(at)
    }

    fn until(&self, at: Nanos) -> Duration {
        self.instant(at).saturating_duration_since(self.now())
    }
}

impl Firing<'_> {
    /// Whether the timer was not cancelled yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.timers.store.lock().wheel.is_firing(self.timer)
    }

    /// Makes an end of the timer, unless it was cancelled: then it returns false, and the timer must do nothing.
    pub(crate) fn finish(&self) -> bool {
        self.timers.store.lock().wheel.finish(self.timer)
    }
}

impl TimerOwner {
    /// It had no timer yet.
    const NEW: u32 = u32::MAX;
    /// It will have none any more.
    const ENDED: u32 = u32::MAX - 1;

    pub(crate) const fn new() -> Self {
        TimerOwner(AtomicU32::new(Self::NEW))
    }

    // What follows is called under the store's lock, which orders it.

    fn get(&self) -> Option<OwnerRef> {
        let owner = self.0.load(Ordering::Relaxed);
        (owner < Self::ENDED).then_some(OwnerRef(owner))
    }

    fn get_or_begin(&self, wheel: &mut Wheel<Action>) -> Option<OwnerRef> {
        if self.0.load(Ordering::Relaxed) == Self::NEW {
            self.0.store(wheel.add_owner().0, Ordering::Relaxed);
        }
        self.get()
    }

    fn end(&self) -> Option<OwnerRef> {
        let owner = self.get();
        self.0.store(Self::ENDED, Ordering::Relaxed);
        owner
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("pending", &self.len()).finish()
    }
}
