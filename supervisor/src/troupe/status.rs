//! What can be told of a troupe.

use super::core::{Core, Counts};
use super::latency::Latency;

/// How a troupe is doing, and what it has done since it was made.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::TroupeStatus;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().workers(2..=2).start_link(&mut ctx).await.unwrap();
///     (0..5).for_each(|_| bakers.cast(Order::Bread(10)));
///     ctx.sleep(Duration::from_secs(1)).await;
///     let status: TroupeStatus = bakers.status();
///     assert_eq!((status.workers, status.running, status.queued, status.idle), (2, 2, 3, 0));
///     bakers.drain().await;
///     assert_eq!((bakers.status().done, bakers.status().failed), (5, 0));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TroupeStatus {
    /// Workers that are there, those that were told to stop included.
    pub workers: usize,
    /// Those that have no job, and were not told to stop.
    pub idle: usize,
    /// Workers that are about to come.
    pub starting: usize,
    /// Jobs that wait for a worker.
    pub queued: usize,
    /// Jobs that workers have.
    pub running: usize,
    /// Senders that wait for room in the queue.
    pub senders_waiting: usize,
    /// Jobs done.
    pub done: u64,
    /// Jobs that were taken and not done, for other reasons than those below.
    pub failed: u64,
    /// How often a job was given to another worker after one had died of it.
    pub retried: u64,
    /// Jobs whose deadline passed before they were done.
    pub expired: u64,
    /// Jobs for which there was no room, and that were dropped for it.
    pub dropped: u64,
    /// Jobs whose senders gave up before they were begun.
    pub withdrawn: u64,
    /// How long jobs took of late; `None` if none was done.
    pub latency: Option<Latency>,
}

impl TroupeStatus {
    /// All but the latency.
    pub(super) fn of(core: &Core) -> Self {
        let Counts { done, failed, retried, expired, dropped, withdrawn } = core.counts();
        TroupeStatus {
            workers: core.crew().iter().count(),
            idle: core.crew().idle(),
            starting: core.hiring(),
            queued: core.waiting(),
            running: core.running(),
            senders_waiting: core.in_line(),
            done,
            failed,
            retried,
            expired,
            dropped,
            withdrawn,
            latency: None,
        }
    }
}
