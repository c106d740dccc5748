//! What can be set of a troupe, before it runs and while it does.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use crate::tree::duration;

/// What can be set of a troupe, before it runs ([`Troupe`](super::Troupe)) and while it does
/// ([`TroupeRef::change`](super::TroupeRef::change)).
///
/// In a file of a [tree](crate::tree), what is left out is as by default, and durations are texts such as `"5s"`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_supervisor::{TroupeSettings, WhenFull};
///
/// let settings: TroupeSettings = ron::from_str(
///     r#"(max_workers: 8, idle_time: "10s", queue: Some(100), when_full: DropOldest, deadline: Some("1m"))"#,
/// )?;
/// assert_eq!((settings.min_workers, settings.max_workers), (1, 8));
/// assert_eq!(settings.when_full, WhenFull::DropOldest);
/// assert_eq!(settings.deadline, Some(Duration::from_secs(60)));
/// # Ok::<(), ron::error::SpannedError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TroupeSettings {
    /// So many workers are always there; 1 by default. It may be 0.
    pub min_workers: usize,
    /// There are never more than so many, but for those that stop; 10 by default.
    pub max_workers: usize,
    /// A worker that has had nothing to do for so long is stopped, unless it is one of the fewest; 30 s by default.
    #[serde(deserialize_with = "duration")]
    pub idle_time: Duration,
    /// How many jobs a worker may have at a time; 1 by default. It is given another before the first is done only if it
    /// [holds](super::Member::hold) that.
    pub concurrency: NonZeroUsize,
    /// How many jobs may wait for a worker; any number by default.
    pub queue: Option<NonZeroUsize>,
    /// What becomes of one more; its sender waits, by default.
    pub when_full: WhenFull,
    /// Which worker gets a job when several could take it; by default the first.
    pub routing: Routing,
    /// By when a job must be done, counted from when the troupe took it; no limit by default. What has not begun by then never does.
    /// What has begun goes on, but its sender waits no longer.
    #[serde(deserialize_with = "limit")]
    pub deadline: Option<Duration>,
    /// How long a worker may take for a job; no limit by default. One that takes longer is killed, and another starts in its place.
    /// Code that never awaits cannot be killed.
    #[serde(deserialize_with = "limit")]
    pub time_limit: Option<Duration>,
    /// How often a job is begun again whose worker died of it; never by default. Only what can be repeated is:
    /// [`TroupeRef::call_repeatable`](super::TroupeRef::call_repeatable), [`Troupe::repeat_with`](super::Troupe::repeat_with).
    pub retries: u32,
}

impl Default for TroupeSettings {
    fn default() -> Self {
        TroupeSettings {
            min_workers: 1,
            max_workers: 10,
            idle_time: Duration::from_secs(30),
            concurrency: NonZeroUsize::MIN,
            queue: None,
            when_full: WhenFull::Wait,
            routing: Routing::FirstIdle,
            deadline: None,
            time_limit: None,
            retries: 0,
        }
    }
}

impl TroupeSettings {
    /// Whether a troupe can be so.
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let TroupeSettings { min_workers, max_workers, .. } = *self;
        match max_workers {
            0 => Err(SettingsError::NoWorkers),
            _ if min_workers > max_workers => Err(SettingsError::MinAboveMax { min_workers, max_workers }),
            _ => Ok(()),
        }
    }
}

/// A troupe cannot be as it is to be.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::SettingsError;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().start_link(&mut ctx).await.unwrap();
///     let error = bakers.change(|settings| settings.min_workers = 50).unwrap_err();
///     assert_eq!(error, SettingsError::MinAboveMax { min_workers: 50, max_workers: 10 });
///     assert_eq!(bakers.settings().min_workers, 1); // Nothing has changed.
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Nobody would do the jobs.
    #[error("max_workers is 0: a troupe needs a worker")]
    NoWorkers,
    /// There cannot be fewer than the fewest.
    #[error("min_workers is {min_workers}, and max_workers only {max_workers}")]
    MinAboveMax {
        /// The fewest.
        min_workers: usize,
        /// The most.
        max_workers: usize,
    },
}

/// What becomes of a job for which a troupe's queue has no room.
///
/// | | `call`, `perform`, `send` | `try_send` | `cast` |
/// |---|---|---|---|
/// | `Wait` | wait for room | gives it back | it is a dead letter |
/// | `Reject` | fail, or give it back | gives it back | it is a dead letter |
/// | `DropNewest` | it is dropped | it is dropped | it is dropped |
/// | `DropOldest` | the oldest job of the least urgent is dropped | likewise | likewise |
///
/// The sender of what is dropped is told if it waits; otherwise it is a dead letter.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::WhenFull;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().workers(1..=1).queue(1, WhenFull::DropOldest).start_link(&mut ctx).await.unwrap();
///     bakers.cast(Order::Bread(60)); // The baker takes it.
///     ctx.sleep(Duration::from_secs(1)).await;
///     (0..5).for_each(|_| bakers.cast(Order::Bread(60)));
///     assert_eq!((bakers.status().queued, bakers.status().dropped), (1, 4)); // The last order waits.
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum WhenFull {
    /// Who can wait does, in a line: back-pressure. The default.
    #[default]
    Wait,
    /// The sender gets it back, and decides.
    Reject,
    /// What came before matters more.
    DropNewest,
    /// What comes last matters more. A job that is less urgent than all that wait is dropped itself.
    DropOldest,
}

/// Which worker gets a job when several have room for it.
///
/// A [key](super::Troupe::by_key) or a [choice](super::Troupe::choose_by) comes first.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::Routing;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().workers(3..=3).start_link(&mut ctx).await.unwrap();
///     assert_eq!(bakers.settings().routing, Routing::FirstIdle);
///     for _ in 0..3 {
///         // The first can do it all, and the others may go home.
///         assert_eq!(bakers.call(|reply| Order::Pizza(1, reply)).await, Ok(1));
///     }
/// });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Routing {
    /// The one that has been there longest, so that the others may become idle, and stop.
    #[default]
    FirstIdle,
    /// One after the other.
    RoundRobin,
    /// The one with the fewest jobs, and of those the one that has been idle longest.
    LeastLoaded,
}

/// A duration, or none.
fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Limit(#[serde(deserialize_with = "duration")] Duration);

    Ok(Option::<Limit>::deserialize(deserializer)?.map(|Limit(duration)| duration))
}
