//! Time as a value: the machine's, or one that a test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
        let elapsed = at.saturating_duration_since(self.start);
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.elapsed_nanos.fetch_max(nanos, Ordering::Relaxed);
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
