//! The wheel beside a sorted map, and at the edges of its slots.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::*;

const TICK: Nanos = 1 << TICK_BITS;
/// All that a turn of the wheel of that number takes.
const fn turn(wheel: u32) -> Nanos {
    TICK << (SLOT_BITS * (wheel + 1))
}

impl<T> Wheel<T> {
    /// All that have expired by `now`, the owner's being over with that.
    fn expire(&mut self, now: Nanos) -> Vec<T> {
        let mut due = Vec::new();
        self.take_due(now, usize::MAX, &mut due);
        for due in &due {
            self.finish(due.timer);
        }
        due.into_iter().map(|due| due.value).collect()
    }
}

/// A wheel, and the same timers in the order in which they must come out.
struct Pair {
    rng: Rng,
    wheel: Wheel<u64>,
    owners: Vec<OwnerRef>,
    now: Nanos,
    pending: BTreeMap<(Nanos, u64), Known>,
    /// Those of owners that have come out and are not over.
    firing: Vec<(u64, Known)>,
}

#[derive(Clone, Copy)]
struct Known {
    timer: TimerRef,
    owner: Option<OwnerRef>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut wheel = Wheel::new(0);
        let owners = (0..3).map(|_| wheel.add_owner()).collect();
        Pair { rng: Rng::with_seed(seed), wheel, owners, now: 0, pending: BTreeMap::new(), firing: Vec::new() }
    }

    /// From now on: soon, or far away, and often next to where a slot begins.
    fn any_instant(&mut self) -> Nanos {
        let bits = self.rng.u32(..60);
        let distance = self.rng.u64(..1 << bits);
        let at = self.now.saturating_add(distance);
        match self.rng.u32(..4) {
            0 => at & !(turn(self.rng.u32(..5)) - 1),
            1 => (at | (turn(self.rng.u32(..5)) - 1)).saturating_add(self.rng.u64(..2)),
            2 => self.pending.keys().next().map_or(at, |(at, _)| *at),
            _ => at,
        }
    }

    fn act(&mut self) {
        match self.rng.u32(..20) {
            0..8 => self.set(),
            8..12 => self.cancel(),
            12..15 => self.finish_one(),
            15 => self.end_owner(),
            _ => self.advance(),
        }
    }

    fn set(&mut self) {
        let at = self.any_instant();
        let owner = self.rng.choice(&self.owners).copied().filter(|_| self.rng.bool());
        let number = self.wheel.last_number + 1;
        let timer = self.wheel.set(at, owner, number);
        self.pending.insert((at, number), Known { timer, owner });
    }

    fn cancel(&mut self) {
        let keys: Vec<(Nanos, u64)> = self.pending.keys().copied().collect();
        let Some(key) = self.rng.choice(keys) else { return };
        let known = self.pending.remove(&key).expect("it is a key");
        let not_its_owner = if known.owner.is_none() { Some(self.owners[0]) } else { None };
        assert_eq!(self.wheel.remove(known.timer, not_its_owner), None);
        assert_eq!(self.wheel.expiry(known.timer), Some(key.0));
        assert_eq!(self.wheel.remove(known.timer, known.owner), Some((key.0, Some(key.1))));
        assert_eq!(self.wheel.remove(known.timer, known.owner), None);
        assert_eq!(self.wheel.expiry(known.timer), None);
    }

    /// One that fires is over, is cancelled, or is set again.
    fn finish_one(&mut self) {
        if self.firing.is_empty() {
            return;
        }
        let (number, known) = self.firing.swap_remove(self.rng.usize(..self.firing.len()));
        assert!(self.wheel.is_firing(known.timer));
        match self.rng.u32(..3) {
            0 => assert!(self.wheel.finish(known.timer)),
            1 => assert!(matches!(self.wheel.remove(known.timer, known.owner), Some((_, None)))),
            _ => {
                let at = self.any_instant();
                assert_eq!(self.wheel.set_again(known.timer, at, number), None);
                self.pending.insert((at, number), known);
            }
        }
        if self.wheel.expiry(known.timer).is_none() {
            assert!(!self.wheel.finish(known.timer));
            assert_eq!(self.wheel.set_again(known.timer, self.now, number), Some(number));
        }
    }

    fn end_owner(&mut self) {
        let place = self.rng.usize(..self.owners.len());
        let ended = std::mem::replace(&mut self.owners[place], self.wheel.add_owner());
        let mut values = Vec::new();
        while !self.wheel.remove_owner(ended, 3, &mut values) {}
        let is_its = |known: &Known| known.owner == Some(ended);
        self.firing.retain(|(_, known)| !is_its(known));
        let mut expected: Vec<u64> =
            self.pending.iter().filter(|(_, known)| is_its(known)).map(|((_, number), _)| *number).collect();
        self.pending.retain(|_, known| !is_its(known));
        values.sort_unstable();
        expected.sort_unstable();
        assert_eq!(values, expected);
    }

    fn advance(&mut self) {
        self.now = match self.rng.u32(..4) {
            0 => self.wheel.next_expiry().map_or(self.now, |next| next.saturating_sub(1).max(self.now)),
            1 => self.wheel.next_expiry().map_or(self.now, |next| next.max(self.now)),
            _ => self.any_instant().max(self.now),
        };
        let most = self.rng.usize(1..10);
        let mut due = Vec::new();
        self.wheel.take_due(self.now, most, &mut due);
        for due in &due {
            let ((at, number), known) = self.pending.pop_first().expect("no more come out than are in it");
            assert_eq!((due.at, due.value, due.timer), (at, number, known.timer));
            if known.owner.is_some() {
                self.firing.push((number, known));
            }
        }
        let is_all = self.pending.keys().next().is_none_or(|(at, _)| *at > self.now);
        assert!(is_all || due.len() == most);
    }

    fn compare(&self) {
        assert_eq!(self.wheel.next_expiry(), self.pending.keys().next().map(|(at, _)| *at));
        assert_eq!(self.wheel.len(), self.pending.len());
        for owner in &self.owners {
            let firing = self.firing.iter().map(|(_, known)| known);
            let count = self.pending.values().chain(firing).filter(|known| known.owner == Some(*owner)).count();
            assert_eq!(self.wheel.count(*owner), count);
        }
    }
}

