//! Worker threads that share a pool of tasks, and threads of processes that have one of their own.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use async_task::{Runnable, ScheduleInfo, WithInfo};
use event_listener::{Event, Listener};
use futures_lite::future;

use super::pool::Pool;
use super::{Lane, Priority, Scheduler, Settled, Task};
use crate::sync::Lock;

/// How long the end of a system waits for processes that were killed. One that takes longer never yields.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Workers {
    system: String,
    pool: Arc<Pool>,
    stop: Arc<Event>,
    threads: Lock<Threads>,
    count: usize,
    /// Dropping them ends the services.
    services: Lock<Vec<async_task::Task<()>>>,
}

#[derive(Default)]
struct Threads {
    running: Vec<JoinHandle<()>>,
    stopped: bool,
}

impl Workers {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(system: &str, count: usize) -> std::io::Result<Self> {
        let workers = Workers {
            system: system.to_owned(),
            pool: Arc::new(Pool::new(count)),
            stop: Arc::default(),
            threads: Lock::default(),
            count,
            services: Lock::default(),
        };
        for number in 0..count {
            let pool = workers.pool.clone();
            let work = move || async_io::block_on(pool.work(number));
            let thread = thread::Builder::new().name(format!("{system}-{number}")).spawn(work)?;
            workers.threads.lock().running.push(thread);
        }
        Ok(workers)
    }

    /// Runs `service` at high priority until the system stops.
    pub(crate) fn serve(&self, service: Task) {
        let task = self.schedule(service, None);
        self.services.lock().push(task);
    }

    fn schedule(&self, task: Task, lane: Lane) -> async_task::Task<()> {
        let pool = self.pool.clone();
        let schedule = move |runnable: Runnable, info: ScheduleInfo| {
            let priority = lane.as_ref().map_or(Priority::High, |process| process.priority());
            pool.schedule(runnable, priority, info);
        };
        let (runnable, task) = async_task::spawn(task, WithInfo(schedule));
        runnable.schedule();
        task
    }

    fn is_own_thread(&self) -> bool {
        let here: ThreadId = thread::current().id();
        self.threads.lock().running.iter().any(|thread| thread.thread().id() == here)
    }
}

impl Scheduler for Workers {
    fn spawn(&self, task: Task, lane: Lane) {
        self.schedule(task, lane).detach();
    }

    fn spawn_thread(&self, name: &str, task: Task) -> Result<(), Task> {
        let stop = self.stop.listen();
        let mut threads = self.threads.lock();
        if threads.stopped {
            drop(threads);
            drop(task);
            return Ok(());
        }
        threads.running.retain(|thread| !thread.is_finished());
        // Where there is no thread, the task is wanted back.
        let task = Arc::new(Lock::new(Some(task)));
        let taken = task.clone();
        let run = move || {
            let task = taken.lock().take();
            if let Some(task) = task {
                async_io::block_on(future::or(task, stop));
            }
        };
        let thread = thread::Builder::new().name(format!("{}-{name}", self.system)).spawn(run);
        match thread {
            Ok(thread) => threads.running.push(thread),
            Err(_) => {
                drop(threads);
                let task = task.lock().take();
                return task.map_or(Ok(()), Err);
            }
        }
        Ok(())
    }

    fn workers(&self) -> usize {
        self.count
    }

    fn is_simulated(&self) -> bool {
        false
    }

    fn settle(&self, changed: &Event, done: &dyn Fn() -> bool) -> Settled {
        // A worker that waits here would not run what it waits for.
        if self.is_own_thread() {
            return Settled::FromWithin;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let listener = changed.listen();
            if done() {
                return Settled::Done;
            }
            if listener.wait_deadline(deadline).is_none() {
                return Settled::TooLate;
            }
        }
    }

    fn stop(&self, wait: bool) {
        let is_own_thread = self.is_own_thread();
        let threads = {
            let mut threads = self.threads.lock();
            threads.stopped = true;
            std::mem::take(&mut threads.running)
        };
        self.stop.notify(usize::MAX);
        let services = std::mem::take(&mut *self.services.lock());
        drop(services);
        self.pool.close();
        if wait && !is_own_thread {
            for thread in threads {
                thread.join().expect("a worker runs no user code outside a process, and that is caught");
            }
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop(false);
    }
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workers").field("count", &self.count).finish()
    }
}
