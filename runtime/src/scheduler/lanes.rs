//! What all workers share: tasks that were woken from outside, and tasks with a priority.

use std::collections::VecDeque;

use super::Priority;
use super::task::Runnable;
use crate::sync::Lock;
use crate::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
pub(super) struct Lanes {
    queues: Lock<Queues>,
    /// Which lanes are not empty, a bit for each, told without the lock.
    taken: AtomicUsize,
}

#[derive(Default)]
struct Queues {
    lanes: [VecDeque<Runnable>; 3],
    closed: bool,
}

impl Lanes {
    /// Queues a task; gives it back once the lanes are closed.
    pub(super) fn put(&self, task: Runnable, priority: Priority) -> Option<Runnable> {
        let mut queues = self.queues.lock();
        if queues.closed {
            return Some(task);
        }
        queues.lanes[priority as usize].push_back(task);
        self.note_taken(&queues);
        None
    }

    #[inline]
    pub(super) fn take(&self, priority: Priority) -> Option<Runnable> {
        let is_taken = self.taken.load(Ordering::Relaxed) & bit(priority as usize) != 0;
        if is_taken { self.take_first(|queues| queues.lanes[priority as usize].pop_front()) } else { None }
    }

    /// Takes the most urgent task.
    pub(super) fn take_any(&self) -> Option<Runnable> {
        if self.are_empty() {
            return None;
        }
        self.take_first(|queues| queues.lanes.iter_mut().rev().find_map(VecDeque::pop_front))
    }

    fn take_first(&self, take: impl FnOnce(&mut Queues) -> Option<Runnable>) -> Option<Runnable> {
        let mut queues = self.queues.lock();
        let first = take(&mut queues);
        self.note_taken(&queues);
        first
    }

    fn note_taken(&self, queues: &Queues) {
        let bits = queues.lanes.iter().enumerate().filter(|(_, lane)| !lane.is_empty()).map(|(number, _)| bit(number));
        self.taken.store(bits.sum(), Ordering::Relaxed);
    }

    /// Whether nothing is here, as far as can be told without the lock.
    #[inline]
    pub(super) fn are_empty(&self) -> bool {
        self.taken.load(Ordering::Relaxed) == 0
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
        self.note_taken(&queues);
        drop(queues);
        drop(left);
    }
}

fn bit(lane: usize) -> usize {
    1 << lane
}
