//! Workers that fall asleep while others give them work. If one could sleep beside work that nobody gets to, loom would find that
//! all threads wait for each other.

use std::sync::Arc;

use loom::sync::{Condvar, Mutex};
use loom::thread::{self, JoinHandle};

use crate::scheduler::{Home, Pool, Priority, Service};

/// A pool and its workers, each on a thread of its own.
struct Workers {
    pool: Arc<Pool>,
    home: Home,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    fn start(count: usize) -> Self {
        let pool = Arc::new(Pool::new(count));
        let home = Home::of_pool(&pool);
        let threads = (0..count).map(|number| {
            let pool = pool.clone();
            thread::spawn(move || loom::future::block_on(pool.work(number)))
        });
        Workers { threads: threads.collect(), pool, home }
    }

    fn join(self) {
        for thread in self.threads {
            thread.join().expect("a worker does not panic");
        }
    }
}

/// The pool is closed when it has been told so often that something is done.
#[derive(Clone)]
struct Left {
    count: Arc<Mutex<usize>>,
    pool: Arc<Pool>,
}

impl Left {
    fn new(count: usize, pool: &Arc<Pool>) -> Self {
        Left { count: Arc::new(Mutex::new(count)), pool: pool.clone() }
    }

    fn done(&self) {
        let mut count = self.count.lock().expect("nobody panics");
        *count -= 1;
        let is_last = *count == 0;
        drop(count);
        if is_last {
            self.pool.close();
        }
    }
}

/// In every order in which threads are interrupted at most so often. Where a worker waits for another it is not interrupted; but
/// there are so many places where it could be that more would take hours.
fn in_every_order(interruptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(interruptions);
    model.check(scenario);
}

#[test]
fn loom_a_worker_that_falls_asleep_does_not_miss_what_is_put_meanwhile() {
    in_every_order(3, || {
        let workers = Workers::start(1);
        let left = Left::new(1, &workers.pool);
        Service::begin(&workers.home, Priority::Normal, async move { left.done() }).detach();
        workers.join();
    });
}

#[test]
fn loom_two_workers_do_not_both_sleep_while_work_is_queued() {
    in_every_order(1, || {
        let workers = Workers::start(2);
        let left = Left::new(2, &workers.pool);
        for priority in [Priority::Normal, Priority::High] {
            let left = left.clone();
            Service::begin(&workers.home, priority, async move { left.done() }).detach();
        }
        workers.join();
    });
}

#[test]
fn loom_what_a_worker_has_queued_and_does_not_get_to_is_taken_by_one_that_slept() {
    in_every_order(1, || {
        let workers = Workers::start(2);
        let left = Left::new(2, &workers.pool);
        let (home, ran) = (workers.home.clone(), Arc::new((Mutex::new(false), Condvar::new())));
        let busy = async move {
            let told = ran.clone();
            let queued = async move {
                *told.0.lock().expect("nobody panics") = true;
                told.1.notify_one();
            };
            // The second takes the slot from the first, which others may take from then on.
            Service::begin(&home, Priority::Normal, queued).detach();
            let last = left.clone();
            Service::begin(&home, Priority::Normal, async move { last.done() }).detach();
            let mut has_run = ran.0.lock().expect("nobody panics");
            while !*has_run {
                has_run = ran.1.wait(has_run).expect("nobody panics");
            }
            drop(has_run);
            left.done();
        };
        Service::begin(&workers.home, Priority::Normal, busy).detach();
        workers.join();
    });
}
