//! Threads as a model checker runs them.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use loom::thread::{AccessError, LocalKey};

pub(super) use loom::sync::Mutex;
pub(crate) use loom::sync::{Condvar, MutexGuard, atomic};

/// Nobody looks again and again.
pub(crate) fn waits_for_locks() -> u32 {
    0
}

// How others wait for a mutex makes no new order of threads.
pub(crate) use super::{Guard as SpinGuard, Lock as SpinLock};

/// `std::thread_local`, with a value for each of loom's threads.
macro_rules! per_thread {
    ($($(#[$attribute:meta])* static $name:ident: $type:ty = const $value:block;)*) => {$(
        $(#[$attribute])*
        static $name: $crate::sync::PerThread<$type> = {
            loom::thread_local! { static KEY: $type = $value; }
            $crate::sync::PerThread::new(&KEY)
        };
    )*};
}
pub(crate) use per_thread;

/// What std's `LocalKey` offers, and loom's lacks.
pub(crate) struct PerThread<T: 'static>(&'static LocalKey<T>);

impl<T: 'static> PerThread<T> {
    pub(crate) const fn new(key: &'static LocalKey<T>) -> Self {
        PerThread(key)
    }

    pub(crate) fn with<R>(&'static self, act: impl FnOnce(&T) -> R) -> R {
        self.0.with(act)
    }

    pub(crate) fn try_with<R>(&'static self, act: impl FnOnce(&T) -> R) -> Result<R, AccessError> {
        self.0.try_with(act)
    }
}

impl<T> PerThread<Cell<T>> {
    pub(crate) fn get(&'static self) -> T
    where
        T: Copy,
    {
        self.0.with(Cell::get)
    }

    pub(crate) fn set(&'static self, value: T) {
        self.0.with(|cell| cell.set(value));
    }

    pub(crate) fn replace(&'static self, value: T) -> T {
        self.0.with(|cell| cell.replace(value))
    }

    pub(crate) fn take(&'static self) -> T
    where
        T: Default,
    {
        self.0.with(Cell::take)
    }
}

impl<T> PerThread<RefCell<T>> {
    pub(crate) fn take(&'static self) -> T
    where
        T: Default,
    {
        self.0.with(RefCell::take)
    }

    pub(crate) fn replace(&'static self, value: T) -> T {
        self.0.with(|cell| cell.replace(value))
    }
}

/// A worker that finds no work sleeps at once: to look again makes no new order of threads.
pub(crate) const LOOKS_BEFORE_SLEEP: u32 = 1;

/// Does nothing: who gives way to others here falls asleep only after them, and that is one order of many.
pub(crate) fn spin_loop() {}

/// Never ends: loom knows no time, and nothing may depend on its passing.
pub(crate) async fn pause(_duration: Duration) {
    std::future::pending().await
}

/// Does it here: loom knows no other threads, and no lock but ours.
pub(crate) fn elsewhere(act: impl FnOnce() + Send + 'static) {
    act();
}
