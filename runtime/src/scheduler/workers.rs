//! Worker threads over smol's executor.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use event_listener::{Event, Listener};
use smol::Executor;

use super::{Scheduler, Settled, Task};
use crate::sync::Lock;

/// How long the end of a system waits for processes that were killed. One that takes longer never yields.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Workers {
    shared: Arc<Shared>,
    threads: Lock<Vec<JoinHandle<()>>>,
    ids: Vec<ThreadId>,
}

struct Shared {
    /// Taken away when the system stops: dropping it drops the tasks that are left.
    executor: Lock<Option<Arc<Executor<'static>>>>,
    stop: Event,
    stopped: Lock<bool>,
}

impl Workers {
    /// Starts `count` threads.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(system: &str, count: usize) -> std::io::Result<Self> {
        let executor = Arc::new(Executor::new());
        let shared =
            Arc::new(Shared { executor: Lock::new(Some(executor)), stop: Event::new(), stopped: Lock::new(false) });
        let mut workers = Workers { shared, threads: Lock::default(), ids: Vec::with_capacity(count) };
        for number in 0..count {
            let shared = workers.shared.clone();
            let name = format!("{system}-{number}");
            let thread = thread::Builder::new().name(name).spawn(move || shared.work())?;
            workers.ids.push(thread.thread().id());
            workers.threads.lock().push(thread);
        }
        Ok(workers)
    }

    fn is_own_thread(&self) -> bool {
        self.ids.contains(&thread::current().id())
    }
}

impl Shared {
    fn work(&self) {
        let stop = self.stop.listen();
        let Some(executor) = self.executor.lock().clone() else {
            return;
        };
        if !*self.stopped.lock() {
            async_io::block_on(executor.run(stop));
        }
    }
}

impl Scheduler for Workers {
    fn spawn(&self, task: Task) {
        let executor = self.shared.executor.lock().clone();
        if let Some(executor) = executor {
            executor.spawn(task).detach();
        }
    }

    fn workers(&self) -> usize {
        self.ids.len()
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
        *self.shared.stopped.lock() = true;
        self.shared.stop.notify(usize::MAX);
        let executor = self.shared.executor.lock().take();
        drop(executor);
        let threads = std::mem::take(&mut *self.threads.lock());
        if wait && !self.is_own_thread() {
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
        f.debug_struct("Workers").field("count", &self.ids.len()).finish()
    }
}
