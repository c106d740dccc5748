//! Which task runs next, and on which worker.
//!
//! Every worker has a bench of its own: a queue that others may take from, and a slot for the task that was woken last,
//! which runs next while what it needs is still at hand. What is woken from outside, or has a priority, goes into a lane
//! that all workers share.
//!
//! Invariants:
//! - No task is forgotten: a worker says that it is idle first, and then looks for work under the locks under which work is
//!   put there. So either it finds the work, or who puts it there finds it idle and wakes it.
//! - No task waits for ever: a slot may be used so often in a row, lanes are looked into every so many tasks, and what lies in
//!   the slot of a worker that does not get done is taken over by an idle one.
//! - A task is dropped, like everything of user code, while no lock is held.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_io::Timer;
use async_task::{Runnable, ScheduleInfo};
use futures_lite::future;

use super::Priority;
use crate::sync::Lock;

/// So often in a row the slot goes before the queue.
const SLOT_LIMIT: u32 = 16;
/// Every so many tasks one of low priority runs, as in OTP.
const LOW_TURN: u32 = 8;
/// Every so many tasks what came from outside goes first.
const OUTSIDE_TURN: u32 = 61;
/// After so many tasks a worker looks after timers and descriptors.
const TASKS_PER_TURN: usize = 200;
/// After this time an idle worker takes over what lies in the slot of a busy one.
const SLOT_PATIENCE: Duration = Duration::from_millis(1);

thread_local! {
    /// The pool, by its place in memory, and the number of the worker that this thread is.
    static HERE: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
}

pub(super) struct Pool {
    benches: Vec<Lock<Bench>>,
    lanes: Lock<Lanes>,
    /// How many tasks are in the lane of that name; told without the lock.
    high: AtomicUsize,
    low: AtomicUsize,
    idle: Lock<Vec<Idle>>,
    /// How many workers are idle, and how many of these look into slots again soon.
    idle_count: AtomicUsize,
    looking_count: AtomicUsize,
    closed: AtomicBool,
}

/// What one worker has before it.
#[derive(Default)]
struct Bench {
    slot: Option<Runnable>,
    queue: VecDeque<Runnable>,
    /// How many tasks it has given to its worker.
    given: u64,
}

#[derive(Default)]
struct Lanes {
    high: VecDeque<Runnable>,
    normal: VecDeque<Runnable>,
    low: VecDeque<Runnable>,
    closed: bool,
}

/// A worker that sleeps.
struct Idle {
    worker: usize,
    waker: Waker,
    looks_again: bool,
}

/// What a worker keeps in mind from one task to the next.
#[derive(Default)]
struct Turns {
    tasks: u32,
    slot_in_a_row: u32,
}

