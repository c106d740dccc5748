//! Which task runs next, and on which worker.
//!
//! Every worker has a [`Bench`] of its own. What is woken from outside, or has a priority, goes into a lane that all workers
//! share.
//!
//! Invariants:
//! - No task is forgotten: a worker says that it sleeps first, and then looks for work under the locks under which work is
//!   put there. So either it finds the work, or who puts it there finds it asleep and wakes it.
//! - No task waits for ever: a slot may be used so often in a row, lanes are looked into every so many tasks, and what lies in
//!   the slot of a worker that does not get done is taken over by an idle one.
//! - A task is dropped, like everything of user code, while no lock is held; nor by who wakes it, who may hold one.

use std::cell::Cell;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_lite::future;

use super::Priority;
use super::bench::Bench;
use super::crowding::Crowding;
use super::idle::{IdleWorkers, Sleep};
use super::lanes::Lanes;
use super::task::{PollAgain, Runnable};
use crate::clock::machine_nanos;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{LOOKS_BEFORE_SLEEP, pause, per_thread, spin_loop};

/// Every so many tasks one of low priority runs, as in OTP.
const LOW_TURN: u32 = 8;
/// Every so many tasks what came from outside goes first.
const OUTSIDE_TURN: u32 = 61;
/// Every so many tasks a worker looks at the clock.
const CLOCK_TURN: u32 = 32;
/// After so long a worker looks after timers and descriptors.
const TURN: Duration = Duration::from_micros(500);
/// After this time an idle worker takes over what lies in the slot of a busy one.
const SLOT_PATIENCE: Duration = Duration::from_millis(1);

per_thread! {
    /// The worker that this thread is.
    static SEAT: Cell<Option<Seat>> = const { Cell::new(None) };
    /// When the turn of the worker that this thread is began, by the machine's clock, while it is awake.
    static TURN_BEGAN: Cell<Option<u64>> = const { Cell::new(None) };
    /// Whether this thread runs something that soon gets done.
    static IS_BRIEF: Cell<bool> = const { Cell::new(false) };
}

/// When the turn that this thread is in began, if it is a worker: what the machine's clock shows, more or less, without a look at it.
pub(crate) fn turn_began() -> Option<u64> {
    TURN_BEGAN.get()
}

/// Runs `code`, which gets done soon: what it wakes does not wait in vain for it.
pub(super) fn briefly<T>(code: impl FnOnce() -> T) -> T {
    IS_BRIEF.set(true);
    let result = code();
    IS_BRIEF.set(false);
    result
}

/// Which worker a thread is. No destructor in it: to look there costs next to nothing.
#[derive(Clone, Copy)]
struct Seat {
    /// Where its pool lies in memory; it is there for as long as somebody works in it.
    pool: usize,
    worker: usize,
    is_asleep: bool,
}

pub(crate) struct Pool {
    benches: Box<[Bench]>,
    lanes: Lanes,
    idle: IdleWorkers,
    closed: AtomicBool,
}

/// What a worker keeps in mind from one task to the next.
struct Turns {
    tasks: u32,
    slot_in_a_row: u32,
    /// Since when it has not looked after timers and descriptors.
    began: Instant,
    /// It has slept, and found no work since.
    searches: bool,
    /// Workers that do not get to what lies before them.
    stuck: Vec<usize>,
    /// How many tasks the neighbour had been given when this worker looked last.
    neighbour_given: u32,
    crowding: Crowding,
}

impl Turns {
    fn new() -> Self {
        Turns {
            tasks: 0,
            slot_in_a_row: 0,
            began: Instant::now(),
            searches: false,
            stuck: Vec::new(),
            neighbour_given: 0,
            crowding: Crowding::default(),
        }
    }
}

/// Whether this thread is a worker that is awake.
#[inline]
pub(crate) fn is_worker() -> bool {
    turn_began().is_some()
}

