//! What others put into a process's mailbox, and what becomes of what it does not take.

use std::task::Waker;

use super::{Inner, Process, Refused, wake};
use crate::any_process::AnyProcess;
use crate::current;
use crate::dead_letters::DeadReason;
use crate::exit::ExitReason;
use crate::failure::OnFailure;
use crate::links::Control;
use crate::mailbox::{Consumer, Item, Push};
use crate::panic::{catch, drop_quietly};
use crate::pid::{AliasRef, WatchRef};
use crate::room::Turn;
use crate::signal::Urgency;
use crate::sync::SpinGuard;
use crate::sync::atomic::Ordering;
use crate::system_message::{NotTaken, SystemMessage};
use crate::timers::Firing;

impl<M: Send + 'static> Process<M> {
    #[inline]
    pub(crate) fn push(&self, message: M) -> Result<(), Refused<M>> {
        let Some(mut inner) = self.lock_running() else { return Err(Refused::Gone(message)) };
        let pushed = inner.queue.push(message);
        self.after_push(inner, pushed)
    }

    /// As [`push`](Self::push); but where senders wait for room, refused as full means that this one waits in the line.
    #[inline]
    pub(crate) fn push_in_turn(&self, message: M, turn: &mut Option<Turn>, sender: &Waker) -> Result<(), Refused<M>> {
        let Some(mut inner) = self.lock_running() else { return Err(Refused::Gone(message)) };
        let pushed = inner.queue.push_in_turn(message, turn, sender);
        self.after_push(inner, pushed)
    }

    /// As [`push`](Self::push); should the process fail of it, `on_failure` is called.
    pub(crate) fn push_blamable(&self, message: M, on_failure: OnFailure) -> Result<(), Refused<(M, OnFailure)>> {
        let Some(mut inner) = self.lock_running() else { return Err(Refused::Gone((message, on_failure))) };
        let pushed = inner.queue.push((message, on_failure));
        self.after_push(inner, pushed)
    }

    /// As [`push`](Self::push), by way of an alias. If that is inactive, the message is refused as gone.
    pub(crate) fn push_by_alias(&self, alias: AliasRef, urgency: Urgency, message: M) -> Result<(), Refused<M>> {
        let Some(mut inner) = self.lock_running() else { return Err(Refused::Gone(message)) };
        let Some(rights) = inner.control.alias(alias) else { return Err(Refused::Gone(message)) };
        let pushed = if rights.priority && urgency == Urgency::Priority {
            self.note(urgency);
            Push::Queued(inner.queue.push_urgent(message))
        } else {
            inner.queue.push(message)
        };
        if rights.once && matches!(pushed, Push::Queued(_) | Push::Evicted(..)) {
            inner.control.remove_alias(alias);
        }
        self.after_push(inner, pushed)
    }

    /// The lock, unless the process has ended.
    #[inline(always)]
    fn lock_running(&self) -> Option<SpinGuard<'_, Inner<M>>> {
        Some(self.inner.lock()).filter(|inner| inner.control.is_running())
    }

    /// Frees the lock, and wakes who waits for what was pushed.
    #[inline(always)]
    fn after_push<T: Into<Item<M>>>(
        &self,
        inner: SpinGuard<'_, Inner<M>>,
        pushed: Push<M, T>,
    ) -> Result<(), Refused<T>> {
        match pushed {
            Push::Queued(consumer) => {
                current::count_sent();
                self.wake(inner, consumer);
                Ok(())
            }
            pushed => self.push_without_room(inner, pushed),
        }
    }

    /// There was no room for it.
    #[cold]
    fn push_without_room<T: Into<Item<M>>>(
        &self,
        inner: SpinGuard<'_, Inner<M>>,
        pushed: Push<M, T>,
    ) -> Result<(), Refused<T>> {
        // Who sent what was evicted is forgotten.
        let (consumer, dead) = match pushed {
            Push::Queued(consumer) => (consumer, None),
            Push::Evicted(oldest, consumer) => (consumer, Some((oldest, None))),
            Push::Dropped(newest) => (Consumer::Nobody, Some((newest.into(), current::pid()))),
            Push::Full(message) => return Err(Refused::Full(message)),
            Push::Overflowed(message, overflow) => {
                drop(inner);
                self.doom(overflow.into());
                return Err(Refused::Full(message));
            }
        };
        current::count_sent();
        self.wake(inner, consumer);
        if let Some((message, sender)) = dead {
            self.dead_letter(DeadReason::MailboxFull, sender);
            let _ = drop_quietly(message);
        }
        Ok(())
    }

    #[cold]
    pub(crate) fn leave_line(&self, turn: Turn) {
        let next = self.inner.lock().queue.leave_line(turn);
        wake(next);
    }

    pub(super) fn push_system_message(&self, message: SystemMessage) -> Result<(), NotTaken> {
        let mut inner = self.inner.lock();
        if !inner.control.is_running() {
            return Err(NotTaken::Gone);
        }
        if !self.is_behaviour.load(Ordering::Acquire) {
            return Err(NotTaken::NotABehaviour);
        }
        let consumer = inner.queue.push_system(message);
        self.wake(inner, consumer);
        Ok(())
    }

    /// Delivers the message of one of the process's own timers, unless the timer was cancelled. It finds room in a
    /// full mailbox. If `once`, the timer is over with this. Returns whether it was delivered; a panic of `make` ends
    /// the process.
    pub(crate) fn push_from_timer(&self, firing: Firing<'_>, once: bool, make: impl FnOnce() -> M) -> bool {
        if !firing.is_pending() {
            return false;
        }
        // Making the message may run user code: not under the lock.
        let message = match catch(make) {
            Ok(message) => message,
            Err(panic) => {
                // Code of the process, though not its body: that ends it all the same.
                self.crash(ExitReason::Panic(panic));
                return false;
            }
        };
        self.push_if(message, |_| if once { firing.finish() } else { firing.is_pending() })
    }

    /// Delivers what a watch has to say, unless it was cancelled. It finds room in a full mailbox.
    pub(crate) fn push_from_watch(&self, watch: WatchRef, message: M) {
        self.push_if(message, |control| {
            control.seldom.get().is_some_and(|seldom| seldom.held.watches.contains_key(&watch))
        });
    }

    /// Delivers a message that the process itself has asked for, whether there is room or not. If the process has ended, it is a
    /// dead letter.
    pub(crate) fn push_own(&self, message: M) {
        if !self.push_if(message, |_| true) {
            self.dead_letter(DeadReason::Exited, Some(self.pid));
        }
    }

    /// Delivers a message that the process itself has asked for, if it is still `wanted`, whether there is room or not.
    fn push_if(&self, message: M, wanted: impl FnOnce(&mut Control) -> bool) -> bool {
        let mut inner = self.inner.lock();
        // Before: whose timer cannot be cancelled any more looks for its message.
        self.armed.store(false, Ordering::Release);
        if !wanted(&mut inner.control) || !inner.control.is_running() {
            drop(inner);
            let _ = drop_quietly(message);
            return false;
        }
        let consumer = inner.queue.push_past_bound(message);
        self.wake(inner, consumer);
        true
    }
}
