//! A system owns everything that its processes share. There are no statics: two systems know nothing of each other.

mod builder;
mod handle;
mod shared;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;
use slog::Logger;

use crate::any_process::wait_for_end;
use crate::exit::ExitReason;
use crate::observer::Observer;
use crate::panic;
use crate::pid::Pid;
use crate::scheduler::Scheduler;
use crate::timers::Timers;

pub use builder::Builder;
pub use handle::SystemHandle;
pub(crate) use shared::Shared;

/// Processes and all they share: workers, names, timers, reports. The system ends when this is dropped.
///
/// Systems have no statics: several may live in one OS process, may use the same names, and know nothing of each other.
/// Everything that can be done from within as well is on [`SystemHandle`], to which this dereferences.
///
/// Dropping it kills the processes that are left and waits until they are gone; [`shutdown`](Self::shutdown) stops them in
/// order first. A process whose code never awaits cannot be killed: the drop waits 5 s for it and then leaves its thread
/// behind. Dropped by a process of its own, it waits for nothing: that process ends at its next await, as do the others.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// let outcome = System::new("greeting").run(|mut ctx: Context<()>| async move {
///     let child = ctx.spawn(|mut ctx: Context<&str>| async move {
///         assert_eq!(ctx.receive_message().await, "hello");
///     });
///     child.cast("hello");
///     assert_eq!(child.exited().await, ExitReason::Normal);
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub struct System {
    handle: SystemHandle,
    shutdown_timeout: Duration,
}

impl System {
    /// A system with one worker thread per processor, which logs warnings and errors to standard error.
    ///
    /// # Panics
    /// If the operating system gives no threads; [`Builder::build`] returns that as an error.
    pub fn new(name: &str) -> Self {
        Builder::new(name).build().expect("the operating system gives a thread")
    }

    /// A system made to measure.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::System;
    ///
    /// let system = System::builder("shop").workers(2).build()?;
    /// assert_eq!((system.name(), system.snapshot().workers), ("shop", 2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn builder(name: &str) -> Builder {
        Builder::new(name)
    }

    /// A system whose processes `scheduler` runs, whose time `timers` tells, and whom `observer` watches.
    pub(crate) fn assemble(
        name: &str,
        logger: Logger,
        timers: Arc<Timers>,
        scheduler: Box<dyn Scheduler>,
        observer: Option<Arc<dyn Observer>>,
        shutdown_timeout: Duration,
    ) -> Self {
        panic::install_hook();
        let shared = Shared::new(name, logger, timers, scheduler, observer);
        System { handle: SystemHandle { shared: Arc::new(shared) }, shutdown_timeout }
    }

    /// Stops every process in order, then ends the system. Blocks meanwhile.
    ///
    /// Processes without a living parent are asked to exit with [`ExitReason::Shutdown`], the youngest first, one after
    /// another, as OTP stops applications; a supervisor among them stops its children in turn. What is left when the
    /// shutdown timeout is over (30 s unless the builder was told otherwise) is killed.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, System};
    ///
    /// let system = System::new("shop");
    /// let (say, said) = std::sync::mpsc::channel();
    /// let (ready, is_ready) = std::sync::mpsc::channel();
    /// system.spawn(move |mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true);
    ///     ready.send(()).unwrap();
    ///     ctx.receive().await;
    ///     say.send("the till is counted").unwrap();
    /// });
    /// is_ready.recv().unwrap();
    /// system.shutdown(); // It has had its time.
    /// assert_eq!(said.recv(), Ok("the till is counted"));
    /// ```
    pub fn shutdown(self) {
        // By the machine's clock, not our timers: processes that never yield may keep those from expiring.
        let late = async {
            async_io::Timer::after(self.shutdown_timeout).await;
        };
        future::block_on(future::or(self.stop_in_order(), late));
    }

    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    pub(crate) async fn stop_in_order(&self) {
        let shared = &self.handle.shared;
        loop {
            let mut families = shared.families();
            let Some(mut roots) = families.remove(&None) else {
                return;
            };
            while let Some(process) = roots.pop() {
                shared.exit(Pid::SYSTEM, process.pid(), ExitReason::Shutdown);
                let _ = wait_for_end(&*process).await;
                // What it leaves behind are orphans now, and younger than all roots that are left.
                roots.extend(families.remove(&Some(process.pid())).unwrap_or_default());
            }
        }
    }
}

impl Deref for System {
    type Target = SystemHandle;

    fn deref(&self) -> &SystemHandle {
        &self.handle
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.handle.shared.halt();
    }
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name()).field("processes", &self.process_count()).finish()
    }
}
