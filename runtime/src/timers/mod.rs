//! Timers, and the system's clock.
//!
//! Invariants:
//! - None fires early; those that expire at different instants fire in that order, those that a process sets for one instant
//!   in the order it sets them.
//! - No lock is held while a timer fires.
//! - The timer of a process is pending until it is cancelled, has sent its message, or the process ends: one of these.

mod driver;
mod expiry;
mod owner;
mod slab;
mod sleep;
mod slot;
mod wheel;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use event_listener::Event;

pub(crate) use self::expiry::Expiry;
pub(crate) use self::owner::TimerOwner;
pub use self::sleep::Sleep;

use self::wheel::{Nanos, Wheel};
use crate::clock::{Clock, machine_nanos, nanos};
use crate::panic::drop_quietly;
use crate::pid::TimerRef;
use crate::scheduler;
use crate::slot::Owed;
use crate::sync::{Apart, SpinGuard, SpinLock, per_thread};

/// A system's timers and its clock.
pub(crate) struct Timers {
    clock: Clock,
    start: Instant,
    /// Several, so that threads do not wait for each other: what no process owns goes to that of its thread, what one owns to
    /// that of the process, which has that of its thread unless it has timers elsewhere.
    stores: Box<[Apart<SpinLock<Store>>]>,
    /// Told when the next expiry moves forward.
    sooner: Event,
}

struct Store {
    wheel: Wheel<Action>,
    /// When the driver looks here again, unless it is told to do so sooner: not after the next expiry.
    soonest: Nanos,
}

/// What a timer does when it expires.
enum Action {
    Wake(Waker),
    /// Whoever waits for that value waits no longer.
    Expire(Owed),
    Call(Box<dyn FnMut(Firing<'_>) -> Option<Instant> + Send>),
}

/// A timer of a process as it fires.
#[derive(Clone, Copy)]
pub(crate) struct Firing<'a> {
    timers: &'a Timers,
    pub(crate) timer: TimerRef,
    pub(crate) now: Instant,
}

const MOST_STORES: usize = 64;

impl Timers {
    pub(crate) fn new(clock: Clock) -> Self {
        let count = match clock {
            Clock::Real => thread::available_parallelism().map_or(1, |count| count.get().min(MOST_STORES)),
            // A test has one order of all, whatever threads it is made on.
            Clock::Virtual(_) => 1,
        };
        let store = |number| Apart(SpinLock::new(Store { wheel: Wheel::new(number as u16), soonest: Nanos::MAX }));
        Timers { start: clock.now(), clock, stores: (0..count).map(store).collect(), sooner: Event::new() }
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
        let action = Action::Call(Box::new(fire));
        let at = self.nanos(at);
        let number = self.store_for(owner);
        let mut store = self.store(number);
        let Some(owner) = owner.get_or_begin(number, &mut store.wheel) else {
            // Whoever has ended has no more timers.
            return TimerRef::NONE;
        };
        let timer = store.wheel.set(at, Some(owner), action);
        self.look_by(at, store);
        timer
    }

    /// Wakes `waker` at that instant.
    fn set_wake(&self, at: Instant, waker: Waker) -> TimerRef {
        self.set_unowned(at, Action::Wake(waker))
    }

    /// Whoever waits for that value waits until that instant; to be [forgotten](Self::forget) once it has come.
    pub(crate) fn expire_at(&self, at: Instant, value: Owed) -> TimerRef {
        self.set_unowned(at, Action::Expire(value))
    }

    fn set_unowned(&self, at: Instant, action: Action) -> TimerRef {
        let at = self.nanos(at);
        let mut store = self.store(self.store_here());
        let timer = store.wheel.set(at, None, action);
        self.look_by(at, store);
        timer
    }

    /// Has the driver look at that store by then, and frees it.
    #[inline]
    fn look_by(&self, at: Nanos, mut store: SpinGuard<'_, Store>) {
        if at < store.soonest {
            store.soonest = at;
            drop(store);
            self.sooner.notify(1);
        }
    }

    /// Makes an end of one of the owner's timers. Returns when it would have fired, or `None` if it was over.
    pub(crate) fn cancel(&self, owner: &TimerOwner, timer: TimerRef) -> Option<Nanos> {
        let mut store = self.store(timer.store);
        let removed = owner.get(timer.store).and_then(|owner| store.wheel.remove(timer, Some(owner)));
        drop(store);
        removed.map(|(at, _action)| at)
    }

