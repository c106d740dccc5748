//! What a process has to do with its timers.

use std::sync::atomic::{AtomicU64, Ordering};

use super::wheel::{OwnerRef, Wheel};

/// Whose timers end with it: the number of the store that has them, and there the place of the owner. It keeps to the store
/// in which it has set the first one.
///
/// Once it has a store, that store's lock orders what happens to it.
#[derive(Debug)]
pub(crate) struct TimerOwner(AtomicU64);

/// It had no timer yet.
const NEW: u64 = u64::MAX;
/// It will have none any more.
const ENDED: u64 = u64::MAX - 1;

impl TimerOwner {
    pub(crate) const fn new() -> Self {
        TimerOwner(AtomicU64::new(NEW))
    }

    /// Which store has its timers, if it has had any and has not ended.
    #[inline]
    pub(super) fn store(&self) -> Option<u16> {
        unpack(self.0.load(Ordering::Acquire)).map(|(store, _)| store)
    }

    /// Where it is in that store, which is locked.
    #[inline]
    pub(super) fn get(&self, store: u16) -> Option<OwnerRef> {
        unpack(self.0.load(Ordering::Acquire)).filter(|(own, _)| *own == store).map(|(_, owner)| owner)
    }

    /// As [`get`](Self::get); if it had no timer yet, it will have its timers there.
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

    /// It sets no more timers. Returns where those are that it has set; `lock` locks a store.
    pub(super) fn end<L>(&self, lock: impl FnOnce(u16) -> L) -> Option<(u16, OwnerRef)> {
        let begun = self.0.compare_exchange(NEW, ENDED, Ordering::AcqRel, Ordering::Acquire).err()?;
        let (store, owner) = unpack(begun)?;
        let _locked = lock(store);
        self.0.store(ENDED, Ordering::Release);
        Some((store, owner))
    }
}

fn pack(store: u16, owner: OwnerRef) -> u64 {
    u64::from(store) << u32::BITS | u64::from(owner.0)
}

fn unpack(packed: u64) -> Option<(u16, OwnerRef)> {
    let store = u16::try_from(packed >> u32::BITS).ok()?;
    Some((store, OwnerRef(packed as u32)))
}
