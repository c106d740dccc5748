//! Time as a value: the machine's, or one that a test moves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub(crate) enum Clock {
    Real,
    Virtual(VirtualClock),
}

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Clock::Real => Instant::now(),
            Clock::Virtual(clock) => clock.now(),
        }
    }
}

/// Where `at` is on the machine's clock: nanoseconds from an instant that is the same for all who ask.
pub(crate) fn machine_nanos(at: Instant) -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    nanos(at.saturating_duration_since(*START.get_or_init(|| at)))
}

/// What is longer than 584 years is cut to that.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A clock that stands still until it is moved.
#[derive(Clone, Debug)]
pub(crate) struct VirtualClock {
    start: Instant,
    elapsed_nanos: Arc<AtomicU64>,
}

impl VirtualClock {
    pub(crate) fn new() -> Self {
        VirtualClock { start: Instant::now(), elapsed_nanos: Arc::default() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.start + self.elapsed()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.elapsed_nanos.load(Ordering::Relaxed))
    }

    /// Moves on to `at`; never back.
    pub(crate) fn move_to(&self, at: Instant) {
        self.elapsed_nanos.fetch_max(nanos(at.saturating_duration_since(self.start)), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_moves_only_when_told_and_never_back() {
        let clock = VirtualClock::new();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.move_to(start + Duration::from_secs(5));
        clock.move_to(start + Duration::from_secs(2));
        assert_eq!(clock.now(), start + Duration::from_secs(5));
    }
}
