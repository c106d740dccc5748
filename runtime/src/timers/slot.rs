//! What waits in one slot of a wheel, in any order.
//!
//! An entry tells all that a wheel must know to move it, so nobody goes through the timers themselves for that, which lie all over
//! the memory. The entry of a timer that was cancelled stays behind, dead; when there are more of these than of others, they are
//! removed.

use std::mem;

use super::wheel::Nanos;

/// So much room an empty slot keeps, and so many dead entries are none too many.
const KEPT: usize = 64;

#[derive(Default)]
pub(super) struct Slot {
    entries: Vec<Entry>,
    dead: usize,
}

/// A timer, and when it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Nanos,
    pub(super) number: u64,
    /// Where the timer is, if it is the one of that number.
    pub(super) index: u32,
}

impl Slot {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.len() == self.dead
    }

    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// One of the entries is dead now.
    pub(super) fn bury(&mut self, is_alive: impl Fn(&Entry) -> bool) {
        self.dead += 1;
        if self.is_empty() {
            let room = self.take(|_| false);
            self.give_room(room);
        } else if self.dead > KEPT.max(self.entries.len() / 2) {
            self.entries.retain(is_alive);
            self.entries.shrink_to(KEPT.max(2 * self.entries.len()));
            self.dead = 0;
        }
    }

    /// Takes out all that are alive.
    pub(super) fn take(&mut self, is_alive: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let mut entries = mem::take(&mut self.entries);
        if mem::take(&mut self.dead) > 0 {
            entries.retain(is_alive);
        }
        entries
    }

    /// The slot, out of which all was taken, has this room for others; if it is much, it keeps a part.
    pub(super) fn give_room(&mut self, mut room: Vec<Entry>) {
        room.clear();
        room.shrink_to(KEPT);
        self.entries = room;
    }

    /// When the first of them expires.
    pub(super) fn first(&self, is_alive: impl Fn(&Entry) -> bool) -> Option<Nanos> {
        let mut first = None;
        for entry in &self.entries {
            if first.is_none_or(|first| entry.at < first) && (self.dead == 0 || is_alive(entry)) {
                first = Some(entry.at);
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fastrand::Rng;

    use super::*;

    #[test]
    fn who_was_cancelled_is_told_of_no_more_and_takes_little_room() {
        for seed in 0..20 {
            let mut rng = Rng::with_seed(seed);
            let (mut slot, mut alive) = (Slot::default(), BTreeSet::new());
            for number in 0..2_000 {
                if rng.u64(..2_000) > number / 2 {
                    slot.push(Entry { at: rng.u64(..1_000), number, index: 0 });
                    alive.insert(number);
                } else if let Some(gone) = rng.choice(&alive).copied() {
                    alive.remove(&gone);
                    slot.bury(|entry| alive.contains(&entry.number));
                }
                assert!(slot.entries.len() <= 2 * alive.len() + KEPT, "seed {seed}");
                let first = slot.first(|entry| alive.contains(&entry.number));
                if rng.u32(..50) > 0 {
                    assert_eq!((slot.is_empty(), first.is_none()), (alive.is_empty(), alive.is_empty()));
                    continue;
                }
                let told = slot.take(|entry| alive.contains(&entry.number));
                assert_eq!(first, told.iter().map(|entry| entry.at).min());
                assert!(told.iter().map(|entry| entry.number).eq(alive.iter().copied()), "seed {seed}");
                told.into_iter().for_each(|entry| slot.push(entry));
            }
        }
    }

    #[test]
    fn after_a_burst_the_memory_is_given_back() {
        for left in [0, 1] {
            let mut slot = Slot::default();
            (0..10_000).for_each(|number| slot.push(Entry { at: 1, number, index: 0 }));
            (left..10_000).for_each(|gone| slot.bury(|entry| entry.number < left || entry.number > gone));
            assert_eq!(slot.is_empty(), left == 0);
            assert!(slot.entries.capacity() <= 2 * KEPT, "{} places", slot.entries.capacity());
        }
    }
}
