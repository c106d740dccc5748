//! Threads as the operating system runs them.

use std::time::Duration;

pub(crate) use std::hint::spin_loop;
pub(super) use std::sync::Mutex;
pub(crate) use std::sync::{Condvar, MutexGuard, atomic};
pub(crate) use std::thread_local as per_thread;

use atomic::{AtomicBool, Ordering};
use crossbeam_utils::atomic::AtomicCell;

/// Sets a flag before a task is woken.
#[inline]
pub(crate) fn set_woken(flag: &AtomicBool) {
    flag.store(true, Ordering::Release);
}

/// Clears a flag that is [set](set_woken) before a task is woken, as that task runs: the task's state has ordered the two.
#[inline]
pub(crate) fn clear_woken(flag: &AtomicBool) {
    flag.store(false, Ordering::Relaxed);
}

/// Room for one value that threads put there and take away, without a lock if a word has room for it.
pub(crate) struct Slot<T>(AtomicCell<Option<T>>);

impl<T> Slot<T> {
    #[inline]
    pub(crate) fn replace(&self, value: T) -> Option<T> {
        self.0.swap(Some(value))
    }

    #[inline]
    pub(crate) fn take(&self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Slot(AtomicCell::new(None))
    }
}

/// So often a worker looks for work before it sleeps: to sleep and be woken costs as much as some thousand looks.
pub(crate) const LOOKS_BEFORE_SLEEP: u32 = 200;

/// Waits so long, by the machine's clock.
pub(crate) async fn pause(duration: Duration) {
    async_io::Timer::after(duration).await;
}

/// Does it on another thread, which holds no lock of whoever asks for it.
pub(crate) fn elsewhere(act: impl FnOnce() + Send + 'static) {
    blocking::unblock(act).detach();
}
