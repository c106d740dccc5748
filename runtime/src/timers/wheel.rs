//! The pending timers: a hierarchical timing wheel. A pure store, which knows of time what it is told.
//!
//! Time is counted in ticks of about a millisecond. A wheel has 64 slots: on the lowest a slot is a tick, on the next one it
//! is a whole turn of the wheel below. A timer waits on the lowest wheel where its slot is not the one where time is, and comes
//! down as time reaches its slot. What expires in the tick where time is, is near: only that is sorted.
//!
//! Invariants:
//! - Timers come out when they have expired, not before: by their instants, those of one instant in the order they were set.
//! - Whatever waits on a wheel expires before what waits on the wheels above it, and after all that is near.
//! - An owner's timer that has come out is known until it is over, so that it can be cancelled while it fires.

use std::array;
use std::collections::BTreeMap;
use std::mem;

use super::slab::Slab;
use super::slot::{Entry, Slot};
use crate::pid::TimerRef;

/// Since the start of the system's time.
pub(super) type Nanos = u64;

/// Nanoseconds in a tick, as a power of two: 1.05 ms.
const TICK_BITS: u32 = 20;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// So many that the uppermost wheel never comes round.
const WHEELS: usize = (u64::BITS - TICK_BITS).div_ceil(SLOT_BITS) as usize;
/// No timer.
const NONE: u32 = u32::MAX;

pub(super) struct Wheel<T> {
    /// Which of the system's stores it is.
    store: u16,
    timers: Slab<Timer<T>>,
    owners: Slab<Owner>,
    wheels: Box<[[Slot; SLOTS]]>,
    /// A bit for each slot where there is one.
    taken: [u64; WHEELS],
    /// Where time is.
    tick: u64,
    near: BTreeMap<(Nanos, u64), u32>,
    last_number: u64,
    pending: usize,
}

struct Timer<T> {
    number: u64,
    at: Nanos,
    owner: Option<OwnerRef>,
    /// Its neighbours among the owner's timers.
    newer: u32,
    older: u32,
    /// Not there while it fires.
    value: Option<T>,
}

impl<T> Timer<T> {
    fn is_firing(&self) -> bool {
        self.value.is_none()
    }
}

/// Whose timers end together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OwnerRef(pub(super) u32);

struct Owner {
    newest: u32,
    count: usize,
}

/// A timer that has expired.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due<T> {
    pub(super) timer: TimerRef,
    pub(super) at: Nanos,
    pub(super) value: T,
}

/// Whether the timer of that entry was not cancelled.
fn is_pending<T>(timers: &Slab<Timer<T>>, entry: &Entry) -> bool {
    timers.get(entry.index).is_some_and(|timer| timer.number == entry.number)
}

impl<T> Wheel<T> {
    pub(super) fn new(store: u16) -> Self {
        Wheel {
            store,
            timers: Slab::new(),
            owners: Slab::new(),
            wheels: (0..WHEELS).map(|_| array::from_fn(|_| Slot::default())).collect(),
            taken: [0; WHEELS],
            tick: 0,
            near: BTreeMap::new(),
            last_number: 0,
            pending: 0,
        }
    }

    /// How many are to expire.
    pub(super) fn len(&self) -> usize {
        self.pending
    }

    /// Sets a timer. One without an owner is over when it expires; one that has an owner, when it is told so.
    pub(super) fn set(&mut self, at: Nanos, owner: Option<OwnerRef>, value: T) -> TimerRef {
        self.last_number += 1;
        let number = self.last_number;
        let index = self.timers.insert(Timer { number, at, owner, newer: NONE, older: NONE, value: Some(value) });
        if let Some(owner) = owner {
            self.join(owner, index);
        }
        self.pending += 1;
        self.place(Entry { at, number, index });
        TimerRef { number, store: self.store, index }
    }

    /// When it expires, or has expired if it fires now.
    pub(super) fn expiry(&self, timer: TimerRef) -> Option<Nanos> {
        self.find(timer).map(|timer| timer.at)
    }

    /// What it will come out with.
    pub(super) fn value(&self, timer: TimerRef) -> Option<&T> {
        self.find(timer)?.value.as_ref()
    }

    /// Whether it has an owner, has expired, and is not over.
    pub(super) fn is_firing(&self, timer: TimerRef) -> bool {
        self.find(timer).is_some_and(Timer::is_firing)
    }

    /// Makes an end of the timer, if it is that owner's. Returns when it was to expire, and its value unless it fires now.
    pub(super) fn remove(&mut self, timer: TimerRef, owner: Option<OwnerRef>) -> Option<(Nanos, Option<T>)> {
        self.find(timer).filter(|timer| timer.owner == owner)?;
        let ended = self.end(timer.index);
        Some((ended.at, ended.value))
    }

    /// Makes an end of a timer that fires. Returns whether it was to be had, which it is not if it was cancelled meanwhile.
    pub(super) fn finish(&mut self, timer: TimerRef) -> bool {
        let owner = self.find(timer).filter(|timer| timer.is_firing()).map(|timer| timer.owner);
        owner.is_some_and(|owner| self.remove(timer, owner).is_some())
    }

    /// Sets a timer again that fires. If it was cancelled meanwhile, its value is given back.
    pub(super) fn set_again(&mut self, timer: TimerRef, at: Nanos, value: T) -> Option<T> {
        if !self.is_firing(timer) {
            return Some(value);
        }
        let TimerRef { number, index, .. } = timer;
        let timer = &mut self.timers[index];
        (timer.at, timer.value) = (at, Some(value));
        self.pending += 1;
        self.place(Entry { at, number, index });
        None
    }

