//! Worker threads that share a pool of tasks, and threads of processes that have one of their own.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener};
use futures_lite::future;

use super::pool::Pool;
use super::service::Service;
use super::task::{Home, Runnable};
use super::{Priority, Scheduler, Settled};
use crate::sync::Lock;

/// How long the end of a system waits for processes that were killed. One that takes longer never yields.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Workers {
    system: String,
    pool: Arc<Pool>,
    home: Home,
    stop: Arc<Event>,
    threads: Lock<Threads>,
    count: usize,
    /// Dropping them ends the services.
    services: Lock<Vec<Service>>,
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
    pub(crate) fn start(system: &str, count: usize) -> io::Result<Self> {
        let pool = Arc::new(Pool::new(count));
        let workers = Workers {
            system: system.to_owned(),
            home: Home::of_pool(&pool),
            pool,
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
    pub(crate) fn serve(&self, work: impl Future<Output = ()> + Send + 'static) {
        let service = Service::begin(&self.home, Priority::High, work);
        self.services.lock().push(service);
    }

    fn is_own_thread(&self) -> bool {
        let here: ThreadId = thread::current().id();
        self.threads.lock().running.iter().any(|thread| thread.thread().id() == here)
    }
}

impl Scheduler for Workers {
    fn home(&self) -> Home {
        self.home.clone()
    }

    fn thread(&self, name: &str) -> io::Result<Home> {
        let stop = self.stop.listen();
        let (home, tasks) = async_channel::unbounded::<Runnable>();
        let run = move || {
            let work = async {
                while let Ok(task) = tasks.recv().await {
                    task.run();
                }
            };
            async_io::block_on(future::or(work, stop));
            // What is left in a closed channel stays there, unless somebody takes it out.
            tasks.close();
            while tasks.try_recv().is_ok() {}
        };
        let mut threads = self.threads.lock();
        threads.running.retain(|thread| !thread.is_finished());
        if !threads.stopped {
            let thread = thread::Builder::new().name(format!("{}-{name}", self.system)).spawn(run)?;
            threads.running.push(thread);
        }
        Ok(Home::of_thread(home))
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
