//! How many restarts are too many; OTP's `intensity` and `period`.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proscenium_runtime::ExitReason;

/// The restarts of late, and how many there may be.
#[derive(Clone, Debug)]
pub(crate) struct Intensity {
    limit: u32,
    period: Duration,
    /// Oldest first; never more than one over the limit.
    restarts: VecDeque<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Within,
    Exceeded,
}

impl Intensity {
    pub(crate) fn new(limit: u32, period: Duration) -> Self {
        Intensity { limit, period, restarts: VecDeque::new() }
    }

    /// Why a supervisor gives up that had more.
    pub(crate) fn reason(&self) -> ExitReason {
        let Intensity { limit, period, .. } = self;
        ExitReason::error(format!("reached the maximum restart intensity: more than {limit} within {period:?}"))
    }

    /// Counts a restart at `now`. It is one too many if more than `limit`, this one included, lie within the period, both
    /// its ends included.
    pub(crate) fn record(&mut self, now: Instant) -> Verdict {
        while self.restarts.front().is_some_and(|at| now.saturating_duration_since(*at) > self.period) {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        if self.restarts.len() > self.limit as usize { Verdict::Exceeded } else { Verdict::Within }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts on restarts at these milliseconds, `x` where the limit is exceeded.
    fn verdicts(limit: u32, period_millis: u64, restarts: &[u64]) -> String {
        let start = Instant::now();
        let mut intensity = Intensity::new(limit, Duration::from_millis(period_millis));
        let verdict = |at: &u64| match intensity.record(start + Duration::from_millis(*at)) {
            Verdict::Within => '.',
            Verdict::Exceeded => 'x',
        };
        restarts.iter().map(verdict).collect()
    }

    #[test]
    fn more_than_the_limit_within_the_period_is_too_many() {
        assert_eq!(verdicts(2, 5000, &[0, 1, 2]), "..x");
    }

    #[test]
    fn a_limit_of_zero_allows_none() {
        assert_eq!(verdicts(0, 5000, &[0]), "x");
    }

    #[test]
    fn a_restart_leaves_the_window_after_the_period_and_not_before() {
        assert_eq!(verdicts(1, 1000, &[0, 1000]), ".x");
        assert_eq!(verdicts(1, 1000, &[0, 1001, 2002, 3003]), "....");
    }
}
