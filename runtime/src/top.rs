//! Which processes stand out.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::any_process::AnyProcess;
use crate::clock::nanos;
use crate::info::ProcessInfo;
use crate::pid::Pid;
use crate::system::SystemHandle;

/// By what processes are ranked.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{By, Context};
///
/// let test = TestSystem::new(1);
/// let idle = test.spawn(|_ctx: Context<u32>| std::future::pending::<()>());
/// let busy = test.spawn(|_ctx: Context<u32>| std::future::pending::<()>());
/// (0..3).for_each(|order| busy.cast(order));
/// idle.cast(0);
/// let longest = &test.top(By::QueueLen, 1)[0];
/// assert_eq!((Some(longest.process.pid), longest.amount), (busy.pid(), 3));
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// How much waits in the mailbox: [`ProcessInfo::queue_len`].
    QueueLen,
    /// [`ProcessInfo::received`].
    Received,
    /// [`ProcessInfo::sent`].
    Sent,
    /// [`ProcessInfo::busy`], in nanoseconds.
    Busy,
    /// [`ProcessInfo::memory`], in bytes.
    Memory,
}

/// A process that stands out.
///
/// # Examples
///
/// ```
/// use std::future::pending;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{By, Context};
///
/// let test = TestSystem::new(1);
/// for letters in [3, 5, 0] {
///     let postbox = test.spawn(|_ctx: Context<u32>| pending::<()>());
///     (0..letters).for_each(|letter| postbox.cast(letter));
/// }
/// let amounts: Vec<u64> = test.top(By::QueueLen, 2).iter().map(|ranked| ranked.amount).collect();
/// assert_eq!(amounts, [5, 3]);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// How much it has of what is ranked.
    pub amount: u64,
    /// The process.
    pub process: ProcessInfo,
}

impl SystemHandle {
    /// The `count` processes that have most of it now, most first, older before younger; `recon`'s `proc_count`.
    ///
    /// It holds nobody up: each process is looked at by itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{By, Context};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let slow = ctx.spawn(|ctx: Context<u32>| async move { ctx.sleep(std::time::Duration::MAX).await });
    ///     (0..40).for_each(|n| slow.cast(n));
    ///     let top = ctx.system().top(By::QueueLen, 1);
    ///     assert_eq!((Some(top[0].process.pid), top[0].amount), (slow.pid(), 40));
    /// });
    /// ```
    pub fn top(&self, by: By, count: usize) -> Vec<Ranked> {
        let ranked = self.shared.table.all().into_iter().map(|process| (amount(&*process, by), process));
        self.first(ranked.collect(), count)
    }

    /// The `count` processes that get most of it within the next `window` of the system's time, most first; `recon`'s
    /// `proc_window`. Of queues and of memory it is what they grow by. Busy time is measured meanwhile if that is what is
    /// ranked.
    ///
    /// # Cancel safety
    /// Dropping the future has no effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{By, Context};
    ///
    /// let test = TestSystem::new(1);
    /// let [slow, fast] = [10, 1].map(|seconds| {
    ///     test.spawn(move |mut ctx: Context<()>| async move {
    ///         ctx.send_interval(Duration::from_secs(seconds), || ());
    ///         loop {
    ///             ctx.receive_message().await;
    ///         }
    ///     })
    /// });
    /// test.advance(Duration::from_millis(59_500));
    /// let top = test.block_on(test.top_within(Duration::from_secs(30), By::Received, 2));
    /// assert_eq!((Some(top[0].process.pid), top[0].amount), (fast.pid(), 30)); // Of the last thirty seconds only.
    /// assert_eq!((Some(top[1].process.pid), top[1].amount), (slow.pid(), 3));
    /// ```
    pub async fn top_within(&self, window: Duration, by: By, count: usize) -> Vec<Ranked> {
        let _measuring = (by == By::Busy).then(|| self.measure_busy_time());
        let before: BTreeMap<Pid, u64> =
            self.shared.table.all().iter().map(|process| (process.pid(), amount(&**process, by))).collect();
        self.sleep(window).await;
        let growth = self.shared.table.all().into_iter().map(|process| {
            let before = before.get(&process.pid()).copied().unwrap_or_default();
            (amount(&*process, by).saturating_sub(before), process)
        });
        self.first(growth.collect(), count)
    }

    fn first(&self, mut ranked: Vec<(u64, Arc<dyn AnyProcess>)>, count: usize) -> Vec<Ranked> {
        ranked.sort_by_key(|(amount, _)| Reverse(*amount));
        let living =
            ranked.iter().filter_map(|(amount, process)| Some(Ranked { amount: *amount, process: process.info()? }));
        living.take(count).collect()
    }
}

fn amount(process: &dyn AnyProcess, by: By) -> u64 {
    let vitals = process.vitals();
    match by {
        By::QueueLen => vitals.queue_len as u64,
        By::Received => vitals.work.received,
        By::Sent => vitals.work.sent,
        By::Busy => nanos(vitals.work.busy),
        By::Memory => vitals.memory as u64,
    }
}