    /// When the next one expires.
    pub(super) fn next_expiry(&self) -> Option<Nanos> {
        if let Some(((at, _), _)) = self.near.first_key_value() {
            return Some(*at);
        }
        let (wheel, slot, _) = self.first_slot()?;
        self.wheels[wheel][slot].first(|entry| is_pending(&self.timers, entry))
    }

    /// Takes out the first `most` of those that have expired by `now`.
    pub(super) fn take_due(&mut self, now: Nanos, most: usize, due: &mut Vec<Due<T>>) {
        self.advance(now >> TICK_BITS);
        for _ in 0..most {
            let Some(entry) = self.near.first_entry().filter(|entry| entry.key().0 <= now) else { return };
            let ((at, number), index) = entry.remove_entry();
            self.pending -= 1;
            let timer = &mut self.timers[index];
            let value = timer.value.take().expect("it has not fired");
            if timer.owner.is_none() {
                self.timers.remove(index);
            }
            due.push(Due { timer: TimerRef { number, store: self.store, index }, at, value });
        }
    }

    /// Somebody who will have timers.
    pub(super) fn add_owner(&mut self) -> OwnerRef {
        OwnerRef(self.owners.insert(Owner { newest: NONE, count: 0 }))
    }

    /// How many timers it has, those that fire now among them.
    pub(super) fn count(&self, owner: OwnerRef) -> usize {
        self.owners[owner.0].count
    }

    /// Makes an end of up to `most` of its timers. When there are none left, the owner is gone.
    pub(super) fn remove_owner(&mut self, owner: OwnerRef, most: usize, values: &mut Vec<T>) -> bool {
        for _ in 0..most {
            let newest = self.owners[owner.0].newest;
            if newest == NONE {
                self.owners.remove(owner.0);
                return true;
            }
            values.extend(self.end(newest).value);
        }
        false
    }

    /// Takes a timer from wherever it is; without a value if it fires.
    fn end(&mut self, index: u32) -> Timer<T> {
        let timer = self.timers.remove(index);
        self.leave_owner(&timer);
        self.leave_place(&timer);
        timer
    }

    fn find(&self, timer: TimerRef) -> Option<&Timer<T>> {
        self.timers.get(timer.index).filter(|found| found.number == timer.number)
    }

    /// Puts an entry where it belongs.
    fn place(&mut self, entry: Entry) {
        match self.slot_of(entry.at) {
            None => _ = self.near.insert((entry.at, entry.number), entry.index),
            Some((wheel, slot)) => {
                self.wheels[wheel][slot].push(entry);
                self.taken[wheel] |= 1 << slot;
            }
        }
    }

    /// The wheel, and the slot on it, where that waits which expires at that instant; `None` if it is near.
    fn slot_of(&self, at: Nanos) -> Option<(usize, usize)> {
        let tick = at >> TICK_BITS;
        if tick <= self.tick {
            return None;
        }
        let wheel = (tick ^ self.tick).ilog2() / SLOT_BITS;
        Some((wheel as usize, (tick >> (wheel * SLOT_BITS)) as usize % SLOTS))
    }

    /// The timer is gone, and so is its entry.
    fn leave_place(&mut self, timer: &Timer<T>) {
        if timer.is_firing() {
            return;
        }
        self.pending -= 1;
        match self.slot_of(timer.at) {
            None => _ = self.near.remove(&(timer.at, timer.number)),
            Some((wheel, slot)) => {
                let others = &mut self.wheels[wheel][slot];
                others.bury(|entry| is_pending(&self.timers, entry));
                if others.is_empty() {
                    self.taken[wheel] &= !(1 << slot);
                }
            }
        }
    }

    /// The slot with the timers that are next after those near, and the tick at which it begins.
    fn first_slot(&self) -> Option<(usize, usize, u64)> {
        let wheel = self.taken.iter().position(|taken| *taken != 0)?;
        let slot = self.taken[wheel].trailing_zeros();
        let shift = wheel as u32 * SLOT_BITS;
        let turn = self.tick >> shift >> SLOT_BITS << SLOT_BITS;
        Some((wheel, slot as usize, (turn | u64::from(slot)) << shift))
    }

    /// Lets time go on to `tick`.
    fn advance(&mut self, tick: u64) {
        while let Some((wheel, slot, begin)) = self.first_slot().filter(|(_, _, begin)| *begin <= tick) {
            self.tick = begin;
            self.taken[wheel] &= !(1 << slot);
            let mut entries = self.wheels[wheel][slot].take(|entry| is_pending(&self.timers, entry));
            entries.drain(..).for_each(|entry| self.place(entry));
            self.wheels[wheel][slot].give_room(entries);
        }
        self.tick = self.tick.max(tick);
    }

    fn join(&mut self, owner: OwnerRef, index: u32) {
        let owner = &mut self.owners[owner.0];
        owner.count += 1;
        let older = mem::replace(&mut owner.newest, index);
        self.timers[index].older = older;
        if older != NONE {
            self.timers[older].newer = index;
        }
    }

    /// Makes its neighbours among the owner's timers neighbours of each other.
    fn leave_owner(&mut self, timer: &Timer<T>) {
        let Some(owner) = timer.owner else { return };
        let owner = &mut self.owners[owner.0];
        owner.count -= 1;
        match timer.newer {
            NONE => owner.newest = timer.older,
            newer => self.timers[newer].older = timer.older,
        }
        if timer.older != NONE {
            self.timers[timer.older].newer = timer.newer;
        }
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
