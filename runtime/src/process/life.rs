//! How a process comes to run: its life lies in its berth while it waits, and is queued by who wakes it.

use std::pin::Pin;
use std::sync::Arc;

use futures_task::ArcWake;

use super::{Inner, Process};
use crate::mailbox::Consumer;
use crate::scheduler::{Home, Priority, Runnable, Task};
use crate::sync::atomic::Ordering;
use crate::sync::{OwnedGuard, Owner, SpinGuard, SpinLock};

/// What runs a process, and owns it.
pub(crate) trait Lives<M>: Task {
    fn process(&self) -> &Arc<Process<M>>;
}

pub(crate) type Living<M> = Pin<Box<dyn Lives<M>>>;

impl<M: 'static> Owner for Living<M> {
    type Place = Process<M>;
    type Guarded = Inner<M>;

    #[inline]
    fn place(&self) -> &Arc<Process<M>> {
        self.process()
    }

    #[inline]
    fn lock(process: &Process<M>) -> &SpinLock<Inner<M>> {
        &process.inner
    }
}

impl<M: 'static> Process<M> {
    pub(crate) fn priority(&self) -> Priority {
        Priority::of_number(self.priority.load(Ordering::Relaxed))
    }

    /// Sets how urgent its work is from the next time on that it is woken.
    pub(crate) fn set_priority(&self, priority: Priority) {
        self.priority.store(priority as u8, Ordering::Relaxed);
    }

    /// Its life is about to run. It will see whatever has woken it up to now.
    #[inline]
    pub(crate) fn rise(&self) {
        if self.woken.load(Ordering::Relaxed) {
            let _inner = self.inner.lock();
            self.woken.store(false, Ordering::Relaxed);
        }
    }

    /// A life waits, unless its process was woken meanwhile.
    #[inline(always)]
    pub(crate) fn lay(life: Living<M>) {
        let mut inner = OwnedGuard::lock(life);
        if inner.owner().process().woken.load(Ordering::Relaxed) {
            Self::queue_again(inner);
        } else {
            inner.leave_in(|inner| &mut inner.berth);
        }
    }

    /// A life that was woken while it ran is queued instead: its process may be gone with it before this returns.
    #[cold]
    fn queue_again(inner: OwnedGuard<Living<M>>) {
        let process = inner.owner().process().clone();
        process.woken.store(false, Ordering::Relaxed);
        let thread = inner.thread().cloned();
        process.queue(thread, inner.release(), true);
    }

    /// Wakes it, whatever it waits for.
    #[inline]
    pub(super) fn rouse(&self) {
        self.rouse_locked(self.inner.lock());
    }

    #[inline(always)]
    fn rouse_locked(&self, mut inner: SpinGuard<'_, Inner<M>>) {
        let Some(life) = inner.berth.take() else {
            return self.woken.store(true, Ordering::Relaxed);
        };
        let thread = inner.thread().cloned();
        drop(inner);
        self.queue(thread, life, false);
    }

    /// Frees the lock, and wakes who waits in this process.
    #[inline(always)]
    pub(super) fn wake(&self, inner: SpinGuard<'_, Inner<M>>, consumer: Consumer) {
        match consumer {
            Consumer::Nobody => {}
            Consumer::Task => {
                self.armed.store(false, Ordering::Release);
                self.rouse_locked(inner);
            }
            Consumer::Other(waker) => {
                drop(inner);
                waker.wake();
            }
        }
    }

    /// Queues the life, which was woken, at the `thread` that runs nothing else, if it has one.
    #[inline(always)]
    fn queue(&self, thread: Option<Home>, life: Runnable, woken_while_running: bool) {
        match thread {
            Some(thread) => thread.queue(life, self.priority(), woken_while_running),
            None => self.system.shared.home.queue(life, self.priority(), woken_while_running),
        }
    }
}

impl<M> Inner<M> {
    /// The thread that runs nothing else, if it has one.
    #[inline]
    fn thread(&self) -> Option<&Home> {
        self.control.seldom.get()?.thread.as_ref()
    }
}

impl<M: Send + 'static> ArcWake for Process<M> {
    fn wake_by_ref(process: &Arc<Self>) {
        process.rouse();
    }
}
