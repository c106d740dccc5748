//! How many restarts are too many; OTP's `intensity` and `period`.
//!
//! As OTP's supervisor, it counts in whole seconds of a clock that knows nothing of it: restarts within one second are
//! alike, and both ends of the period count. So a restart counts for at least the period, and for up to a second longer.

use std::collections::VecDeque;
use std::time::Duration;

use proscenium_runtime::ExitReason;

/// The restarts of late, and how many there may be.
#[derive(Clone, Debug)]
pub(crate) struct Intensity {
    limit: u32,
    /// In seconds.
    period: u64,
    /// The seconds with restarts, oldest first, and how many each had: no more of them than the period has, however many
    /// restarts there may be.
    seconds: VecDeque<(u64, u32)>,
    /// How many restarts that makes.
    count: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There may be one more. How many there were of late, this one included.
    Within(u32),
    Exceeded,
}

impl Intensity {
    /// A fraction of a second in `period` counts as a whole one.
    pub(crate) fn new(limit: u32, period: Duration) -> Self {
        let period = period.as_secs() + u64::from(period.subsec_nanos() > 0);
        Intensity { limit, period, seconds: VecDeque::new(), count: 0 }
    }

    /// Sets other limits; the restarts of late still count.
    pub(crate) fn change(&mut self, limit: u32, period: Duration) {
        let Intensity { limit, period, .. } = Intensity::new(limit, period);
        self.limit = limit;
        self.period = period;
    }

    /// Why a supervisor gives up that had more.
    pub(crate) fn reason(&self) -> ExitReason {
        let Intensity { limit, period, .. } = self;
        ExitReason::error(format!("reached the maximum restart intensity: more than {limit} within {period}s"))
    }

    /// Counts a restart at `now`, as long after the system's start. It is one too many if more than the limit, this one
    /// included, lie within the period.
    pub(crate) fn record(&mut self, now: Duration) -> Verdict {
        let now = now.as_secs();
        while let Some((second, count)) = self.seconds.front().copied()
            && now.saturating_sub(second) > self.period
        {
            self.seconds.pop_front();
            self.count -= count;
        }
        match self.seconds.back_mut() {
            Some((second, count)) if *second == now => *count += 1,
            _ => self.seconds.push_back((now, 1)),
        }
        self.count += 1;
        if self.count > self.limit { Verdict::Exceeded } else { Verdict::Within(self.count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdicts on restarts at these milliseconds, `x` where the limit is exceeded.
    fn verdicts(limit: u32, period_millis: u64, restarts: &[u64]) -> String {
        let mut intensity = Intensity::new(limit, Duration::from_millis(period_millis));
        let verdict = |at: &u64| match intensity.record(Duration::from_millis(*at)) {
            Verdict::Within(_) => '.',
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
    fn a_restart_leaves_the_window_when_more_whole_seconds_have_passed_than_the_period_has() {
        assert_eq!(verdicts(1, 1000, &[0, 1000]), ".x");
        assert_eq!(verdicts(1, 1000, &[0, 1999]), ".x");
        assert_eq!(verdicts(1, 1000, &[999, 2000]), "..");
        assert_eq!(verdicts(1, 1000, &[0, 2000, 4000, 6000]), "....");
    }

    #[test]
    fn a_period_of_a_fraction_of_a_second_is_one_of_a_second() {
        assert_eq!(verdicts(1, 10, &[0, 1999]), ".x");
        assert_eq!(verdicts(1, 1001, &[0, 2999, 5000]), ".x.");
    }

    #[test]
    fn what_is_kept_is_no_more_than_the_period_has_seconds() {
        let mut intensity = Intensity::new(u32::MAX, Duration::from_secs(5));
        for at in 0..100_000 {
            intensity.record(Duration::from_millis(at));
        }
        assert_eq!((intensity.seconds.len(), intensity.count), (6, 6000));
    }
}
