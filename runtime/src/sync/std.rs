//! Threads as the operating system runs them.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

pub(crate) use std::hint::spin_loop;
pub(super) use std::sync::Mutex;
pub(crate) use std::sync::{Condvar, MutexGuard, atomic};
pub(crate) use std::thread_local as per_thread;

use spin::RelaxStrategy;

/// A mutex for what is held as long as it takes to change some words, such as a mailbox. To unlock it is no more than to write a
/// word, for who waits for it looks again and again, and is not told.
pub(crate) type SpinLock<T> = spin::mutex::SpinMutex<T, Patience>;
pub(crate) type SpinGuard<'a, T> = spin::mutex::SpinMutexGuard<'a, T, Patience>;

per_thread! {
    static WAITS: Cell<u32> = const { Cell::new(0) };
}

/// How often this thread has found a [`SpinLock`] held by another, at each look while it waited.
pub(crate) fn waits_for_locks() -> u32 {
    WAITS.get()
}

/// How a thread waits for a [`SpinLock`]: it looks again at once, lets others run if that was in vain many times, and then sleeps, so
/// that the thread that holds the lock runs whatever priority it has.
pub(crate) struct Patience;

impl RelaxStrategy for Patience {
    #[cold]
    #[inline(never)]
    fn relax() {
        const LOOKS: u32 = 64;
        const YIELDS: u32 = 1024;
        const SLEEP: Duration = Duration::from_micros(50);
        let times = WAITS.get().wrapping_add(1);
        WAITS.set(times);
        if !times.is_multiple_of(LOOKS) {
            spin_loop();
        } else if !times.is_multiple_of(LOOKS * YIELDS) {
            thread::yield_now();
        } else {
            thread::sleep(SLEEP);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_at_a_time_has_what_a_spin_lock_guards_and_each_gets_it() {
        const THREADS: usize = 16;
        const TIMES: usize = 10_000;
        let guarded = SpinLock::new((0, false));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for n in 0..TIMES {
                        let mut guarded = guarded.lock();
                        assert!(!std::mem::replace(&mut guarded.1, true), "somebody else has it");
                        guarded.0 += 1;
                        if n % 1_000 == 0 {
                            thread::yield_now();
                        }
                        guarded.1 = false;
                    }
                });
            }
        });
        assert_eq!(guarded.lock().0, THREADS * TIMES);
    }
}