    /// Whether that is pending, and for this waker.
    fn will_wake(&self, timer: TimerRef, waker: &Waker) -> bool {
        match self.store(timer.store).wheel.value(timer) {
            Some(Action::Wake(known)) => known.will_wake(waker),
            _ => false,
        }
    }

    /// Makes an end of a timer that no process owns.
    pub(crate) fn forget(&self, timer: TimerRef) {
        let removed = self.store(timer.store).wheel.remove(timer, None);
        drop(removed);
    }

    /// Makes an end of all of the owner's timers; it will have no others.
    pub(crate) fn cancel_all(&self, owner: &TimerOwner) {
        const AT_ONCE: usize = 256;
        let Some((store, ending)) = owner.end(|store| self.store(store)) else { return };
        let mut actions = Vec::new();
        loop {
            let is_done = self.store(store).wheel.remove_owner(ending, AT_ONCE, &mut actions);
            // What a timer would have sent is dropped with it.
            actions.drain(..).for_each(|action| drop(drop_quietly(action)));
            if is_done {
                return;
            }
        }
    }

    /// How many of the owner's timers are pending.
    pub(crate) fn count(&self, owner: &TimerOwner) -> usize {
        let Some(number) = owner.store() else { return 0 };
        let store = self.store(number);
        owner.get(number).map_or(0, |owner| store.wheel.count(owner))
    }

    pub(crate) fn time_left(&self, timer: TimerRef) -> Option<Duration> {
        let at = self.store(timer.store).wheel.expiry(timer);
        at.map(|at| self.until(at))
    }

    pub(crate) fn len(&self) -> usize {
        self.stores.iter().map(|store| store.lock().wheel.len()).sum()
    }

    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let next = self.stores.iter().filter_map(|store| store.lock().wheel.next_expiry()).min();
        next.map(|at| self.instant(at))
    }

    pub(crate) fn sleep_until(self: &Arc<Self>, at: Instant) -> Sleep {
        Sleep::new(self.clone(), at)
    }

    fn store(&self, number: u16) -> SpinGuard<'_, Store> {
        // A timer of another system may have a number that is none here.
        self.stores.get(usize::from(number)).unwrap_or(&self.stores[0]).lock()
    }

    /// Where the owner's next timer goes: to the others, if it has any; else to what this thread has at hand.
    fn store_for(&self, owner: &TimerOwner) -> u16 {
        let here = self.store_here();
        match owner.store() {
            Some(elsewhere) if elsewhere != here && !self.leave(owner, elsewhere) => elsewhere,
            _ => here,
        }
    }

    #[cold]
    fn leave(&self, owner: &TimerOwner, store: u16) -> bool {
        owner.leave(store, &mut self.store(store).wheel)
    }

    /// The store of this thread.
    fn store_here(&self) -> u16 {
        match self.stores.len() {
            1 => 0,
            count => (thread_number() % count) as u16,
        }
    }

    /// What the wheel calls that instant; what is beyond its time, in 584 years, it takes for the end of it.
    fn nanos(&self, at: Instant) -> Nanos {
        nanos(at.saturating_duration_since(self.start))
    }

    fn instant(&self, at: Nanos) -> Instant {
        self.start + Duration::from_nanos(at)
    }

    /// Whether this thread is a worker whose turn is over before that instant, if not all of its tasks are slow; that is told
    /// without a look at the clock.
    fn is_after_turn(&self, at: Instant) -> bool {
        const LONGER_THAN_A_TURN: Duration = Duration::from_millis(50);
        let is_after = |began: u64| machine_nanos(at) > began + nanos(LONGER_THAN_A_TURN);
        matches!(self.clock, Clock::Real) && scheduler::turn_began().is_some_and(is_after)
    }

    /// The time from now to then.
    pub(crate) fn until(&self, at: Nanos) -> Duration {
        self.instant(at).saturating_duration_since(self.now())
    }
}

impl Firing<'_> {
    /// Whether the timer was not cancelled yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.timers.store(self.timer.store).wheel.is_firing(self.timer)
    }

    /// Makes an end of the timer, unless it was cancelled: then it returns false, and the timer must do nothing.
    pub(crate) fn finish(&self) -> bool {
        self.timers.store(self.timer.store).wheel.finish(self.timer)
    }
}

per_thread! {
    /// In the order in which threads first ask for it.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        NUMBER.set(Some(number));
        number
    })
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("pending", &self.len()).finish()
    }
}