impl Pool {
    pub(super) fn new(workers: usize) -> Self {
        Pool {
            benches: (0..workers).map(|_| Lock::default()).collect(),
            lanes: Lock::default(),
            high: AtomicUsize::new(0),
            low: AtomicUsize::new(0),
            idle: Lock::default(),
            idle_count: AtomicUsize::new(0),
            looking_count: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// The number of the worker that this thread is, if it is one of this pool's.
    fn worker_here(&self) -> Option<usize> {
        HERE.get().filter(|(pool, _)| *pool == std::ptr::from_ref(self).addr()).map(|(_, worker)| worker)
    }

    /// Queues a task that was woken.
    pub(super) fn schedule(&self, task: Runnable, priority: Priority, info: ScheduleInfo) {
        let here = self.worker_here().filter(|_| priority == Priority::Normal);
        let in_reach = match here {
            Some(worker) => self.put_on_bench(worker, task, info),
            None => self.put_in_lane(task, priority),
        };
        // Who fills a slot runs it next, unless what runs there now does not get done: somebody shall look.
        let wanted = in_reach || self.looking_count.load(Ordering::Acquire) == 0;
        if wanted && self.idle_count.load(Ordering::Acquire) > 0 {
            self.wake_one();
        }
    }

    /// Returns whether there is something now that other workers may take.
    fn put_on_bench(&self, worker: usize, task: Runnable, info: ScheduleInfo) -> bool {
        let mut bench = self.benches[worker].lock();
        // Who wakes itself lets others run first.
        let queued = if info.woken_while_running { Some(task) } else { bench.slot.replace(task) };
        let in_reach = queued.is_some();
        bench.queue.extend(queued);
        in_reach
    }

    fn put_in_lane(&self, task: Runnable, priority: Priority) -> bool {
        let mut lanes = self.lanes.lock();
        if lanes.closed {
            drop(lanes);
            drop(task);
            return false;
        }
        match priority {
            Priority::High => {
                lanes.high.push_back(task);
                self.high.fetch_add(1, Ordering::Relaxed);
            }
            Priority::Normal => lanes.normal.push_back(task),
            Priority::Low => {
                lanes.low.push_back(task);
                self.low.fetch_add(1, Ordering::Relaxed);
            }
        }
        true
    }

    fn wake_one(&self) {
        let mut idle = self.idle.lock();
        let sleeper = idle.pop();
        self.count_idle(&idle);
        drop(idle);
        if let Some(sleeper) = sleeper {
            sleeper.waker.wake();
        }
    }

    fn count_idle(&self, idle: &[Idle]) {
        self.idle_count.store(idle.len(), Ordering::Release);
        self.looking_count.store(idle.iter().filter(|idle| idle.looks_again).count(), Ordering::Release);
    }

    /// Runs tasks on this thread, as that worker, until the pool is closed.
    pub(super) async fn work(&self, worker: usize) {
        HERE.set(Some((std::ptr::from_ref(self).addr(), worker)));
        let mut turns = Turns::default();
        let mut stuck = Vec::new();
        while !self.closed.load(Ordering::Acquire) {
            let is_out_of_work = self.run_some(worker, &mut turns, &std::mem::take(&mut stuck));
            if is_out_of_work {
                stuck = self.sleep(worker).await;
            } else {
                future::yield_now().await;
            }
        }
        // What it has put on its bench since the pool was closed.
        self.clear(worker);
        HERE.set(None);
    }

    /// Runs as many tasks as are run before timers and descriptors are looked after; returns whether that were all.
    fn run_some(&self, worker: usize, turns: &mut Turns, stuck: &[usize]) -> bool {
        for _ in 0..TASKS_PER_TURN {
            if self.closed.load(Ordering::Acquire) {
                return false;
            }
            let own = self.next(worker, turns);
            let task = own.or_else(|| self.steal(worker)).or_else(|| self.take_over(stuck)).or_else(|| self.take_low());
            let Some(task) = task else { return true };
            task.run();
        }
        false
    }

    /// The next of this worker's tasks, and of those that came from outside.
    fn next(&self, worker: usize, turns: &mut Turns) -> Option<Runnable> {
        turns.tasks = turns.tasks.wrapping_add(1);
        if self.high.load(Ordering::Relaxed) > 0
            && let Some(task) = self.take_high()
        {
            return Some(task);
        }
        if turns.tasks.is_multiple_of(LOW_TURN)
            && let Some(task) = self.take_low()
        {
            return Some(task);
        }
        if turns.tasks.is_multiple_of(OUTSIDE_TURN)
            && let Some(task) = self.take_normal()
        {
            return Some(task);
        }
        self.take_from_bench(worker, turns).or_else(|| self.take_normal())
    }

    fn take_from_bench(&self, worker: usize, turns: &mut Turns) -> Option<Runnable> {
        let mut bench = self.benches[worker].lock();
        let is_slots_turn = turns.slot_in_a_row < SLOT_LIMIT || bench.queue.is_empty();
        if is_slots_turn && let Some(task) = bench.slot.take() {
            turns.slot_in_a_row += 1;
            bench.given += 1;
            return Some(task);
        }
        turns.slot_in_a_row = 0;
        let task = bench.queue.pop_front()?;
        bench.given += 1;
        Some(task)
    }

    fn take_high(&self) -> Option<Runnable> {
        let task = self.lanes.lock().high.pop_front()?;
        self.high.fetch_sub(1, Ordering::Relaxed);
        Some(task)
    }

    fn take_normal(&self) -> Option<Runnable> {
        self.lanes.lock().normal.pop_front()
    }

    fn take_low(&self) -> Option<Runnable> {
        if self.low.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let task = self.lanes.lock().low.pop_front()?;
        self.low.fetch_sub(1, Ordering::Relaxed);
        Some(task)
    }

    /// Takes half of what another worker has queued.
    fn steal(&self, thief: usize) -> Option<Runnable> {
        let others = (1..self.benches.len()).map(|step| (thief + step) % self.benches.len());
        for other in others {
            let mut bench = self.benches[other].lock();
            let half = bench.queue.len().div_ceil(2);
            let mut loot: VecDeque<Runnable> = bench.queue.drain(..half).collect();
            drop(bench);
            if let Some(first) = loot.pop_front() {
                self.benches[thief].lock().queue.append(&mut loot);
                return Some(first);
            }
        }
        None
    }

    /// Takes what lies in the slot of a worker that does not get to it.
    fn take_over(&self, stuck: &[usize]) -> Option<Runnable> {
        stuck.iter().find_map(|worker| self.benches[*worker].lock().slot.take())
    }

    /// Waits until there may be work. Returns which workers have meanwhile not got to what lies before them.
    async fn sleep(&self, worker: usize) -> Vec<usize> {
        let _asleep = Asleep::begin(self, worker);
        let others_run = self.idle_count.load(Ordering::Acquire) + 1 < self.benches.len();
        if !others_run {
            self.woken(worker, others_run).await;
            return Vec::new();
        }
        let given = self.given();
        let woken = async {
            self.woken(worker, others_run).await;
            Vec::new()
        };
        let look_again = async {
            Timer::after(SLOT_PATIENCE).await;
            let now = self.given();
            (0..now.len()).filter(|other| now[*other] == given[*other]).collect()
        };
        future::or(woken, look_again).await
    }

    fn given(&self) -> Vec<u64> {
        self.benches.iter().map(|bench| bench.lock().given).collect()
    }

    async fn woken(&self, worker: usize, looks_again: bool) {
        let mut is_registered = false;
        poll_fn(|cx| {
            let mut idle = self.idle.lock();
            let place = idle.iter().position(|idle| idle.worker == worker);
            match place {
                // Who has taken it away has woken it.
                None if is_registered => return Poll::Ready(()),
                None => idle.push(Idle { worker, waker: cx.waker().clone(), looks_again }),
                Some(place) => idle[place].waker.clone_from(cx.waker()),
            }
            is_registered = true;
            self.count_idle(&idle);
            drop(idle);
            // Only now: what was put somewhere before it was seen to be idle is found here.
            if self.has_work() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn wake_up(&self, worker: usize) {
        let mut idle = self.idle.lock();
        idle.retain(|idle| idle.worker != worker);
        self.count_idle(&idle);
    }

    /// Whether there is something that any worker may take.
    fn has_work(&self) -> bool {
        let lanes = self.lanes.lock();
        if lanes.closed || !lanes.high.is_empty() || !lanes.normal.is_empty() || !lanes.low.is_empty() {
            return true;
        }
        drop(lanes);
        self.benches.iter().any(|bench| !bench.lock().queue.is_empty())
    }

    /// Drops what has not run, and whatever is woken from now on.
    pub(super) fn close(&self) {
        let left = std::mem::replace(&mut *self.lanes.lock(), Lanes { closed: true, ..Lanes::default() });
        self.closed.store(true, Ordering::Release);
        drop(left);
        (0..self.benches.len()).for_each(|worker| self.clear(worker));
        let idle = std::mem::take(&mut *self.idle.lock());
        idle.into_iter().for_each(|sleeper| sleeper.waker.wake());
    }

    fn clear(&self, worker: usize) {
        loop {
            let bench = std::mem::take(&mut *self.benches[worker].lock());
            // As it goes, a task may wake others.
            if bench.slot.is_none() && bench.queue.is_empty() {
                return;
            }
        }
    }
}

/// While it lives its worker is idle. An idle worker waits in the reactor, and what that wakes is woken from outside: on the
/// worker's own bench nobody would look for it.
struct Asleep<'a> {
    pool: &'a Pool,
    worker: usize,
}

impl<'a> Asleep<'a> {
    fn begin(pool: &'a Pool, worker: usize) -> Self {
        HERE.set(None);
        Asleep { pool, worker }
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        HERE.set(Some((std::ptr::from_ref(self.pool).addr(), self.worker)));
        self.pool.wake_up(self.worker);
    }
}
