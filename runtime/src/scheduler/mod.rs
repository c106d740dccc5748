//! What runs processes: threads, or a seed.

mod bench;
mod crowding;
mod idle;
mod lanes;
mod pool;
mod service;
mod simulation;
mod task;
mod workers;

use std::fmt;
use std::io;

use event_listener::Event;

#[cfg(proscenium_loom)]
pub(crate) use pool::Pool;
pub(crate) use pool::{is_worker, turn_began};
pub(crate) use service::Service;
pub(crate) use simulation::Simulation;
pub(crate) use task::{Home, PollAgain, Runnable, Task};
pub(crate) use workers::Workers;

/// How urgent a process's work is; OTP's process flag `priority`.
///
/// It says who runs first of those that can run; it takes nobody's worker away. A simulated system knows no priorities: it
/// runs processes in every order that may be.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Priority, SpawnOptions};
///
/// let test = TestSystem::new(1);
/// let options = SpawnOptions::new().priority(Priority::Low);
/// test.spawn_with(options, |mut ctx: Context<()>| async move {
///     assert_eq!(ctx.set_priority(Priority::Normal), Priority::Low);
/// }).unwrap();
/// test.advance(std::time::Duration::ZERO);
/// test.expect_no_crash();
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// It runs when nothing else can, and otherwise once for every eight others.
    Low,
    /// What nearly all processes have.
    #[default]
    Normal,
    /// It runs before all others: while such a process has work, a worker runs no other. Use it for little work.
    High,
}

impl Priority {
    pub(crate) fn of_number(number: u8) -> Self {
        const PRIORITIES: [Priority; 3] = [Priority::Low, Priority::Normal, Priority::High];
        PRIORITIES[usize::from(number)]
    }
}

pub(crate) trait Scheduler: fmt::Debug + Send + Sync {
    /// Where its tasks are queued. After [`stop`](Self::stop) they are dropped there instead.
    fn home(&self) -> Home;

    /// Gives one task a home that is a thread, which runs nothing else and ends once that is closed.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    fn thread(&self, name: &str) -> io::Result<Home>;

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
