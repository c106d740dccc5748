//! What one worker has before it: a queue that others may take from, and a slot for the task that was woken last, which runs
//! next while what it needs is still at hand.

use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;

use super::task::{PollAgain, Runnable};
use crate::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use crate::sync::{Apart, Lock, SpinLock, per_thread};

/// So often in a row the slot goes before the queue.
const SLOT_LIMIT: u32 = 16;

per_thread! {
    /// What the worker that this thread is runs next, if it has no neighbours: then nobody else could take it.
    static NEXT: Cell<Option<Runnable>> = const { Cell::new(None) };
}

#[derive(Default)]
pub(super) struct Bench {
    /// Whether other workers may take what lies here.
    has_neighbours: bool,
    /// Whether the bench's own worker, who alone fills the slot, has done so and not emptied it since.
    is_filled: AtomicBool,
    /// How many tasks it has given to its worker, who alone counts them.
    given: AtomicU32,
    /// Where the task lies in memory that the slot has given after one of the queue, or nothing. It may be where all the others
    /// send to. Only for the bench's own worker.
    sink: AtomicUsize,
    /// Who has begun to wait for an answer in this turn of the worker.
    waiting: Lock<Vec<Arc<dyn PollAgain>>>,
    /// Whether there is anybody, told without the lock.
    has_waiting: AtomicBool,
    /// Under one lock: who fills the slot moves what was there to the queue in one step.
    tasks: Apart<SpinLock<Tasks>>,
    /// How many the queue has, told without the lock. Only the bench's own worker makes them more. Here the other workers look
    /// again and again while they have no work.
    length: Apart<AtomicUsize>,
}

#[derive(Default)]
struct Tasks {
    slot: Option<Runnable>,
    queue: VecDeque<Runnable>,
}

impl Bench {
    pub(super) fn new(has_neighbours: bool) -> Self {
        Bench { has_neighbours, ..Bench::default() }
    }

    /// Puts a task where it runs next; what was there goes to the end of the queue. Only for the bench's own worker. Returns whether
    /// there is something now that other workers may take.
    ///
    /// A task that one of the queue after the other wakes runs when all of them have, and so once for what they all send.
    #[inline(always)]
    pub(super) fn put_next(&self, task: Runnable) -> bool {
        if place_of(&task) == self.sink.load(Ordering::Relaxed) && !self.is_queue_empty() {
            self.put_last(task);
            return true;
        }
        if !self.has_neighbours {
            let before = NEXT.replace(Some(task));
            return before.map(|before| self.put_last(before)).is_some();
        }
        self.is_filled.store(true, Ordering::Relaxed);
        let mut tasks = self.tasks.lock();
        let before = tasks.slot.replace(task);
        before.map(|before| self.queue(&mut tasks, before)).is_some()
    }

    /// Puts a task behind all others. Only for the bench's own worker.
    #[inline(never)]
    pub(super) fn put_last(&self, task: Runnable) {
        self.queue(&mut self.tasks.lock(), task);
    }

    #[inline]
    fn queue(&self, tasks: &mut Tasks, task: Runnable) {
        tasks.queue.push_back(task);
        self.note_length(tasks);
    }

