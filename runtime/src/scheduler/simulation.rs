//! One thread and a seed: the same seed runs the same processes in the same order.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;

use event_listener::Event;
use fastrand::Rng;

use super::task::{Home, Runnable};
use super::{Scheduler, Settled};
use crate::sync::Lock;

#[derive(Clone)]
pub(crate) struct Simulation {
    ready: Arc<Lock<Ready>>,
}

struct Ready {
    rng: Rng,
    /// Whether they run as they come, whatever the seed.
    in_turn: bool,
    tasks: VecDeque<Runnable>,
    stopped: bool,
}

impl Simulation {
    pub(crate) fn new(seed: u64) -> Self {
        let ready = Ready { rng: Rng::with_seed(seed), in_turn: false, tasks: VecDeque::new(), stopped: false };
        Simulation { ready: Arc::new(Lock::new(ready)) }
    }

    /// From now on tasks run in the order in which they became ready.
    pub(crate) fn run_in_turn(&self) {
        self.ready.lock().in_turn = true;
    }

    /// Runs one task that is ready, as the seed picks it, once. Returns whether there was one.
    pub(crate) fn step(&self) -> bool {
        // The lock is free before the task runs.
        let next = self.ready.lock().next();
        next.is_some_and(|task| {
            task.run();
            true
        })
    }

    /// Queues a task; gives it back once the simulation has stopped.
    pub(super) fn put(&self, task: Runnable) -> Option<Runnable> {
        let mut ready = self.ready.lock();
        if ready.stopped {
            return Some(task);
        }
        ready.tasks.push_back(task);
        None
    }
}

impl Ready {
    fn next(&mut self) -> Option<Runnable> {
        match self.tasks.len() {
            0 => None,
            _ if self.in_turn => self.tasks.pop_front(),
            count => self.tasks.swap_remove_back(self.rng.usize(..count)),
        }
    }
}

impl Scheduler for Simulation {
    fn home(&self) -> Home {
        Home::of_simulation(self.clone())
    }

    fn thread(&self, _name: &str) -> io::Result<Home> {
        Ok(self.home())
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
        loop {
            let mut ready = self.ready.lock();
            let tasks = std::mem::take(&mut ready.tasks);
            ready.stopped = tasks.is_empty();
            drop(ready);
            if tasks.is_empty() {
                return;
            }
            // As they go they may wake others.
            drop(tasks);
        }
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("ready", &self.ready.lock().tasks.len()).finish()
    }
}
