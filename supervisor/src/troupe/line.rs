//! Senders that wait for room in a troupe's queue; pure.
//!
//! Invariants:
//! - They are served in the order in which they came.
//! - Room promised to one that gives up goes to the next: none is lost.

use std::collections::{BTreeSet, VecDeque};

/// A sender's place in the line.
pub(super) type Turn = u64;

#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: VecDeque<Turn>,
    promised: BTreeSet<Turn>,
    last: Turn,
}

impl Line {
    pub(super) fn join(&mut self) -> Turn {
        self.last += 1;
        self.waiting.push_back(self.last);
        self.last
    }

    /// Promises room to who is first.
    pub(super) fn promise(&mut self) -> Option<Turn> {
        let turn = self.waiting.pop_front()?;
        self.promised.insert(turn);
        Some(turn)
    }

    /// Whether room was promised to that sender, who takes it now.
    pub(super) fn redeem(&mut self, turn: Turn) -> bool {
        self.promised.remove(&turn)
    }

    pub(super) fn contains(&self, turn: Turn) -> bool {
        self.waiting.binary_search(&turn).is_ok()
    }

    pub(super) fn leave(&mut self, turn: Turn) {
        if !self.promised.remove(&turn)
            && let Ok(place) = self.waiting.binary_search(&turn)
        {
            self.waiting.remove(place);
        }
    }

    /// Nobody waits any more, and nothing is promised: returns who did.
    pub(super) fn disband(&mut self) -> Vec<Turn> {
        let promised = std::mem::take(&mut self.promised);
        promised.into_iter().chain(self.waiting.drain(..)).collect()
    }

    /// How much room is promised.
    pub(super) fn promised(&self) -> usize {
        self.promised.len()
    }

    /// How many wait for a promise.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}
