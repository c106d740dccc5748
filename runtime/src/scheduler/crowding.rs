//! Whether a worker that takes what others have queued is only in their way.
//!
//! Tasks that all send to the same few processes get done sooner by one worker than by two: what they change goes from one core to
//! the other and back for every message. A worker that waits for locks again and again rests before it takes more, the longer the
//! more often it has, and then tries with a few. What is its own it runs as ever, and for what comes from outside it is woken. OTP
//! compacts load onto fewer schedulers for a like reason.

use std::time::{Duration, Instant};

use crate::sync::waits_for_locks;

/// Fewer tasks tell nothing. So many are taken to try.
const TELLING: u32 = 32;
/// More than one look in vain at a lock for so many tasks, and others would get on better alone. Tasks that go together well need one
/// for a hundred.
const TASKS_PER_WAIT: u32 = 8;
const SHORTEST_REST: Duration = Duration::from_micros(50);
/// So often in a row a rest may be twice as long as the one before.
const LONGEST: u32 = 6;

#[derive(Default)]
pub(super) struct Crowding {
    /// How many tasks it had run, and how often it had waited, when it first took something that it was not judged for yet.
    taken: Option<(u32, u32)>,
    /// How many times it was in the way, less those that it was not.
    times: u32,
    rests_until: Option<Instant>,
}

impl Crowding {
    /// A worker that has run so many `tasks` has taken one from another.
    pub(super) fn note_taken(&mut self, tasks: u32) {
        self.taken.get_or_insert_with(|| (tasks, waits_for_locks()));
    }

    /// A worker that has run so many `tasks` has none left: how long it shall take none from others. After a rest it looks once,
    /// whatever has happened meanwhile.
    pub(super) fn rest(&mut self, tasks: u32) -> Option<Duration> {
        self.rest_at(Instant::now, tasks, waits_for_locks())
    }

    /// As [`rest`](Self::rest). The clock is looked at only if it matters.
    fn rest_at(&mut self, now: impl Fn() -> Instant, tasks: u32, waits: u32) -> Option<Duration> {
        if let Some(until) = self.rests_until {
            let rest = until.saturating_duration_since(now());
            self.rests_until.take_if(|_| rest.is_zero());
            return Some(rest).filter(|rest| !rest.is_zero());
        }
        let (tasks_before, waits_before) = self.taken?;
        let ran = tasks.wrapping_sub(tasks_before);
        if ran < TELLING {
            return None;
        }
        self.taken = None;
        let rest = self.judge(ran, waits.wrapping_sub(waits_before))?;
        self.rests_until = Some(now() + rest);
        Some(rest)
    }

    /// How many tasks it may take from another worker at a time.
    pub(super) fn most(&self) -> usize {
        if self.times == 0 { usize::MAX } else { TELLING as usize }
    }

    /// How long it shall rest that has run so many tasks and waited so often, if it was in the way.
    fn judge(&mut self, tasks: u32, waits: u32) -> Option<Duration> {
        if waits <= tasks / TASKS_PER_WAIT {
            self.times = self.times.saturating_sub(1);
            return None;
        }
        let rest = SHORTEST_REST * (1 << self.times);
        self.times = (self.times + 1).min(LONGEST);
        Some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_for_locks_again_and_again_rests_ever_longer_and_takes_few() {
        let mut crowding = Crowding::default();
        assert_eq!(crowding.most(), usize::MAX);
        let rests = [(); 8].map(|()| crowding.judge(80, 11));
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 64].map(|times| Some(SHORTEST_REST * times)));
        assert_eq!(crowding.most(), TELLING as usize);
    }

    #[test]
    fn who_gets_on_takes_half_again_though_not_at_once() {
        let mut crowding = Crowding { times: 2, ..Crowding::default() };
        let most = [(); 2].map(|()| (crowding.judge(80, 10), crowding.most()));
        assert_eq!(most, [(None, TELLING as usize), (None, usize::MAX)]);
    }

    #[test]
    fn only_who_has_taken_tasks_rests_and_after_each_rest_it_looks() {
        let (mut crowding, begin) = (Crowding::default(), Instant::now());
        let rest_at = |crowding: &mut Crowding, later: u32, tasks| {
            crowding.rest_at(|| begin + SHORTEST_REST * later, tasks, waits_for_locks() + 1_000)
        };
        assert_eq!(rest_at(&mut crowding, 0, 100), None, "others may have been in its way, but it was in nobody's");
        crowding.note_taken(100);
        assert_eq!(rest_at(&mut crowding, 0, 99 + TELLING), None, "a few tasks tell nothing");
        assert_eq!(rest_at(&mut crowding, 0, 100 + TELLING), Some(SHORTEST_REST));
        crowding.note_taken(200);
        assert_eq!(rest_at(&mut crowding, 1, 300), None, "it is over");
        assert_eq!(rest_at(&mut crowding, 1, 300), Some(SHORTEST_REST * 2));
    }
}
