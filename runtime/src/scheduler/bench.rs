//! What one worker has before it: a queue that others may take from, and a slot for the task that was woken last, which runs
//! next while what it needs is still at hand.

use std::collections::VecDeque;
use std::sync::Arc;

use super::task::Runnable;
use crate::any_process::AnyProcess;
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::sync::{Lock, Slot};

/// So often in a row the slot goes before the queue.
const SLOT_LIMIT: u32 = 16;

#[derive(Default)]
pub(super) struct Bench {
    slot: Slot<Runnable>,
    queue: Lock<VecDeque<Runnable>>,
    /// How long the queue is, told without the lock. Only the bench's own worker makes it longer.
    queued: AtomicUsize,
    /// How many tasks it has given to its worker, who alone counts them.
    given: AtomicU32,
    /// Who has been called in this turn of the worker.
    called: Lock<Vec<Arc<dyn AnyProcess>>>,
    /// Whether there is anybody, told without the lock.
    has_called: AtomicBool,
}

impl Bench {
    /// Puts a task where it runs next; what was there goes to the end of the queue. Only for the bench's own worker. Returns whether
    /// there is something now that other workers may take.
    #[inline]
    pub(super) fn put_next(&self, task: Runnable) -> bool {
        match self.slot.replace(task) {
            Some(before) => {
                self.put_last(before);
                true
            }
            None => false,
        }
    }

    /// Puts a task behind all others. Only for the bench's own worker.
    pub(super) fn put_last(&self, task: Runnable) {
        let mut queue = self.queue.lock();
        queue.push_back(task);
        self.note_length(&queue);
    }

    /// Takes the next task. `in_a_row` counts how often the slot went first. Only for the bench's own worker.
    #[inline]
    pub(super) fn take(&self, in_a_row: &mut u32) -> Option<Runnable> {
        let is_slots_turn = *in_a_row < SLOT_LIMIT || self.is_queue_empty();
        let task = if is_slots_turn && let Some(task) = self.slot.take() {
            *in_a_row += 1;
            task
        } else {
            *in_a_row = 0;
            self.take_first().or_else(|| self.slot.take())?
        };
        self.given.store(self.given.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        Some(task)
    }

    fn take_first(&self) -> Option<Runnable> {
        if self.is_queue_empty() {
            return None;
        }
        let mut queue = self.queue.lock();
        let first = queue.pop_front();
        self.note_length(&queue);
        first
    }

    /// Moves half of the queue to `thief`'s, but for the first task, which is returned.
    pub(super) fn give_half_to(&self, thief: &Bench) -> Option<Runnable> {
        if self.is_queue_empty() {
            return None;
        }
        let mut queue = self.queue.lock();
        let first = queue.pop_front()?;
        let half = queue.len() / 2;
        let mut loot: VecDeque<Runnable> = queue.drain(..half).collect();
        self.note_length(&queue);
        // Two workers that steal from each other must not wait for each other's lock.
        drop(queue);
        if !loot.is_empty() {
            let mut queue = thief.queue.lock();
            queue.append(&mut loot);
            thief.note_length(&queue);
        }
        Some(first)
    }

    /// Takes what runs next, for a worker that gets to it when the bench's own does not.
    pub(super) fn take_from_slot(&self) -> Option<Runnable> {
        self.slot.take()
    }

    /// Whether the queue is empty, as far as can be told without its lock.
    #[inline]
    pub(super) fn is_queue_empty(&self) -> bool {
        self.queued.load(Ordering::Relaxed) == 0
    }

    /// Whether the queue is empty, for a worker that is about to sleep: it must not be mistaken.
    pub(super) fn is_queue_surely_empty(&self) -> bool {
        self.queue.lock().is_empty()
    }

    pub(super) fn given(&self) -> u32 {
        self.given.load(Ordering::Relaxed)
    }

    /// Has the limits of calls to that process begin at the end of the turn.
    pub(super) fn note_called(&self, process: Arc<dyn AnyProcess>) {
        self.called.lock().push(process);
        self.has_called.store(true, Ordering::Release);
    }

    /// Begins the limits of calls that were made in this turn.
    pub(super) fn begin_limits(&self) {
        if !self.has_called.load(Ordering::Acquire) {
            return;
        }
        self.has_called.store(false, Ordering::Release);
        let called = std::mem::take(&mut *self.called.lock());
        called.iter().for_each(|process| process.begin_limits());
    }

    /// Drops all that is there, and what is put there by that.
    pub(super) fn clear(&self) {
        loop {
            let next = self.slot.take();
            let mut queue = self.queue.lock();
            let rest = std::mem::take(&mut *queue);
            self.note_length(&queue);
            drop(queue);
            self.begin_limits();
            if next.is_none() && rest.is_empty() {
                return;
            }
        }
    }

    fn note_length(&self, queue: &VecDeque<Runnable>) {
        self.queued.store(queue.len(), Ordering::Relaxed);
    }
}
