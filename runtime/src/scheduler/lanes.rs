//! What all workers share: tasks that were woken from outside, and tasks with a priority.

use std::collections::VecDeque;

use super::Priority;
use super::task::Runnable;
use crate::sync::Lock;
use crate::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(super) struct Lanes {
    queues: Lock<Queues>,
    /// How many tasks are in each lane, told without the lock.
    lengths: [AtomicUsize; 3],
    /// How many there are in all.
    total: AtomicUsize,
}

#[derive(Default)]
struct Queues {
    lanes: [VecDeque<Runnable>; 3],
    closed: bool,
}

impl Lanes {
    /// Queues a task; gives it back once the lanes are closed.
    pub(super) fn put(&self, task: Runnable, priority: Priority) -> Option<Runnable> {
        let lane = priority as usize;
        let mut queues = self.queues.lock();
        if queues.closed {
            return Some(task);
        }
        queues.lanes[lane].push_back(task);
        self.note_length(&queues, lane);
        None
    }

    #[inline]
    pub(super) fn take(&self, priority: Priority) -> Option<Runnable> {
        let lane = priority as usize;
        if self.lengths[lane].load(Ordering::Relaxed) == 0 { None } else { self.take_first(lane) }
    }

    fn take_first(&self, lane: usize) -> Option<Runnable> {
        let mut queues = self.queues.lock();
        let first = queues.lanes[lane].pop_front();
        self.note_length(&queues, lane);
        first
    }

    fn note_length(&self, queues: &Queues, lane: usize) {
        self.lengths[lane].store(queues.lanes[lane].len(), Ordering::Relaxed);
        self.total.store(queues.lanes.iter().map(VecDeque::len).sum(), Ordering::Relaxed);
    }

    /// Whether nothing is here, as far as can be told without the lock.
    #[inline]
    pub(super) fn are_empty(&self) -> bool {
        self.total.load(Ordering::Relaxed) == 0
    }

    /// Whether nothing is here, for a worker that is about to sleep: it must not be mistaken. Closed lanes are no reason to sleep.
    pub(super) fn are_surely_empty(&self) -> bool {
        let queues = self.queues.lock();
        !queues.closed && queues.lanes.iter().all(VecDeque::is_empty)
    }

    /// Drops what is here. Nothing is queued from now on.
    pub(super) fn close(&self) {
        let mut queues = self.queues.lock();
        queues.closed = true;
        let left = std::mem::take(&mut queues.lanes);
        self.lengths.iter().chain([&self.total]).for_each(|length| length.store(0, Ordering::Relaxed));
        drop(queues);
        drop(left);
    }
}