    /// Takes the next task. `in_a_row` counts how often the slot went first. Only for the bench's own worker.
    #[inline]
    pub(super) fn take(&self, in_a_row: &mut u32) -> Option<Runnable> {
        let is_slots_turn = *in_a_row < SLOT_LIMIT || self.is_queue_empty();
        let task = if is_slots_turn && let Some(task) = self.empty_slot() {
            *in_a_row += 1;
            self.sink.store(if *in_a_row == 1 { place_of(&task) } else { 0 }, Ordering::Relaxed);
            task
        } else {
            *in_a_row = 0;
            self.take_first().or_else(|| self.empty_slot())?
        };
        self.given.store(self.given.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        Some(task)
    }

    /// Takes what lies in the slot. Only for the bench's own worker.
    #[inline]
    fn empty_slot(&self) -> Option<Runnable> {
        if !self.has_neighbours {
            return NEXT.take();
        }
        if !self.is_filled.load(Ordering::Relaxed) {
            return None;
        }
        self.is_filled.store(false, Ordering::Relaxed);
        self.take_from_slot()
    }

    #[inline(never)]
    fn take_first(&self) -> Option<Runnable> {
        if self.is_queue_empty() {
            return None;
        }
        let mut tasks = self.tasks.lock();
        let first = tasks.queue.pop_front();
        self.note_length(&tasks);
        first
    }

    /// Moves half of the queue, or the `most` that it wants, to `thief`'s, but for the first task, which is returned.
    pub(super) fn give_half_to(&self, thief: &Bench, most: usize) -> Option<Runnable> {
        if self.is_queue_empty() {
            return None;
        }
        let mut tasks = self.tasks.lock();
        let first = tasks.queue.pop_front()?;
        let half = (tasks.queue.len() / 2).min(most);
        let mut loot: VecDeque<Runnable> = tasks.queue.drain(..half).collect();
        self.note_length(&tasks);
        // Two workers that steal from each other must not wait for each other's lock.
        drop(tasks);
        if !loot.is_empty() {
            let mut tasks = thief.tasks.lock();
            tasks.queue.append(&mut loot);
            thief.note_length(&tasks);
        }
        Some(first)
    }

    /// Takes what runs next. Another worker does so when the bench's own does not get to it.
    pub(super) fn take_from_slot(&self) -> Option<Runnable> {
        self.tasks.lock().slot.take()
    }

    /// Whether the queue is empty, as far as can be told without its lock.
    #[inline]
    pub(super) fn is_queue_empty(&self) -> bool {
        self.length.load(Ordering::Relaxed) == 0
    }

    /// Whether the queue is empty, for a worker that is about to sleep: it must not be mistaken.
    pub(super) fn is_queue_surely_empty(&self) -> bool {
        self.tasks.lock().queue.is_empty()
    }

    pub(super) fn given(&self) -> u32 {
        self.given.load(Ordering::Relaxed)
    }

    /// Has that process polled once more at the end of the turn.
    pub(super) fn note_waiting(&self, process: Arc<dyn PollAgain>) {
        self.waiting.lock().push(process);
        self.has_waiting.store(true, Ordering::Release);
    }

    /// Has those polled who have begun to wait in this turn; returns whether there was anybody.
    pub(super) fn poll_waiting(&self) -> bool {
        if !self.has_waiting.load(Ordering::Acquire) {
            return false;
        }
        self.has_waiting.store(false, Ordering::Release);
        let waiting = std::mem::take(&mut *self.waiting.lock());
        waiting.iter().for_each(|process| process.poll_again());
        !waiting.is_empty()
    }

    /// Drops all that is there, and what is put there by that. Only for the bench's own worker, which ends.
    pub(super) fn end(&self) {
        loop {
            self.clear();
            match self.empty_slot() {
                Some(next) => drop(next),
                None => return,
            }
        }
    }

    /// Drops what is in anybody's reach, and what is put there by that.
    pub(super) fn clear(&self) {
        loop {
            let mut tasks = self.tasks.lock();
            let Tasks { slot, queue } = std::mem::take(&mut *tasks);
            self.note_length(&tasks);
            drop(tasks);
            drop(std::mem::take(&mut *self.waiting.lock()));
            if slot.is_none() && queue.is_empty() {
                return;
            }
        }
    }

    #[inline]
    fn note_length(&self, tasks: &Tasks) {
        self.length.store(tasks.queue.len(), Ordering::Relaxed);
    }
}

/// Where a task lies in memory.
#[inline]
fn place_of(task: &Runnable) -> usize {
    std::ptr::from_ref(&**task).addr()
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use super::*;
    use crate::scheduler::Task;

    struct Named(&'static str);

    impl Task for Named {
        fn run(self: Pin<Box<Self>>) {
            unreachable!("it is only put somewhere and taken: {}", self.0)
        }
    }

    /// A bench in whose queue two tasks lie behind `first`, which is taken.
    fn bench() -> (Bench, Runnable, [usize; 2]) {
        let bench = Bench::new(true);
        let others = ["second", "third"].map(|name| Box::pin(Named(name)) as Runnable);
        let places = others.each_ref().map(place_of);
        bench.put_last(Box::pin(Named("first")));
        others.into_iter().for_each(|task| bench.put_last(task));
        let first = bench.take(&mut 0).expect("it lies there");
        (bench, first, places)
    }

    #[test]
    fn who_is_woken_by_one_of_the_queue_after_the_other_runs_when_all_of_them_have() {
        let (bench, _first, [second, third]) = bench();
        let mut in_a_row = 0;
        let mut take = || bench.take(&mut in_a_row).expect("there is one");
        let sink: Runnable = Box::pin(Named("sink"));
        let place = place_of(&sink);
        bench.put_next(sink);
        let sink = take();
        assert_eq!(place_of(&sink), place, "the first to wake it may wait for its answer");
        assert_eq!(place_of(&take()), second);
        bench.put_next(sink);
        assert_eq!([take(), take()].map(|task| place_of(&task)), [third, place]);
    }

    #[test]
    fn who_is_woken_by_whom_it_has_woken_runs_next() {
        let (bench, client, [second, _]) = bench();
        let mut in_a_row = 0;
        let mut take = || bench.take(&mut in_a_row).expect("there is one");
        let (mut client, mut server) = (client, Box::pin(Named("server")) as Runnable);
        let places = [&server, &client].map(place_of);
        for _ in 0..SLOT_LIMIT / 2 {
            bench.put_next(server);
            server = take();
            bench.put_next(client);
            client = take();
            assert_eq!([&server, &client].map(place_of), places);
        }
        bench.put_next(server);
        assert_eq!(place_of(&take()), second, "it is not for ever");
    }
}
