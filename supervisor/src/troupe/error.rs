//! What becomes of a job that is not done.

use std::sync::Arc;
use std::time::Duration;

use proscenium_runtime::ExitReason;

/// A job was not done; or its sender was told nothing of it.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakery = bakers().name("bakery");
///     let bakers = bakery.handle(); // It does not run yet.
///     let error = bakers.call(|reply| Order::Pizza(1, reply)).await.unwrap_err();
///     assert_eq!(error.to_string(), "a job for troupe bakery: the troupe does not run");
///     bakery.start_link(&mut ctx).await.unwrap();
///     assert!(bakers.call(|reply| Order::Pizza(1, reply)).await.is_ok());
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job for troupe {troupe}: {fault}")]
pub struct JobError {
    /// The troupe: its name or, if it has none, the type of its workers' messages.
    pub troupe: Arc<str>,
    /// Why.
    pub fault: JobFault,
}

/// Why a job was not done.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::JobFault;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().workers(1..=1).time_limit(Duration::from_secs(60)).start_link(&mut ctx).await.unwrap();
///     let died = bakers.perform(Order::Cake(Default::default())).await.unwrap_err();
///     assert!(matches!(died.fault, JobFault::WorkerDied { attempts: 1, .. }));
///     let slow = bakers.perform(Order::Bread(3600)).without_timeout().await.unwrap_err();
///     assert_eq!(slow.fault, JobFault::TimeLimit(Duration::from_secs(60)));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobFault {
    /// The worker ended before it had done it, and so did those before it. How much of it was done nobody knows.
    #[error("its worker ended, at attempt {attempts}: {reason}")]
    WorkerDied {
        /// Why the last worker ended.
        reason: ExitReason,
        /// How many workers had begun with it.
        attempts: u32,
    },
    /// Its [time limit](super::TroupeSettings::time_limit) was over, and its worker was killed.
    #[error("it took longer than {0:?}, and its worker was killed")]
    TimeLimit(Duration),
    /// Its deadline passed. Unless it had begun by then, it never will.
    #[error("it was not done by its deadline, {0:?} after it was sent")]
    Expired(Duration),
    /// The call gave up. The job is withdrawn unless it had begun.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The worker has done it and sent no answer; or what [held](super::Member::hold) it has panicked.
    #[error("its worker sent no answer")]
    Unanswered,
    /// The queue had no room for it, or a later one took its place.
    #[error("the queue is full")]
    QueueFull,
    /// The troupe takes no jobs, because it is about to stop.
    #[error("the troupe is being drained")]
    Draining,
    /// The troupe does not run: it was not started, or has ended, or is about to be started again.
    #[error("the troupe does not run")]
    NotRunning,
}
