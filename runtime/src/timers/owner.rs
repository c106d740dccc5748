//! What a process has to do with its timers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::wheel::{OwnerRef, Wheel};

/// Whose timers end with it: the number of the store that has them, and there the place of the owner. All its timers are in
/// one store; while it has none, it may go to another.
///
/// While it has a store, that store's lock orders what happens to it.
#[derive(Debug)]
pub(crate) struct TimerOwner(AtomicU64);

/// It has no timers, nor a store.
const NEW: u64 = u64::MAX;
/// It will have none any more.
const ENDED: u64 = u64::MAX - 1;

impl TimerOwner {
    pub(crate) const fn new() -> Self {
        TimerOwner(AtomicU64::new(NEW))
    }

    /// Which store it has, if it has one and has not ended.
    #[inline]
    pub(super) fn store(&self) -> Option<u16> {
        unpack(self.0.load(Ordering::Acquire)).map(|(store, _)| store)
    }

    /// Where it is in that store, which is locked.
    #[inline]
    pub(super) fn get(&self, store: u16) -> Option<OwnerRef> {
        unpack(self.0.load(Ordering::Acquire)).filter(|(own, _)| *own == store).map(|(_, owner)| owner)
    }

    /// As [`get`](Self::get); if it has no store, this one is its own from now on.
    #[inline]
    pub(super) fn get_or_begin<T>(&self, store: u16, wheel: &mut Wheel<T>) -> Option<OwnerRef> {
        self.get(store).or_else(|| self.begin(store, wheel))
    }

    #[cold]
    fn begin<T>(&self, store: u16, wheel: &mut Wheel<T>) -> Option<OwnerRef> {
        if self.0.load(Ordering::Acquire) != NEW {
            return None;
        }
        let owner = wheel.add_owner();
        let begun = self.0.compare_exchange(NEW, pack(store, owner), Ordering::AcqRel, Ordering::Acquire);
        if begun.is_err() {
            // It has ended meanwhile.
            wheel.remove_owner(owner, 1, &mut Vec::new());
            return None;
        }
        Some(owner)
    }

    /// Leaves that store, which is locked, if it has no timers there. Returns whether it has.
    pub(super) fn leave<T>(&self, store: u16, wheel: &mut Wheel<T>) -> bool {
        let Some(owner) = self.get(store).filter(|owner| wheel.count(*owner) == 0) else { return false };
        wheel.remove_owner(owner, 1, &mut Vec::new());
        self.0.store(NEW, Ordering::Release);
        true
    }

    /// Its context is dropped: nobody sets timers for it from now on. If it has none, its [`end`](Self::end) has nothing to do then.
    ///
    /// No exchange is needed: only a context makes anything but its end of who is new. (That of a probe has two contexts, in one
    /// place.)
    #[inline]
    pub(crate) fn retire(&self) {
        if self.0.load(Ordering::Acquire) == NEW {
            self.0.store(ENDED, Ordering::Release);
        }
    }

    /// It sets no more timers. Returns where those are that it has set; `lock` locks a store.
    pub(super) fn end<L>(&self, lock: impl Fn(u16) -> L) -> Option<(u16, OwnerRef)> {
        if self.0.load(Ordering::Acquire) == ENDED {
            return None;
        }
        loop {
            let begun = self.0.compare_exchange(NEW, ENDED, Ordering::AcqRel, Ordering::Acquire).err()?;
            let (store, _) = unpack(begun)?;
            let _locked = lock(store);
            // It may have left meanwhile.
            if let Some(owner) = self.get(store) {
                self.0.store(ENDED, Ordering::Release);
                return Some((store, owner));
            }
        }
    }
}

fn pack(store: u16, owner: OwnerRef) -> u64 {
    u64::from(store) << u32::BITS | u64::from(owner.0)
}

fn unpack(packed: u64) -> Option<(u16, OwnerRef)> {
    let store = u16::try_from(packed >> u32::BITS).ok()?;
    Some((store, OwnerRef(packed as u32)))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// An owner that begins in one of two stores.
    fn begin(wheel: &mut Wheel<&'static str>) -> (TimerOwner, OwnerRef) {
        let owner = TimerOwner::new();
        let place = owner.get_or_begin(0, wheel).expect("it has not ended");
        (owner, place)
    }

    #[test]
    fn an_owner_goes_to_another_store_when_it_has_no_timer_left() {
        let [mut here, mut there] = [0, 1].map(Wheel::new);
        let (owner, place) = begin(&mut here);
        let timer = here.set(1, Some(place), "tick");
        assert!(!owner.leave(0, &mut here), "it has a timer here");
        assert_eq!(owner.store(), Some(0));
        here.remove(timer, Some(place));
        assert!(owner.leave(0, &mut here));
        assert!(!owner.leave(0, &mut here), "it is gone");
        let place = owner.get_or_begin(1, &mut there);
        assert_eq!(owner.end(|store| assert_eq!(store, 1)), place.map(|place| (1, place)));
        assert_eq!(owner.get_or_begin(0, &mut here), None, "it has ended");
    }

    #[test]
    fn an_owner_that_retires_keeps_the_timers_it_has_until_it_ends_and_gets_no_others() {
        let mut wheel = Wheel::new(0);
        let (owner, place) = begin(&mut wheel);
        owner.retire();
        assert_eq!(owner.end(|store| assert_eq!(store, 0)), Some((0, place)));
        let owner = TimerOwner::new();
        owner.retire();
        assert_eq!(owner.get_or_begin(0, &mut wheel), None);
        assert_eq!(owner.end(|_| unreachable!("it has no store")), None);
    }

    #[test]
    fn an_owner_that_leaves_its_store_as_it_ends_has_no_timers_to_end() {
        let mut wheel = Wheel::new(0);
        let (owner, _) = begin(&mut wheel);
        let wheel = RefCell::new(wheel);
        assert_eq!(owner.end(|store| assert!(owner.leave(store, &mut wheel.borrow_mut()))), None);
        assert_eq!(owner.get_or_begin(0, &mut wheel.borrow_mut()), None);
    }
}
