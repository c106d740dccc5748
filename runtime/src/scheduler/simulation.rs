//! One thread and a seed: the same seed runs the same processes in the same order.

use std::fmt;
use std::sync::Arc;

use async_task::Runnable;
use event_listener::Event;
use fastrand::Rng;

use super::{Lane, Scheduler, Settled, Task};
use crate::sync::Lock;

#[derive(Clone)]
pub(crate) struct Simulation {
    ready: Arc<Lock<Ready>>,
}

struct Ready {
    rng: Rng,
    tasks: Vec<Runnable>,
    stopped: bool,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let ready = Ready { rng: Rng::with_seed(seed), tasks: Vec::new(), stopped: false };
        Simulation { ready: Arc::new(Lock::new(ready)) }
    }

    /// Runs one task that is ready, as the seed picks it, once. Returns whether there was one.
    pub(crate) fn step(&self) -> bool {
        let mut ready = self.ready.lock();
        if ready.tasks.is_empty() {
            return false;
        }
        let count = ready.tasks.len();
        let pick = ready.rng.usize(..count);
        let task = ready.tasks.swap_remove(pick);
        drop(ready);
        task.run();
        true
    }
}

impl Scheduler for Simulation {
    fn spawn(&self, task: Task, _lane: Lane) {
        let ready = self.ready.clone();
        let schedule = move |runnable| {
            let mut ready = ready.lock();
            if ready.stopped {
                // Dropping a task runs what its process leaves to do: not under the lock.
                drop(ready);
                drop(runnable);
            } else {
                ready.tasks.push(runnable);
            }
        };
        let (runnable, task) = async_task::spawn(task, schedule);
        task.detach();
        runnable.schedule();
    }

    fn spawn_thread(&self, _name: &str, task: Task) -> Result<(), Task> {
        self.spawn(task, None);
        Ok(())
    }

    fn workers(&self) -> usize {
        1
    }

    fn is_simulated(&self) -> bool {
        true
    }

    fn settle(&self, _changed: &Event, done: &dyn Fn() -> bool) -> Settled {
        while !done() {
            if !self.step() {
                return Settled::FromWithin;
            }
        }
        Settled::Done
    }

    fn stop(&self, _wait: bool) {
        let mut ready = self.ready.lock();
        ready.stopped = true;
        let tasks = std::mem::take(&mut ready.tasks);
        drop(ready);
        drop(tasks);
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("ready", &self.ready.lock().tasks.len()).finish()
    }
}
