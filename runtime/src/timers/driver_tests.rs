//! Timers as a test lets them fire.

use std::sync::Arc;

use super::*;
use crate::clock::{Clock, VirtualClock};
use crate::pid::TimerRef;
use crate::sync::Lock;
use crate::timers::TimerOwner;

struct Bench {
    clock: VirtualClock,
    timers: Arc<Timers>,
    owner: Arc<TimerOwner>,
    fired: Arc<Lock<Vec<u32>>>,
}

impl Bench {
    fn new() -> Self {
        let clock = VirtualClock::new();
        let timers = Arc::new(Timers::new(Clock::Virtual(clock.clone())));
        Bench { timers, clock, owner: Arc::new(TimerOwner::new()), fired: Arc::default() }
    }

    fn at(&self, millis: u64) -> Instant {
        self.timers.after(Duration::from_millis(millis))
    }

    fn set(&self, millis: u64, id: u32) -> TimerRef {
        let fired = self.fired.clone();
        self.timers.set(&self.owner, self.at(millis), move |firing| {
            if firing.finish() {
                fired.lock().push(id);
            }
            None
        })
    }

    /// One that fires at each of these times, and then no more.
    fn set_again(&self, millis: &[u64], id: u32) -> TimerRef {
        let mut instants = millis.iter().map(|millis| self.at(*millis)).collect::<Vec<_>>().into_iter();
        let first = instants.next().expect("it has a time");
        let fired = self.fired.clone();
        self.timers.set(&self.owner, first, move |firing| {
            fired.lock().push(id);
            let next = instants.next();
            if next.is_none() {
                firing.finish();
            }
            next
        })
    }

    fn advance(&self, millis: u64) -> Vec<u32> {
        self.clock.move_to(self.at(millis));
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
    let ids: Vec<u32> = (0..1000).collect();
    for id in &ids {
        bench.set(10, *id);
    }
    assert_eq!(bench.advance(10), ids);
}

#[test]
fn a_cancelled_timer_tells_the_time_left_and_does_not_fire() {
    let bench = Bench::new();
    let timer = bench.set(10, 1);
    bench.advance(4);
    assert_eq!(
        bench.timers.cancel(&bench.owner, timer).map(|at| bench.timers.until(at)),
        Some(Duration::from_millis(6))
    );
    assert_eq!(bench.timers.cancel(&bench.owner, timer), None);
    assert_eq!(bench.advance(100), []);
    assert_eq!(bench.timers.len(), 0);
}

#[test]
fn a_timer_is_cancelled_by_one_that_fires_just_before_it() {
    let bench = Bench::new();
    let (timers, owner) = (bench.timers.clone(), bench.owner.clone());
    let victim = Arc::new(Lock::new(TimerRef::NONE));
    let target = victim.clone();
    bench.timers.set(&bench.owner, bench.at(10), move |firing| {
        firing.finish();
        let target = *target.lock();
        assert_eq!(
            timers.cancel(&owner, target).map(|at| timers.until(at)),
            Some(Duration::ZERO),
            "it has expired, and has not fired"
        );
        None
    });
    *victim.lock() = bench.set(10, 1);
    bench.set(10, 2);
    assert_eq!(bench.advance(10), [2]);
    assert_eq!(bench.timers.count(&bench.owner), 0);
}

#[test]
fn a_timer_that_cancels_itself_as_it_fires_is_not_set_again() {
    let bench = Bench::new();
    let (timers, owner, fired) = (bench.timers.clone(), bench.owner.clone(), bench.fired.clone());
    bench.timers.set(&bench.owner, bench.at(10), move |firing| {
        fired.lock().push(1);
        assert_eq!(timers.cancel(&owner, firing.timer).map(|at| timers.until(at)), Some(Duration::ZERO));
        Some(firing.now + Duration::from_millis(10))
    });
    assert_eq!(bench.advance(10), [1]);
    assert_eq!((bench.timers.len(), bench.timers.next_expiry()), (0, None));
    assert_eq!(bench.advance(100), []);
}

#[test]
fn a_timer_that_is_late_and_set_again_fires_in_its_turn() {
    let bench = Bench::new();
    bench.set_again(&[10, 20, 30, 50], 0);
    bench.set(15, 1);
    bench.set(20, 2);
    bench.set(25, 3);
    bench.set(60, 4);
    // Of one instant, the one that was set first goes first, though it was set again later.
    assert_eq!(bench.advance(35), [0, 1, 0, 2, 3, 0]);
    assert_eq!(bench.advance(30), [0, 4]);
}

#[test]
fn whose_owner_ends_fires_no_more_and_sets_no_other() {
    let bench = Bench::new();
    for id in 0..1000 {
        bench.set(u64::from(id), id);
    }
    let beside = Bench { owner: Arc::new(TimerOwner::new()), ..bench };
    beside.set(500, 1000);
    beside.timers.cancel_all(&bench.owner);
    assert_eq!(beside.timers.len(), 1);
    let late = Bench { owner: bench.owner, ..beside };
    let timer = late.set(500, 1001);
    assert_eq!((late.timers.len(), late.timers.time_left(timer)), (1, None));
    assert_eq!(late.advance(1000), [1000]);
}

#[test]
fn a_panic_of_a_timer_stops_no_other() {
    let bench = Bench::new();
    bench.timers.set(&bench.owner, bench.at(10), |_firing| panic!("out of cheese"));
    bench.set(10, 1);
    assert_eq!(bench.advance(10), [1]);
}

#[test]
fn a_delay_beyond_the_clock_does_not_panic() {
    let bench = Bench::new();
    let timer = bench.timers.set(&bench.owner, bench.timers.after(Duration::MAX), |_firing| None);
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    assert_eq!(bench.timers.time_left(timer), Some(century));
    assert_eq!(bench.timers.next_expiry(), Some(bench.timers.now() + century));
}