#[test]
fn it_does_as_a_sorted_map_does() {
    for seed in 0..1000 {
        let mut pair = Pair::new(seed);
        for _ in 0..300 {
            pair.act();
            pair.compare();
        }
    }
}

#[test]
fn timers_at_the_edges_of_slots_come_out_when_they_expire_and_not_before() {
    for wheel in 0..6 {
        for begin in [0, 1, TICK - 1, TICK, turn(wheel) - TICK, turn(wheel) - 1, turn(wheel)] {
            let mut store = Wheel::new(0);
            assert_eq!(store.expire(begin), []);
            let edges = [turn(wheel), turn(wheel) * 2, turn(wheel) * 64];
            let instants: Vec<Nanos> =
                edges.iter().flat_map(|edge| edge - 1..=edge + 1).filter(|at| *at > begin).collect();
            for at in instants.iter().rev() {
                store.set(*at, None, *at);
            }
            for at in instants {
                assert_eq!(store.next_expiry(), Some(at));
                assert_eq!(store.expire(at - 1), []);
                assert_eq!(store.expire(at), [at]);
            }
        }
    }
}

#[test]
fn those_of_one_instant_come_out_in_the_order_they_were_set_wherever_they_waited() {
    let mut store = Wheel::new(0);
    let at = turn(2) + 7;
    store.set(at, None, 1);
    assert_eq!(store.expire(turn(1)), []);
    store.set(at, None, 2);
    assert_eq!(store.expire(turn(2)), []);
    store.set(at, None, 3);
    assert_eq!(store.expire(at - 1), []);
    store.set(at, None, 4);
    assert_eq!(store.expire(at), [1, 2, 3, 4]);
}

#[test]
fn within_one_tick_they_come_out_by_their_instants() {
    let mut store = Wheel::new(0);
    for at in [5, 3, 4, 1, 2] {
        store.set(turn(3) + at, None, at);
    }
    assert_eq!(store.expire(turn(3) + 3), [1, 2, 3]);
    store.set(turn(3) + 1, None, 0);
    assert_eq!(store.expire(Nanos::MAX), [0, 4, 5]);
}

#[test]
fn a_jump_over_many_slots_brings_all_out_in_order() {
    let mut store = Wheel::new(0);
    let mut instants: Vec<Nanos> = (0..60).flat_map(|bit| [1 << bit, (1 << bit) + 1, 3 << bit]).collect();
    for at in &instants {
        store.set(*at, None, *at);
    }
    instants.sort_unstable();
    assert_eq!(store.expire(Nanos::MAX), instants);
    assert_eq!((store.len(), store.next_expiry()), (0, None));
}

#[test]
fn the_end_of_time_is_an_instant_like_others() {
    let mut store = Wheel::new(0);
    let timer = store.set(Nanos::MAX, None, "last");
    store.set(Nanos::MAX - 1, None, "last but one");
    assert_eq!(store.next_expiry(), Some(Nanos::MAX - 1));
    assert_eq!(store.expire(Nanos::MAX - 1), ["last but one"]);
    assert_eq!(store.remove(timer, None), Some((Nanos::MAX, Some("last"))));
}

#[test]
fn a_place_that_is_used_again_is_no_longer_that_of_the_timer_before() {
    let mut store = Wheel::new(0);
    let before = store.set(1, None, "before");
    store.remove(before, None);
    let after = store.set(1, None, "after");
    assert_eq!(before.index, after.index);
    assert_eq!((store.remove(before, None), store.expiry(before)), (None, None));
    assert_eq!(store.expire(1), ["after"]);
}

#[test]
fn a_timer_that_has_an_owner_is_known_until_it_is_over() {
    let mut store = Wheel::new(0);
    let owner = store.add_owner();
    let timer = store.set(1, Some(owner), "tick");
    store.take_due(1, 1, &mut Vec::new());
    assert_eq!((store.len(), store.count(owner), store.expiry(timer)), (0, 1, Some(1)));
    assert_eq!(store.set_again(timer, 2, "tock"), None);
    assert_eq!((store.is_firing(timer), store.finish(timer), store.len()), (false, false, 1));
    store.take_due(2, 1, &mut Vec::new());
    assert_eq!(store.remove(timer, Some(owner)), Some((2, None)));
    assert_eq!(store.set_again(timer, 3, "tick"), Some("tick"));
    assert_eq!((store.len(), store.count(owner), store.finish(timer)), (0, 0, false));
}
