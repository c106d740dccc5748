//! What others put into a process's mailbox, and what becomes of what it does not take.

use std::task::Waker;

use super::{Process, Refused, wake};
use crate::any_process::AnyProcess;
use crate::current;
use crate::dead_letters::DeadReason;
use crate::exit::ExitReason;
use crate::links::Control;
use crate::mailbox::{Push, Queue};
use crate::panic::{catch, drop_quietly};
use crate::pid::{TimerRef, WatchRef};
use crate::room::Turn;

impl<M: Send + 'static> Process<M> {
    pub(crate) fn push(&self, message: M) -> Result<(), Refused<M>> {
        self.push_with(message, |queue, message| queue.push(message))
    }

    /// As [`push`](Self::push); but where senders wait for room, refused as full means that this one waits in the line.
    pub(crate) fn push_in_turn(&self, message: M, turn: &mut Option<Turn>, sender: &Waker) -> Result<(), Refused<M>> {
        self.push_with(message, |queue, message| queue.push_in_turn(message, turn, sender))
    }

    fn push_with(&self, message: M, push: impl FnOnce(&mut Queue<M>, M) -> Push<M>) -> Result<(), Refused<M>> {
        let mut inner = self.inner.lock();
        if !inner.control.is_running() {
            return Err(Refused::Gone(message));
        }
        // Who sent what was evicted is forgotten.
        let (waker, dead) = match push(&mut inner.queue, message) {
            Push::Queued(waker) => (waker, None),
            Push::Evicted(oldest, waker) => (waker, Some((oldest, None))),
            Push::Dropped(newest) => (None, Some((newest, current::pid()))),
            Push::Full(message) => return Err(Refused::Full(message)),
            Push::Overflowed(message, overflow) => {
                drop(inner);
                self.doom(overflow.into());
                return Err(Refused::Full(message));
            }
        };
        drop(inner);
        current::count_sent();
        self.wake(waker);
        if let Some((message, sender)) = dead {
            self.dead_letter(DeadReason::MailboxFull, sender);
            let _ = drop_quietly(message);
        }
        Ok(())
    }

    pub(crate) fn leave_line(&self, turn: Turn) {
        let next = self.inner.lock().queue.leave_line(turn);
        wake(next);
    }

    /// Delivers the message of one of the process's own timers, unless the timer was cancelled. It finds room in a
    /// full mailbox. If `once`, the timer is over with this. Returns whether it was delivered; a panic of `make` ends
    /// the process.
    pub(crate) fn push_from_timer(&self, timer: TimerRef, once: bool, make: impl FnOnce() -> M) -> bool {
        if !self.inner.lock().control.timers.contains(&timer) {
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
        let pending = |control: &mut Control| match once {
            true => control.timers.remove(&timer),
            false => control.timers.contains(&timer),
        };
        self.push_if(message, pending)
    }

    /// Delivers what a watch has to say, unless it was cancelled. It finds room in a full mailbox.
    pub(crate) fn push_from_watch(&self, watch: WatchRef, message: M) {
        self.push_if(message, |control| control.watches.contains_key(&watch));
    }

    /// Delivers a message that the process itself has asked for, if it is still `wanted`, whether there is room or not.
    fn push_if(&self, message: M, wanted: impl FnOnce(&mut Control) -> bool) -> bool {
        let mut inner = self.inner.lock();
        if !wanted(&mut inner.control) || !inner.control.is_running() {
            drop(inner);
            let _ = drop_quietly(message);
            return false;
        }
        let waker = inner.queue.push_past_bound(message);
        drop(inner);
        self.wake(waker);
        true
    }
}
