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
    /// How many of these look into other workers' slots again soon.
    looking: AtomicUsize,
    /// How many are awake and have found no work yet.
    searching: AtomicUsize,
}

struct Sleeper {
    worker: usize,
    waker: Waker,
    looks_again: bool,
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

    /// Wakes a worker if all that do not work sleep: the one that is `here`, on this thread, if there is one.
    #[inline]
    pub(super) fn wake_one_if_none_searches(&self, here: Option<usize>) {
        if self.count.load(Ordering::Acquire) > 0 && self.searching.load(Ordering::Acquire) == 0 {
            self.wake_one(here);
        }
    }

    #[cold]
    fn wake_one(&self, here: Option<usize>) {
        let mut sleepers = self.sleepers.lock();
        if let Some(place) = sleepers.iter().position(|sleeper| Some(sleeper.worker) == here) {
            let last = sleepers.len() - 1;
            sleepers.swap(place, last);
        }
        // Two who see that nobody searches must not wake two.
        let sleeper = if self.searching.load(Ordering::Relaxed) == 0 { sleepers.pop() } else { None };
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
    pub(super) fn sleep(&self, worker: usize, waker: &Waker, is_asleep: bool, looks_again: bool) -> bool {
        let mut sleepers = self.sleepers.lock();
        match sleepers.iter().position(|sleeper| sleeper.worker == worker) {
            // Who has taken it away has woken it.
            None if is_asleep => return true,
            None => sleepers.push(Sleeper { worker, waker: waker.clone(), looks_again }),
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
        self.looking.store(sleepers.iter().filter(|sleeper| sleeper.looks_again).count(), Ordering::Relaxed);
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
                assert!(!idle.sleep(worker, &waker.clone().into(), false, false));
            }
            idle.wake_one_if_none_searches(Some(here));
            idle.wake_one_if_none_searches(Some((here + 1) % 3));
            let counts = woken.each_ref().map(|worker| worker.0.load(Ordering::SeqCst));
            assert_eq!(counts, [0, 1, 2].map(|worker| usize::from(worker == here)));
            assert!(idle.end_search(), "it was the only one");
            idle.wake_one_if_none_searches(Some(here));
            let count: usize = woken.iter().map(|worker| worker.0.load(Ordering::SeqCst)).sum();
            assert_eq!(count, 2, "it does not sleep: another one is woken");
        }
    }
}
