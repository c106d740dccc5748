//! How long processes run, and how busy that keeps the workers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::system::{Shared, SystemHandle};
use crate::vitals::Work;

/// While one of these lives, a system measures how long its processes run; made by
/// [`SystemHandle::measure_busy_time`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use futures_lite::future::block_on;
/// use proscenium_runtime::{Context, System};
///
/// let grind = |_ctx: Context<()>| async { drop(std::hint::black_box((0..10_000).fold(0, |sum, n| sum ^ n))) };
/// let system = System::new("mill");
/// block_on(system.spawn(grind).exited());
/// assert_eq!(system.counts().busy, Duration::ZERO, "nobody measures");
///
/// let measuring = system.measure_busy_time();
/// block_on(system.spawn(grind).exited());
/// assert!(system.counts().busy > Duration::ZERO);
/// drop(measuring); // What was measured stays.
/// ```
#[must_use = "when it is dropped, the measuring ends"]
pub struct BusyTime {
    system: Arc<Shared>,
}

impl BusyTime {
    fn begin(system: &Arc<Shared>) -> Self {
        system.busy_time_users.fetch_add(1, Ordering::Relaxed);
        BusyTime { system: system.clone() }
    }
}

impl Drop for BusyTime {
    fn drop(&mut self) {
        self.system.busy_time_users.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for BusyTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusyTime").field("system", &self.system.name).finish()
    }
}

impl SystemHandle {
    /// Measures how long each process runs, for [`ProcessInfo::busy`](crate::ProcessInfo::busy), until what this returns is
    /// dropped; OTP's `scheduler_wall_time`. It begins with each process's next stretch of work.
    ///
    /// It is off by default because it costs two looks at the clock, some 50 ns, whenever a process runs.
    /// [`Builder::busy_time`](crate::Builder::busy_time) measures from the start to the end.
    pub fn measure_busy_time(&self) -> BusyTime {
        BusyTime::begin(&self.shared)
    }

    /// Waits for `window` of the system's time and tells what share of it the workers spent running processes: 0.0 is idle,
    /// 1.0 is all of them all the time. A stretch of work counts when it ends; so the share may be above 1.0 if a long one
    /// ended in the window. `None` if no time has passed.
    ///
    /// It measures busy time meanwhile if nobody does yet.
    ///
    /// # Cancel safety
    /// Dropping the future ends the measuring.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use futures_lite::future::block_on;
    /// use proscenium_runtime::{Context, System, consume_budget};
    ///
    /// let system = System::builder("mill").workers(1).build()?;
    /// let mut windows = std::iter::repeat_with(|| block_on(system.utilisation(Duration::from_millis(2))));
    /// assert_eq!(windows.next(), Some(Some(0.0))); // There is nothing to do.
    /// system.spawn(|_ctx: Context<()>| async {
    ///     loop {
    ///         consume_budget().await;
    ///     }
    /// });
    /// assert!(windows.any(|share| share > Some(0.5)));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn utilisation(&self, window: Duration) -> Option<f64> {
        let _measuring = self.measure_busy_time();
        let (began, busy_before) = (self.now(), self.shared.work().busy);
        self.sleep(window).await;
        let busy = self.shared.work().busy.saturating_sub(busy_before);
        let passed = self.now().saturating_duration_since(began);
        let available = passed * u32::try_from(self.shared.scheduler.workers()).unwrap_or(u32::MAX);
        (!available.is_zero()).then(|| busy.as_secs_f64() / available.as_secs_f64())
    }
}

impl Shared {
    /// What all processes have done, those that have ended included.
    pub(crate) fn work(&self) -> Work {
        let mut work = self.table.ended().work;
        for process in self.table.all() {
            work += process.vitals().work;
        }
        work
    }
}
