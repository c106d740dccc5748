//! How long jobs have taken of late.

use std::time::Duration;

/// How long jobs took from when they were sent until they were done: of the last 1,024 that were.
///
/// A percentile is that of a job that was: 99 % of them took no longer than `p99`.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::Latency;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let bakers = bakers().start_link(&mut ctx).await.unwrap();
///     for seconds in 1..=4 {
///         bakers.perform(Order::Bread(seconds)).await.unwrap();
///     }
///     let latency: Latency = bakers.status().latency.expect("jobs were done");
///     assert_eq!((latency.p50, latency.longest), (Duration::from_secs(2), Duration::from_secs(4)));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: Duration,
    /// Nine in ten.
    pub p90: Duration,
    /// 99 in 100.
    pub p99: Duration,
    /// All of them.
    pub longest: Duration,
}

const KEPT: usize = 1024;

/// The last durations, in a ring.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    kept: Vec<Duration>,
    next: usize,
}

impl Recent {
    pub(super) fn record(&mut self, took: Duration) {
        if self.kept.len() < KEPT {
            self.kept.push(took);
        } else {
            self.kept[self.next] = took;
            self.next = (self.next + 1) % KEPT;
        }
    }

    /// `None` if there was none.
    pub(super) fn latency(&self) -> Option<Latency> {
        let mut sorted = self.kept.clone();
        sorted.sort_unstable();
        let longest = *sorted.last()?;
        // The smallest that so many in a hundred do not exceed.
        let percentile = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100) - 1];
        Some(Latency { p50: percentile(50), p90: percentile(90), p99: percentile(99), longest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(millis: impl IntoIterator<Item = u64>) -> Option<Latency> {
        let mut recent = Recent::default();
        millis.into_iter().for_each(|millis| recent.record(Duration::from_millis(millis)));
        recent.latency()
    }

    #[test]
    fn percentiles_are_those_of_jobs_that_were() {
        let ms = Duration::from_millis;
        let expected = Latency { p50: ms(50), p90: ms(90), p99: ms(99), longest: ms(100) };
        assert_eq!(after((1..=100).rev()), Some(expected));
        assert_eq!(after([7]), Some(Latency { p50: ms(7), p90: ms(7), p99: ms(7), longest: ms(7) }));
        assert_eq!(after([]), None);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        assert_eq!(after((0..3 * KEPT as u64).rev()).map(|latency| latency.longest), Some(Duration::from_millis(1023)));
    }
}
