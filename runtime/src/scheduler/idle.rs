//! Workers that sleep, and who wakes them.
//!
//! A worker that was woken is counted as searching until it has found work: meanwhile nobody else is woken. The last to find
//! work wakes another, should there be more.

use std::task::Waker;

use crate::sync::Lock;
use crate::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(super) struct IdleWorkers {
    sleepers: Lock<Vec<Sleeper>>,
    /// How many sleep, told without the lock.
    count: AtomicUsize,
    /// How many of these are woken for what lies on another worker's bench.
    on_call: AtomicUsize,
    /// How many of these look into other workers' slots again soon.
    looking: AtomicUsize,
    /// How many are awake and have found no work yet.
    searching: AtomicUsize,
}

struct Sleeper {
    worker: usize,
    waker: Waker,
    sleep: Sleep,
}

/// How a worker sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sleep {
    UntilWoken,
    /// It looks into other workers' slots again soon.
    LooksAgain,
    /// For a time it takes nothing from others, and is woken only for what comes from outside.
    Rests,
}

/// How well it is to wake a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Badly,
    Well,
    Best,
}

impl IdleWorkers {
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Whether somebody who sleeps will look into the slots of others.
    #[inline]
    pub(super) fn is_somebody_looking(&self) -> bool {
        self.looking.load(Ordering::Relaxed) > 0
    }

    /// Wakes a worker that does not rest, if all that do not work sleep: there is something on a bench that it may take.
    #[inline]
    pub(super) fn wake_for_bench(&self) {
        if self.on_call.load(Ordering::Acquire) > 0 && self.is_nobody_searching() {
            self.wake_one(|sleeper| (sleeper.sleep != Sleep::Rests).then_some(Fit::Well));
        }
    }

    /// Wakes a worker if all that do not work sleep: there is something for which nobody is awake. The one that is `here`, on this
    /// thread, is woken before all others, and one that rests after them.
    #[inline]
    pub(super) fn wake_for_lane(&self, here: Option<usize>) {
        if self.count.load(Ordering::Acquire) > 0 && self.is_nobody_searching() {
            self.wake_one(|sleeper| match sleeper.sleep {
                _ if Some(sleeper.worker) == here => Some(Fit::Best),
                Sleep::Rests => Some(Fit::Badly),
                _ => Some(Fit::Well),
            });
        }
    }

    fn is_nobody_searching(&self) -> bool {
        self.searching.load(Ordering::Acquire) == 0
    }

    /// Wakes the one that fits best, and of those the one that went to sleep last.
    #[cold]
    fn wake_one(&self, fit: impl Fn(&Sleeper) -> Option<Fit>) {
        let mut sleepers = self.sleepers.lock();
        let fits = sleepers.iter().enumerate().filter_map(|(place, sleeper)| Some((fit(sleeper)?, place)));
        // Two who see that nobody searches must not wake two.
        let best = fits.max().filter(|_| self.is_nobody_searching());
        let sleeper = best.map(|(_, place)| sleepers.remove(place));
        if sleeper.is_some() {
            self.searching.fetch_add(1, Ordering::AcqRel);
            self.note_count(&sleepers);
        }
        drop(sleepers);
        if let Some(sleeper) = sleeper {
            sleeper.waker.wake();
        }
    }

    /// A worker goes to sleep, or changes its waker. Returns whether it must not, for it was woken already.
    pub(super) fn sleep(&self, worker: usize, waker: &Waker, is_asleep: bool, sleep: Sleep) -> bool {
        let mut sleepers = self.sleepers.lock();
        match sleepers.iter().position(|sleeper| sleeper.worker == worker) {
            // Who has taken it away has woken it.
            None if is_asleep => return true,
            None => sleepers.push(Sleeper { worker, waker: waker.clone(), sleep }),
            Some(place) => sleepers[place].waker.clone_from(waker),
        }
        self.note_count(&sleepers);
        false
    }

    /// A worker sleeps no longer: somebody has woken it, who counts it as searching; or it is counted now.
    pub(super) fn rise(&self, worker: usize) {
        let mut sleepers = self.sleepers.lock();
        if let Some(place) = sleepers.iter().position(|sleeper| sleeper.worker == worker) {
            sleepers.swap_remove(place);
            self.searching.fetch_add(1, Ordering::AcqRel);
            self.note_count(&sleepers);
        }
    }

    /// A worker that has risen has found work, or none. Returns whether nobody searches now.
    pub(super) fn end_search(&self) -> bool {
        self.searching.fetch_sub(1, Ordering::AcqRel) == 1
    }

    pub(super) fn wake_all(&self) {
        let mut sleepers = self.sleepers.lock();
        let woken = std::mem::take(&mut *sleepers);
        self.searching.fetch_add(woken.len(), Ordering::AcqRel);
        self.note_count(&sleepers);
        drop(sleepers);
        woken.into_iter().for_each(|sleeper| sleeper.waker.wake());
    }

    fn note_count(&self, sleepers: &[Sleeper]) {
        self.count.store(sleepers.len(), Ordering::Release);
        let count = |is_so: fn(Sleep) -> bool| sleepers.iter().filter(|sleeper| is_so(sleeper.sleep)).count();
        self.on_call.store(count(|sleep| sleep != Sleep::Rests), Ordering::Release);
        self.looking.store(count(|sleep| sleep == Sleep::LooksAgain), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize as Count;
    use std::task::Wake;

    use super::*;

    struct Woken(Count);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_is_on_the_thread_that_wakes_is_woken_before_others_and_nobody_else_until_it_has_found_work() {
        for here in 0..3 {
            let (idle, woken) = (IdleWorkers::default(), [(); 3].map(|()| Arc::new(Woken(Count::new(0)))));
            for (worker, waker) in woken.iter().enumerate() {
                assert!(!idle.sleep(worker, &waker.clone().into(), false, Sleep::UntilWoken));
            }
            idle.wake_for_lane(Some(here));
            idle.wake_for_lane(Some((here + 1) % 3));
            let counts = woken.each_ref().map(|worker| worker.0.load(Ordering::SeqCst));
            assert_eq!(counts, [0, 1, 2].map(|worker| usize::from(worker == here)));
            assert!(idle.end_search(), "it was the only one");
            idle.wake_for_lane(Some(here));
            let count: usize = woken.iter().map(|worker| worker.0.load(Ordering::SeqCst)).sum();
            assert_eq!(count, 2, "it does not sleep: another one is woken");
        }
    }

    #[test]
    fn who_rests_is_not_woken_for_what_others_run_and_for_what_comes_from_outside_if_nobody_else_can_be() {
        let (idle, woken) = (IdleWorkers::default(), [(); 2].map(|()| Arc::new(Woken(Count::new(0)))));
        let count = |worker: usize| woken[worker].0.load(Ordering::SeqCst);
        let sleep = |worker: usize, sleep| _ = idle.sleep(worker, &woken[worker].clone().into(), false, sleep);
        sleep(0, Sleep::LooksAgain);
        sleep(1, Sleep::Rests);
        idle.wake_for_lane(None);
        assert_eq!((count(0), count(1)), (1, 0));
        idle.end_search();
        idle.wake_for_bench();
        assert_eq!((count(0), count(1)), (1, 0));
        idle.wake_for_lane(None);
        assert_eq!((count(0), count(1)), (1, 1));
    }
}