impl Pool {
    pub(crate) fn new(workers: usize) -> Self {
        Pool {
            benches: (0..workers).map(|_| Bench::new(workers > 1)).collect(),
            lanes: Lanes::default(),
            idle: IdleWorkers::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// Which of its workers this thread is, if it is one that is awake.
    #[inline]
    fn worker_here(&self) -> Option<usize> {
        SEAT.get().filter(|seat| seat.pool == self.place() && !seat.is_asleep).map(|seat| seat.worker)
    }

    /// Which of its workers this thread is, if it is one that sleeps in the reactor.
    fn sleeper_here(&self) -> Option<usize> {
        SEAT.get().filter(|seat| seat.pool == self.place() && seat.is_asleep).map(|seat| seat.worker)
    }

    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Queues a task; gives it back once the pool is closed.
    #[inline(always)]
    pub(super) fn put(&self, task: Runnable, priority: Priority, woken_while_running: bool) -> Option<Runnable> {
        match self.worker_here() {
            Some(worker) if priority == Priority::Normal => {
                self.put_on_bench(worker, task, woken_while_running);
                None
            }
            _ => self.put_in_lane(task, priority),
        }
    }

    /// Has `process` polled once more at the end of this worker's turn; false if this thread is none.
    pub(super) fn note_waiting<P: PollAgain + 'static>(&self, process: &Arc<P>) -> bool {
        let worker = self.worker_here();
        if let Some(worker) = worker {
            self.benches[worker].note_waiting(process.clone());
        }
        worker.is_some()
    }

    #[inline(always)]
    fn put_on_bench(&self, worker: usize, task: Runnable, woken_while_running: bool) {
        let bench = &self.benches[worker];
        let in_reach = if woken_while_running {
            // Who wakes itself lets others run first.
            bench.put_last(task);
            true
        } else {
            bench.put_next(task)
        };
        // Who fills a slot runs it next, unless what runs there now does not get done: somebody shall look.
        if in_reach || !(self.idle.is_somebody_looking() || IS_BRIEF.get()) {
            self.idle.wake_for_bench();
        }
    }

    /// Queues a task that no worker of this pool has woken, or one with a priority; gives it back once the pool is closed.
    #[inline(never)]
    fn put_in_lane(&self, task: Runnable, priority: Priority) -> Option<Runnable> {
        let refused = self.lanes.put(task, priority);
        if refused.is_none() {
            // What the reactor wakes runs on the thread that is in the reactor: that one is awake already.
            self.idle.wake_for_lane(self.sleeper_here());
        }
        refused
    }

    /// Runs tasks on this thread, as that worker, until the pool is closed.
    pub(crate) async fn work(&self, worker: usize) {
        let _awake = Awake::begin(Seat { pool: self.place(), worker, is_asleep: false });
        let mut turns = Turns::new();
        TURN_BEGAN.set(Some(machine_nanos(turns.began)));
        while !self.is_closed() {
            let is_out_of_work = self.run_some(worker, &mut turns);
            // They are on this worker's bench now.
            let is_more = self.benches[worker].poll_waiting();
            if !is_out_of_work {
                self.look_after_neighbour(worker, &mut turns);
            }
            if is_out_of_work && !is_more {
                let searched = std::mem::take(&mut turns.searches);
                turns.stuck = match turns.crowding.rest(turns.tasks) {
                    Some(time) => self.rest(worker, time, searched).await,
                    None => self.sleep(worker, searched).await,
                };
                for stuck in &turns.stuck {
                    self.benches[*stuck].poll_waiting();
                }
                turns.searches = true;
            } else {
                future::yield_now().await;
            }
            turns.began = Instant::now();
            TURN_BEGAN.set(Some(machine_nanos(turns.began)));
        }
        TURN_BEGAN.set(None);
        // What it has put on its bench since the pool was closed.
        self.benches[worker].end();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Runs tasks until timers and descriptors must be looked after; returns whether that were all.
    fn run_some(&self, worker: usize, turns: &mut Turns) -> bool {
        while !self.is_closed() {
            let Some(task) = self.next(worker, turns).or_else(|| self.search(worker, turns)) else { return true };
            if std::mem::take(&mut turns.searches) {
                self.end_search();
            }
            task.run();
            if turns.tasks.is_multiple_of(CLOCK_TURN) && turns.began.elapsed() >= TURN {
                return false;
            }
        }
        false
    }

    /// If a neighbour has done nothing in a whole turn of this worker, it may not get to those who have begun to wait there.
    fn look_after_neighbour(&self, worker: usize, turns: &mut Turns) {
        let neighbour = &self.benches[(worker + 1) % self.benches.len()];
        let given = neighbour.given();
        if std::mem::replace(&mut turns.neighbour_given, given) == given {
            neighbour.poll_waiting();
        }
    }

    /// The next of this worker's tasks, and of those that came from outside.
    #[inline]
    fn next(&self, worker: usize, turns: &mut Turns) -> Option<Runnable> {
        turns.tasks = turns.tasks.wrapping_add(1);
        let bench = &self.benches[worker];
        if self.lanes.are_empty() {
            return bench.take(&mut turns.slot_in_a_row);
        }
        if let Some(task) = self.lanes.take(Priority::High) {
            return Some(task);
        }
        if turns.tasks.is_multiple_of(LOW_TURN)
            && let Some(task) = self.lanes.take(Priority::Low)
        {
            return Some(task);
        }
        if turns.tasks.is_multiple_of(OUTSIDE_TURN)
            && let Some(task) = self.lanes.take(Priority::Normal)
        {
            return Some(task);
        }
        bench.take(&mut turns.slot_in_a_row).or_else(|| self.lanes.take(Priority::Normal))
    }

    /// Looks wherever else there may be work, some time long.
    fn search(&self, worker: usize, turns: &mut Turns) -> Option<Runnable> {
        // They were stuck a moment ago; whether they will be the next time is not known.
        let stuck = std::mem::take(&mut turns.stuck);
        if turns.crowding.rest(turns.tasks).is_some() {
            return self.lanes.take_any();
        }
        for _ in 0..LOOKS_BEFORE_SLEEP {
            let found = self.steal(worker, turns).or_else(|| self.take_over(&stuck)).or_else(|| self.lanes.take_any());
            if found.is_some() || self.is_closed() {
                return found;
            }
            spin_loop();
        }
        None
    }

    /// Takes half of what another worker has queued, or the `most` that it wants.
    fn steal(&self, thief: usize, turns: &mut Turns) -> Option<Runnable> {
        let most = turns.crowding.most();
        let mut others = (1..self.benches.len()).map(|step| (thief + step) % self.benches.len());
        let first = others.find_map(|other| self.benches[other].give_half_to(&self.benches[thief], most))?;
        turns.crowding.note_taken(turns.tasks);
        Some(first)
    }

    /// Takes what lies in the slot of a worker that does not get to it.
    fn take_over(&self, stuck: &[usize]) -> Option<Runnable> {
        stuck.iter().find_map(|worker| self.benches[*worker].take_from_slot())
    }

    /// A worker that was woken has found work. Whoever came meanwhile has woken nobody: that is done now, should there be more.
    fn end_search(&self) {
        if !self.idle.end_search() {
            return;
        }
        if self.is_work_in_lanes() {
            self.idle.wake_for_lane(None);
        } else if self.is_work_on_benches() {
            self.idle.wake_for_bench();
        }
    }

    /// Waits until there may be work. Returns which workers have meanwhile not got to what lies before them.
    async fn sleep(&self, worker: usize, searched: bool) -> Vec<usize> {
        if searched {
            // It looks once more when it is seen to sleep.
            self.idle.end_search();
        }
        let _asleep = Asleep::begin(self, worker);
        let others_run = self.idle.count() + 1 < self.benches.len();
        if !others_run {
            self.woken(worker, Sleep::UntilWoken).await;
            return Vec::new();
        }
        self.woken_within(SLOT_PATIENCE, worker, Sleep::LooksAgain).await
    }

    /// As [`sleep`](Self::sleep), until that time is over, or there is work from outside.
    async fn rest(&self, worker: usize, time: Duration, searched: bool) -> Vec<usize> {
        if searched {
            // It will not take what others may have queued meanwhile.
            self.end_search();
        }
        let _asleep = Asleep::begin(self, worker);
        let stuck = self.woken_within(time, worker, Sleep::Rests).await;
        if time < SLOT_PATIENCE { Vec::new() } else { stuck }
    }

    /// Waits until it is woken; if that takes longer, returns which workers have been given nothing in that time.
    async fn woken_within(&self, time: Duration, worker: usize, sleep: Sleep) -> Vec<usize> {
        let given = self.given();
        let woken = async {
            self.woken(worker, sleep).await;
            Vec::new()
        };
        let look_again = async {
            pause(time).await;
            let now = self.given();
            (0..now.len()).filter(|other| now[*other] == given[*other]).collect()
        };
        future::or(woken, look_again).await
    }

    fn given(&self) -> Vec<u32> {
        self.benches.iter().map(Bench::given).collect()
    }

    async fn woken(&self, worker: usize, sleep: Sleep) {
        let mut is_asleep = false;
        poll_fn(|cx| {
            let was_woken = self.idle.sleep(worker, cx.waker(), is_asleep, sleep);
            is_asleep = true;
            // Only now: what was put somewhere before it was seen to sleep is found here.
            let is_work = self.is_work_in_lanes() || sleep != Sleep::Rests && self.is_work_on_benches();
            // All others slept; if one has risen meanwhile, somebody has to look whether it gets on.
            let others_run = sleep == Sleep::UntilWoken && self.idle.count() < self.benches.len();
            if was_woken || is_work || others_run { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Whether there is something in a lane, or the pool is closed.
    fn is_work_in_lanes(&self) -> bool {
        !self.lanes.are_surely_empty()
    }

    /// Whether there is something on a bench that any worker may take.
    fn is_work_on_benches(&self) -> bool {
        self.benches.iter().any(|bench| !bench.is_queue_surely_empty())
    }

    /// Drops what has not run, and whatever is woken from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.lanes.close();
        self.benches.iter().for_each(Bench::clear);
        self.idle.wake_all();
    }
}

/// While it lives, what is woken on this thread goes on the worker's bench.
struct Awake;

impl Awake {
    fn begin(seat: Seat) -> Self {
        SEAT.set(Some(seat));
        Awake
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        SEAT.set(None);
    }
}

/// While it lives its worker sleeps. A worker that sleeps waits in the reactor, and what that wakes is woken from outside: on the
/// worker's own bench nobody would look for it.
struct Asleep<'a> {
    pool: &'a Pool,
    worker: usize,
}

impl<'a> Asleep<'a> {
    fn begin(pool: &'a Pool, worker: usize) -> Self {
        SEAT.set(Some(Seat { pool: pool.place(), worker, is_asleep: true }));
        Asleep { pool, worker }
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        SEAT.set(Some(Seat { pool: self.pool.place(), worker: self.worker, is_asleep: false }));
        self.pool.idle.rise(self.worker);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::sync::atomic::AtomicUsize;
    use std::task::{Context, Wake, Waker};

    use super::*;
    use crate::scheduler::Task;

    struct Idle;

    impl Task for Idle {
        fn run(self: Pin<Box<Self>>) {}
    }

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_fills_a_slot_wakes_somebody_to_look_unless_what_it_runs_gets_done_soon() {
        let (pool, woken) = (Pool::new(2), Arc::<Woken>::default());
        pool.idle.sleep(1, &Waker::from(woken.clone()), false, Sleep::UntilWoken);
        let _awake = Awake::begin(Seat { pool: pool.place(), worker: 0, is_asleep: false });
        let put = || assert!(pool.put(Box::pin(Idle), Priority::Normal, false).is_none());
        let count = || woken.0.load(Ordering::SeqCst);
        briefly(put);
        assert_eq!(count(), 0);
        briefly(put);
        assert_eq!(count(), 1, "the first one is in the queue now, where somebody else may take it");
        drop(pool.benches[0].take(&mut 0));
        pool.idle.end_search();
        pool.idle.sleep(1, &Waker::from(woken.clone()), false, Sleep::UntilWoken);
        put();
        assert_eq!(count(), 2, "what runs here may not get done");
    }

    #[test]
    fn who_rests_is_woken_by_what_comes_from_outside_and_by_nothing_that_others_have() {
        let (pool, woken) = (Pool::new(2), Arc::<Woken>::default());
        let waker = Waker::from(woken.clone());
        let mut rest = pin!(pool.rest(1, Duration::from_secs(3600), false));
        let mut is_over = || rest.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        assert!(!is_over());
        pool.benches[0].put_last(Box::pin(Idle));
        pool.idle.wake_for_bench();
        assert!(woken.0.load(Ordering::SeqCst) == 0 && !is_over());
        assert!(pool.put(Box::pin(Idle), Priority::Normal, false).is_none());
        assert!(woken.0.load(Ordering::SeqCst) == 1 && is_over());
    }
}
