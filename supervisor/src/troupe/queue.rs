//! Jobs that wait, the most urgent first, and of those the oldest; pure.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// A job of a troupe; later ones have greater numbers.
pub(super) type JobId = u64;

/// A job's place among those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub(super) urgency: Reverse<i8>,
    pub(super) job: JobId,
}

/// Jobs in the order of their ranks.
#[derive(Debug, Default)]
pub(super) struct Queue(BTreeSet<Rank>);

impl Queue {
    pub(super) fn insert(&mut self, rank: Rank) {
        self.0.insert(rank);
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, rank: Rank) -> bool {
        self.0.remove(&rank)
    }

    pub(super) fn first(&self) -> Option<Rank> {
        self.0.first().copied()
    }

    /// The oldest of the least urgent.
    pub(super) fn least(&self) -> Option<Rank> {
        let urgency = self.0.last()?.urgency;
        self.0.range(Rank { urgency, job: 0 }..).next().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Rank> {
        self.0.iter().copied()
    }
}
