//! How a system is made to measure.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use slog::Logger;

use super::System;
use crate::clock::Clock;
use crate::scheduler::Workers;
use crate::stderr;
use crate::sync::atomic::Ordering;
use crate::timers::Timers;

/// Options of a [`System`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::{Context, System};
///
/// let system = System::builder("shop").workers(2).shutdown_timeout(Duration::from_secs(10)).build()?;
/// let clerk = system.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
/// system.shutdown(); // It asks the clerk to end, and waits.
/// assert!(!clerk.system().is_alive(&clerk));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Builder {
    name: String,
    workers: Option<NonZeroUsize>,
    logger: Option<Logger>,
    shutdown_timeout: Duration,
    busy_time: bool,
}

impl Builder {
    pub(super) fn new(name: &str) -> Self {
        Builder {
            name: name.to_owned(),
            workers: None,
            logger: None,
            shutdown_timeout: Duration::from_secs(30),
            busy_time: false,
        }
    }

    /// How many worker threads run its processes; one per processor by default.
    ///
    /// # Panics
    /// If `count` is zero.
    #[must_use]
    pub fn workers(mut self, count: usize) -> Self {
        self.workers = Some(NonZeroUsize::new(count).expect("a system needs a worker"));
        self
    }

    /// Where reports and the processes' own records go; by default warnings and worse go to standard error, guarded against
    /// [overload](crate::logging::Overload).
    ///
    /// At its end the system flushes it, so that all is written that was logged before: see
    /// [`Guarded`](crate::logging::Guarded).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, ExitReason, System};
    /// use slog::{Drain, Logger, o};
    ///
    /// # use std::sync::{Arc, Mutex};
    /// # use slog::{FlushError, Never, OwnedKVList, Record};
    /// #
    /// # #[derive(Clone, Default)]
    /// # struct Lines(Arc<Mutex<Vec<String>>>);
    /// #
    /// # impl Lines {
    /// #     fn all(&self) -> Vec<String> { self.0.lock().unwrap().clone() }
    /// # }
    /// #
    /// # impl Drain for Lines {
    /// #     type Ok = ();
    /// #     type Err = Never;
    /// #
    /// #     fn log(&self, record: &Record<'_>, _values: &OwnedKVList) -> Result<(), Never> {
    /// #         self.0.lock().unwrap().push(record.msg().to_string());
    /// #         Ok(())
    /// #     }
    /// #
    /// #     fn flush(&self) -> Result<(), FlushError> { Ok(()) }
    /// # }
    /// #
    /// let lines = Lines::default(); // A drain that keeps what is logged.
    /// let logger = Logger::root(lines.clone().fuse(), o!());
    /// let system = System::builder("shop").logger(logger).build()?;
    /// system.run(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) }).unwrap_err();
    /// assert_eq!(lines.all(), ["process crashed"]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn logger(mut self, logger: Logger) -> Self {
        self.logger = Some(logger);
        self
    }

    /// How long [`System::shutdown`] lets processes stop in order before it kills the rest; 30 s by default.
    #[must_use]
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Whether it measures, from its start to its end, how long each process runs; see
    /// [`measure_busy_time`](crate::SystemHandle::measure_busy_time). It does not by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use futures_lite::future::block_on;
    /// use proscenium_runtime::{Context, System};
    ///
    /// let system = System::builder("mill").busy_time(true).build()?;
    /// let mill = system.spawn(|_ctx: Context<()>| async {
    ///     std::hint::black_box((0..10_000).fold(0, |sum, n| sum ^ n));
    /// });
    /// block_on(mill.exited());
    /// assert!(system.counts().busy > Duration::ZERO);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn busy_time(mut self, measure: bool) -> Self {
        self.busy_time = measure;
        self
    }

    /// Starts the system.
    ///
    /// # Errors
    /// If the operating system gives no threads.
    pub fn build(self) -> io::Result<System> {
        let timers = Arc::new(Timers::new(Clock::Real));
        let count = self.workers.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
        let workers = Workers::start(&self.name, count)?;
        let driven = timers.clone();
        workers.serve(async move { driven.drive().await });
        let logger = self.logger.map_or_else(|| stderr::logger(&self.name), Ok)?;
        let system = System::assemble(&self.name, logger, timers, Box::new(workers), None, self.shutdown_timeout);
        system.shared.busy_time_users.store(self.busy_time.into(), Ordering::Relaxed);
        Ok(system)
    }
}
