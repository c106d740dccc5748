//! A lock that is held together with a share of what it lies in; the share may stay there.
//!
//! A process's life owns its process, and lies in it while it waits; who answers a call leaves its share of the slot in the slot.
//! Safe code can only reach such a lock by one more `Arc`, and to make and to drop that costs twice what the lock does.
//!
//! This is the only file with unsafe code. What makes it sound:
//! - The lock stays where it is: it lies behind an `Arc`, and the owner of that is neither changed nor dropped before the lock is
//!   free again.
//! - An owner that stays behind the lock can be taken from there only by who holds the lock next.
#![allow(unsafe_code)]

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::{SpinGuard, SpinLock};

/// Owns a share of the place that a lock lies in.
pub(crate) trait Owner: 'static {
    type Place: 'static;
    /// What the lock guards.
    type Guarded: 'static;

    fn place(&self) -> &Arc<Self::Place>;

    fn lock(place: &Self::Place) -> &SpinLock<Self::Guarded>;
}

impl<T: 'static> Owner for Arc<SpinLock<T>> {
    type Place = SpinLock<T>;
    type Guarded = T;

    fn place(&self) -> &Arc<SpinLock<T>> {
        self
    }

    fn lock(place: &SpinLock<T>) -> &SpinLock<T> {
        place
    }
}

/// What the lock guards, while it is locked.
pub(crate) struct OwnedGuard<O: Owner> {
    // Before the owner, for it is dropped first.
    guard: Option<SpinGuard<'static, O::Guarded>>,
    owner: Option<O>,
}

impl<O: Owner> OwnedGuard<O> {
    #[inline]
    pub(crate) fn lock(owner: O) -> Self {
        let lock: *const SpinLock<O::Guarded> = O::lock(owner.place());
        // SAFETY: The owner's share keeps the lock where it is. The owner goes into the guard, where nothing changes it and where
        // it outlives the lock's being held; or it is left behind the lock, while that is held, and whoever may take it away from
        // there has to wait until the lock is free. To free the lock is to write one atomic word, with nothing after it.
        let guard = unsafe { &*lock }.lock();
        OwnedGuard { guard: Some(guard), owner: Some(owner) }
    }

    #[inline]
    pub(crate) fn owner(&self) -> &O {
        self.owner.as_ref().expect(HELD)
    }

    /// Frees the lock, and leaves the owner behind it, in an empty place.
    ///
    /// This takes the guard by reference: the lock may be gone as soon as it is free, and what a function is given must last for as
    /// long as it runs.
    #[inline]
    pub(crate) fn leave_in(&mut self, place: impl FnOnce(&mut O::Guarded) -> &mut Option<O>) {
        let guard = self.guard.as_deref_mut().expect(HELD);
        let place = place(guard);
        assert!(place.is_none(), "one owner lies behind a lock");
        *place = self.owner.take();
        self.guard = None;
    }

    /// Frees the lock.
    #[inline]
    pub(crate) fn release(mut self) -> O {
        self.guard = None;
        self.owner.take().expect(HELD)
    }
}

const HELD: &str = "the lock is held until the owner goes";

impl<O: Owner> Deref for OwnedGuard<O> {
    type Target = O::Guarded;

    #[inline]
    fn deref(&self) -> &O::Guarded {
        self.guard.as_ref().expect(HELD)
    }
}

impl<O: Owner> DerefMut for OwnedGuard<O> {
    #[inline]
    fn deref_mut(&mut self) -> &mut O::Guarded {
        self.guard.as_mut().expect(HELD)
    }
}

#[cfg(all(test, not(proscenium_loom)))]
mod tests {
    use std::thread;

    use super::*;

    /// A place with room for the last share of it.
    struct Room {
        left: Option<Arc<SpinLock<Room>>>,
        witness: Arc<()>,
    }

    fn room(witness: &Arc<()>) -> Arc<SpinLock<Room>> {
        Arc::new(SpinLock::new(Room { left: None, witness: witness.clone() }))
    }

    #[test]
    fn an_owner_is_given_back_when_the_lock_is_free() {
        let witness = Arc::new(());
        let mut guard = OwnedGuard::lock(room(&witness));
        assert!(guard.owner().try_lock().is_none());
        guard.witness = Arc::new(());
        assert_eq!(Arc::strong_count(&witness), 1);
        assert!(guard.release().try_lock().is_some());
    }

    #[test]
    fn a_guard_that_is_dropped_frees_the_lock_and_then_the_place() {
        let witness = Arc::new(());
        let room = room(&witness);
        {
            let _guard = OwnedGuard::lock(room.clone());
            assert!(room.try_lock().is_none());
        }
        assert!(room.try_lock().is_some());
        {
            let _guard = OwnedGuard::lock(room);
        }
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn who_takes_an_owner_from_behind_its_lock_may_free_the_place_at_once() {
        const TIMES: usize = if cfg!(miri) { 100 } else { 10_000 };
        let witness = Arc::new(());
        for _ in 0..TIMES {
            let owner = room(&witness);
            let other = owner.clone();
            thread::scope(|scope| {
                scope.spawn(|| OwnedGuard::lock(owner).leave_in(|room| &mut room.left));
                let left = loop {
                    if let Some(left) = other.lock().left.take() {
                        break left;
                    }
                    thread::yield_now();
                };
                drop(other);
                drop(left);
            });
            assert_eq!(Arc::strong_count(&witness), 1);
        }
    }
}
