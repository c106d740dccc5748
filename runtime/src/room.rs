//! Room in a bounded mailbox: who takes it, and who waits for it.
//!
//! Invariants:
//! - Senders that wait are served in the order in which they came; who comes later does not overtake them.
//! - Room promised to a sender that gives up goes to the next in the line: none is lost.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::task::Waker;

pub(crate) struct Room {
    capacity: NonZeroUsize,
    /// Messages pushed and not yet received, also those in the consumer's batch, and what is promised.
    taken: usize,
    line: VecDeque<(Turn, Waker)>,
    promised: BTreeSet<Turn>,
    last: u64,
}

/// A sender's place in the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn(u64);

impl Room {
    pub(crate) fn new(capacity: NonZeroUsize) -> Self {
        Room { capacity, taken: 0, line: VecDeque::new(), promised: BTreeSet::new(), last: 0 }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity.get()
    }

    /// Takes room for a message, if there is any that nobody waits for.
    pub(crate) fn take(&mut self) -> bool {
        let is_free = self.taken < self.capacity.get();
        self.taken += usize::from(is_free);
        is_free
    }

    pub(crate) fn take_past_capacity(&mut self) {
        self.taken += 1;
    }

    /// Takes room if it is this sender's turn. If not, it has a place in the line, and `waker` is woken when it is.
    pub(crate) fn take_in_turn(&mut self, turn: &mut Option<Turn>, waker: &Waker) -> bool {
        match turn {
            None if self.take() => return true,
            None => *turn = Some(self.queue_up(waker)),
            Some(promised) if self.promised.remove(promised) => {
                *turn = None;
                return true;
            }
            Some(turn) => self.renew(*turn, waker),
        }
        false
    }

    fn queue_up(&mut self, waker: &Waker) -> Turn {
        self.last += 1;
        let turn = Turn(self.last);
        self.line.push_back((turn, waker.clone()));
        turn
    }

    fn renew(&mut self, turn: Turn, waker: &Waker) {
        if let Ok(place) = self.place(turn) {
            self.line[place].1.clone_from(waker);
        }
    }

    fn place(&self, turn: Turn) -> Result<usize, usize> {
        self.line.binary_search_by_key(&turn, |(waiting, _)| *waiting)
    }

    /// A message was received: returns whose turn it is now.
    pub(crate) fn give_back(&mut self) -> Option<Waker> {
        self.taken = self.taken.saturating_sub(1);
        if self.taken >= self.capacity.get() {
            return None;
        }
        let (turn, waker) = self.line.pop_front()?;
        self.promised.insert(turn);
        self.taken += 1;
        Some(waker)
    }

    /// A sender gives up its place: returns whose turn it is now.
    pub(crate) fn leave(&mut self, turn: Turn) -> Option<Waker> {
        if self.promised.remove(&turn) {
            return self.give_back();
        }
        if let Ok(place) = self.place(turn) {
            self.line.remove(place);
        }
        None
    }

    /// There will be no room any more: returns all who waited for it.
    pub(crate) fn close(&mut self) -> Vec<Waker> {
        self.promised.clear();
        std::mem::take(&mut self.line).into_iter().map(|(_, waker)| waker).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries for each sender in `order`, and returns who got room.
    fn try_all(room: &mut Room, turns: &mut [Option<Turn>; 4], order: &[usize]) -> Vec<usize> {
        let waker = Waker::noop();
        let mut got = order.to_vec();
        got.retain(|sender| room.take_in_turn(&mut turns[*sender], waker));
        got
    }

    fn room(capacity: usize) -> (Room, [Option<Turn>; 4]) {
        let capacity = NonZeroUsize::new(capacity).expect("tests ask for some");
        (Room::new(capacity), [None; 4])
    }

    #[test]
    fn room_goes_to_who_has_waited_longest_and_nobody_overtakes() {
        let (mut room, mut turns) = room(1);
        assert_eq!(try_all(&mut room, &mut turns, &[0, 1, 2]), [0]);
        assert!(room.give_back().is_some());
        assert!(!room.take(), "the room is promised");
        assert_eq!(try_all(&mut room, &mut turns, &[3, 2, 1]), [1]);
        room.give_back();
        assert_eq!(try_all(&mut room, &mut turns, &[3, 2]), [2]);
        room.give_back();
        assert_eq!(try_all(&mut room, &mut turns, &[3]), [3]);
    }

    #[test]
    fn room_promised_to_who_leaves_goes_to_the_next() {
        let (mut room, mut turns) = room(1);
        try_all(&mut room, &mut turns, &[0, 1, 2]);
        room.give_back();
        assert!(room.leave(turns[1].expect("it waits")).is_some(), "sender 2 is woken");
        assert_eq!(try_all(&mut room, &mut turns, &[3, 2]), [2]);
    }

    #[test]
    fn room_that_nobody_waits_for_any_more_is_free() {
        let (mut room, mut turns) = room(1);
        try_all(&mut room, &mut turns, &[0, 1]);
        assert!(room.leave(turns[1].expect("it waits")).is_none());
        assert!(room.give_back().is_none());
        assert!(room.take());
    }

    #[test]
    fn what_came_past_the_capacity_must_go_before_anyone_is_promised_room() {
        let (mut room, mut turns) = room(1);
        try_all(&mut room, &mut turns, &[0, 1]);
        room.take_past_capacity();
        assert!(room.give_back().is_none());
        assert!(room.give_back().is_some());
    }
}
