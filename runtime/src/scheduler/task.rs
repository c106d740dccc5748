//! A task: a future, and what its scheduler knows of it.
//!
//! Nothing that a task has refers to its process, or a process, which knows how to wake its task, would keep itself alive.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Waker;

use async_channel::{Sender, TrySendError};
use async_task::{Builder, ScheduleInfo, WithInfo};

use super::Priority;
use super::pool::{self, Pool};
use super::simulation::Simulation;
use crate::sync;

/// What a scheduler runs: a process's life, or a service of the system.
pub(crate) trait Task: Future<Output = ()> + Send + 'static {}

impl<F: Future<Output = ()> + Send + 'static> Task for F {}

/// A task that can run.
pub(super) type Runnable = async_task::Runnable<Tag>;

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

    #[inline]
    pub(super) fn is(&self, other: &Home) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// If this is a thread, it ends with the task that runs now.
    pub(crate) fn close(&self) {
        if let Place::Thread(tasks) = &*self.0 {
            tasks.close();
        }
    }

    /// Queues a task; gives it back if nothing is run there any more.
    fn put(&self, task: Runnable) -> Option<Runnable> {
        match &*self.0 {
            Place::Pool(pool) => pool.put_from_outside(task),
            Place::Thread(tasks) => tasks.try_send(task).err().map(TrySendError::into_inner),
            Place::Simulation(simulation) => simulation.put(task),
        }
    }
}

/// What a task carries for its scheduler.
pub(crate) struct Tag {
    pub(super) home: Home,
    /// A [`Priority`], as a number.
    priority: AtomicU8,
}

impl Tag {
    #[inline]
    pub(super) fn priority(&self) -> Priority {
        const PRIORITIES: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];
        PRIORITIES[usize::from(self.priority.load(Ordering::Relaxed))]
    }
}

/// A task as its owner knows it. Dropped before the task has ended, it ends the task.
pub(crate) struct Handle {
    task: async_task::Task<(), Tag>,
    waker: Waker,
}

impl Handle {
    /// What wakes the task.
    #[inline]
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    pub(crate) fn priority(&self) -> Priority {
        self.task.metadata().priority()
    }

    /// Sets how urgent the task is from the next time on that it is woken.
    pub(crate) fn set_priority(&self, priority: Priority) {
        self.task.metadata().priority.store(priority as u8, Ordering::Relaxed);
    }

    /// The task goes on though nobody owns it.
    pub(crate) fn detach(self) {
        self.task.detach();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.priority()).finish()
    }
}

/// Makes a task of `future` that is queued at `home`. Before it can run, `adopt` is given its handle.
pub(crate) fn spawn(home: Home, future: impl Task, priority: Priority, adopt: impl FnOnce(Handle)) {
    let tag = Tag { home, priority: AtomicU8::new(priority as u8) };
    let (runnable, task) = Builder::new().metadata(tag).spawn(|_| future, WithInfo(schedule));
    adopt(Handle { task, waker: runnable.waker() });
    // What nobody will run ends here and now.
    drop(put(runnable, false));
}

/// Queues a task that was woken. It is a function and no closure, for a task holds on to itself while a closure of its own runs.
fn schedule(task: Runnable, info: ScheduleInfo) {
    if let Some(task) = put(task, info.woken_while_running) {
        // Who wakes may hold a lock that the task's end wants, too, as event-listener does.
        sync::elsewhere(move || drop(task));
    }
}

/// Puts a task where it will be run; gives it back if it will not.
fn put(task: Runnable, woken_while_running: bool) -> Option<Runnable> {
    let task = pool::put_on_bench_here(task, woken_while_running)?;
    let home = task.metadata().home.clone();
    home.put(task)
}
