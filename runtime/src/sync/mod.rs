//! A mutex without poison, and what else threads meet at.
//!
//! No user code ever runs under one of our locks, so a panic cannot leave what it guards half changed, and there is
//! nothing that poison could tell.
//!
//! Under `cfg(proscenium_loom)` all of it is loom's, which runs threads in every order that matters.

#[cfg(proscenium_loom)]
#[path = "loom.rs"]
mod platform;
#[cfg(not(proscenium_loom))]
#[path = "std.rs"]
mod platform;

mod owned_guard;

use std::fmt;
use std::ops::Deref;
use std::sync::PoisonError;

pub(crate) use owned_guard::{OwnedGuard, Owner};
use platform::Mutex;
#[cfg(proscenium_loom)]
pub(crate) use platform::PerThread;
pub(crate) use platform::{
    Condvar, LOOKS_BEFORE_SLEEP, MutexGuard, SpinGuard, SpinLock, atomic, elsewhere, pause, per_thread, spin_loop,
    waits_for_locks,
};

/// What one thread changes and others look at, or change, too. Nothing lies beside it: who uses that would have to fetch it anew
/// after each change, for a processor takes 128 bytes at once from memory.
#[repr(align(128))]
#[derive(Default)]
pub(crate) struct Apart<T>(pub(crate) T);

impl<T> Deref for Apart<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

#[derive(Default)]
pub(crate) struct Lock<T>(Mutex<T>);

/// What a [`Lock`] guards, while it is locked.
pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lock")
    }
}
