//! What runs processes: threads, or a seed.

mod simulation;
mod workers;

use std::fmt;
use std::pin::Pin;

use event_listener::Event;

pub(crate) use simulation::Simulation;
pub(crate) use workers::Workers;

/// A process's life as a future; or a service of the system.
pub(crate) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) trait Scheduler: fmt::Debug + Send + Sync {
    /// Runs `task` to its end. After [`stop`](Self::stop) it is dropped instead.
    fn spawn(&self, task: Task);

    /// How many tasks it runs at a time.
    fn workers(&self) -> usize;

    /// Whether it simulates: then nothing outside the system can wake a task.
    fn is_simulated(&self) -> bool;

    /// Lets tasks run until `done`, looked at whenever `changed` is notified, or until waiting for it is vain.
    fn settle(&self, changed: &Event, done: &dyn Fn() -> bool) -> Settled;

    /// Runs nothing more; tasks that have not ended are dropped. If `wait`, no task runs after it returns.
    fn stop(&self, wait: bool);
}

/// How it was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Done,
    /// There are tasks that do not yield.
    TooLate,
    /// It is a task that waits here, and what it waits for may be its own end.
    FromWithin,
}
