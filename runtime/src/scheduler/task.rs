//! A task, and where it lies while it has nothing to do.
//!
//! A task is in one place at a time. While it can run it is in a queue, then on a worker; while it waits it lies in its berth, out
//! of which it is taken by who wakes it. So it runs once at a time, and who has it decides what becomes of it.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;

use async_channel::{Sender, TrySendError};

use super::Priority;
use super::pool::Pool;
use super::simulation::Simulation;
use crate::sync;

/// What a scheduler runs: a process's life, or a service of the system. Dropping it ends it.
pub(crate) trait Task: Send {
    /// Runs until it waits, and then lies in its berth, or until it is over.
    fn run(self: Pin<Box<Self>>);
}

/// What waits, and wants to be polled once more though nothing wakes it.
pub(crate) trait PollAgain: Send + Sync {
    fn poll_again(&self);
}

/// A task that can run.
pub(crate) type Runnable = Pin<Box<dyn Task>>;

/// Where a task lies while it waits.
pub(crate) struct Berth<T> {
    task: Option<T>,
    /// Somebody has woken it who has not found it here.
    woken: bool,
}

impl<T> Berth<T> {
    /// Takes the task out, for the caller to queue it. If it is not here, it will not wait before it has run once more.
    #[inline]
    pub(crate) fn wake(&mut self) -> Option<T> {
        let task = self.task.take();
        self.woken = task.is_none();
        task
    }

    /// Lays down a task that waits; gives it back, to be queued, if it was woken meanwhile.
    pub(crate) fn lay(&mut self, task: T) -> Option<T> {
        if mem::take(&mut self.woken) {
            return Some(task);
        }
        self.task = Some(task);
        None
    }
}

impl<T> Default for Berth<T> {
    fn default() -> Self {
        Berth { task: None, woken: false }
    }
}

/// Where tasks are queued.
#[derive(Clone)]
pub(crate) struct Home(Arc<Place>);

enum Place {
    Pool(Arc<Pool>),
    /// A thread that runs one task.
    Thread(Sender<Runnable>),
    Simulation(Simulation),
}

impl Home {
    pub(crate) fn of_pool(pool: &Arc<Pool>) -> Self {
        Home(Arc::new(Place::Pool(pool.clone())))
    }

    pub(super) fn of_thread(tasks: Sender<Runnable>) -> Self {
        Home(Arc::new(Place::Thread(tasks)))
    }

    pub(super) fn of_simulation(simulation: Simulation) -> Self {
        Home(Arc::new(Place::Simulation(simulation)))
    }

    /// If this is a thread, it ends with the task that runs now.
    pub(crate) fn close(&self) {
        if let Place::Thread(tasks) = &*self.0 {
            tasks.close();
        }
    }

    /// Queues a new task. What nobody will run ends here and now.
    pub(crate) fn begin(&self, task: Runnable, priority: Priority) {
        drop(self.put(task, priority, false));
    }

    /// Queues a task that was woken.
    pub(crate) fn queue(&self, task: Runnable, priority: Priority, woken_while_running: bool) {
        if let Some(task) = self.put(task, priority, woken_while_running) {
            // Who wakes may hold a lock that the task's end wants, too, as event-listener does.
            sync::elsewhere(move || drop(task));
        }
    }

    /// Has `process` polled once more when the turn of the worker that this thread is has ended; at once, if it is none of these.
    pub(crate) fn poll_after_turn<P: PollAgain + 'static>(&self, process: &Arc<P>) {
        match &*self.0 {
            Place::Pool(pool) if pool.note_waiting(process) => {}
            _ => process.poll_again(),
        }
    }

    /// Puts a task where it will be run; gives it back if it will not.
    #[inline(always)]
    fn put(&self, task: Runnable, priority: Priority, woken_while_running: bool) -> Option<Runnable> {
        match &*self.0 {
            Place::Pool(pool) => pool.put(task, priority, woken_while_running),
            Place::Thread(tasks) => tasks.try_send(task).err().map(TrySendError::into_inner),
            Place::Simulation(simulation) => simulation.put(task),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_taken_out_once_and_does_not_lie_down_if_it_was_woken_meanwhile() {
        let mut berth = Berth::default();
        assert_eq!(berth.lay("task"), None);
        assert_eq!(berth.wake(), Some("task"));
        assert_eq!(berth.wake(), None, "it runs");
        assert_eq!(berth.lay("task"), Some("task"), "and runs again");
        assert_eq!(berth.lay("task"), None, "once");
        assert_eq!(berth.wake(), Some("task"));
    }
}
