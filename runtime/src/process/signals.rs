//! What signals do to a process.

use std::sync::atomic::Ordering;

use super::{Inner, Process};
use crate::any_process::Delivery;
use crate::exit::ExitReason;
use crate::links::{Control, Effect, Watching};
use crate::mailbox::{Consumer, Teller};
use crate::panic::{catch, drop_quietly};
use crate::pid::MonitorRef;
use crate::signal::{Down, Signal, Urgency};
use crate::sync::SpinGuard;

impl<M: Send + 'static> Process<M> {
    #[inline]
    pub(super) fn receive_signal(&self, signal: Signal) -> Delivery {
        self.apply(|control| control.apply(&signal, &self.ancestors))
    }

    pub(super) fn receive_down(&self, monitor: MonitorRef, reason: ExitReason) {
        let mut inner = self.inner.lock();
        if let Some(teller) = inner.queue.take_teller(monitor) {
            let down = inner.control.watching(monitor).map(|watching| Down { reason, ..Down::clone(&watching.down) });
            drop(inner);
            return match down {
                Some(down) => self.receive_told(down, teller),
                None => _ = drop_quietly(teller),
            };
        }
        if let Some(Watching { mut down, urgency }) = inner.control.down(monitor) {
            down.reason = reason;
            self.note(urgency);
            let consumer = inner.queue.push_down(down, urgency);
            self.wake(inner, consumer);
        }
    }

    /// Changes what the lock guards, and carries out the effect.
    #[inline]
    pub(super) fn apply(&self, act: impl FnOnce(&mut Control) -> Effect) -> Delivery {
        let mut inner = self.inner.lock();
        match act(&mut inner.control) {
            Effect::Nothing => Delivery::Done,
            effect => self.carry_out(effect, inner),
        }
    }

    fn carry_out(&self, effect: Effect, mut inner: SpinGuard<'_, Inner<M>>) -> Delivery {
        let consumer = match effect {
            Effect::Nothing => Consumer::Nobody,
            Effect::Queue(exit, urgency) => {
                self.note(urgency);
                inner.queue.push_exit(exit, urgency)
            }
            Effect::End => {
                self.doomed.store(true, Ordering::Release);
                Consumer::Task
            }
            Effect::Gone => return Delivery::Gone,
        };
        self.wake(inner, consumer);
        Delivery::Done
    }

    /// Puts the message that `teller` makes of `down` into the mailbox, unless the monitor ends meanwhile.
    fn receive_told(&self, down: Down, teller: Teller<M>) {
        let monitor = down.monitor;
        // Making the message runs user code: not under the lock.
        match catch(|| teller(down)) {
            Ok(message) => self.push_told(monitor, message),
            Err(panic) => self.crash(ExitReason::Panic(panic)),
        }
    }

    fn push_told(&self, monitor: MonitorRef, message: M) {
        let mut inner = self.inner.lock();
        if let Some(Watching { urgency, .. }) = inner.control.down(monitor) {
            self.note(urgency);
            let consumer = inner.queue.push_told(monitor, message, urgency);
            self.wake(inner, consumer);
        } else {
            drop(inner);
            let _ = drop_quietly(message);
        }
    }

    /// The lock is held, and something of that urgency is pushed.
    pub(super) fn note(&self, urgency: Urgency) {
        if urgency == Urgency::Priority {
            self.urgent.store(true, Ordering::Release);
        }
    }

    /// Code of the process that ran outside its body failed: that ends it all the same.
    pub(crate) fn crash(&self, reason: ExitReason) {
        self.apply(|control| control.crash(reason));
    }

    /// From now on this process monitors another; a `teller` makes a message of its down. False if it has ended itself.
    pub(crate) fn watch_process(&self, watching: Watching, teller: Option<Teller<M>>) -> bool {
        let monitor = watching.down.monitor;
        let mut inner = self.inner.lock();
        if !inner.control.begin_watching(watching) {
            drop(inner);
            let _ = drop_quietly(teller);
            return false;
        }
        if let Some(teller) = teller {
            inner.queue.add_teller(monitor, teller);
        }
        true
    }

    /// Ends a monitor of this process's and returns whom it watched, if it stood.
    pub(crate) fn unwatch_process(&self, monitor: MonitorRef) -> Option<Watching> {
        let mut inner = self.inner.lock();
        let watching = inner.control.remove_watching(monitor);
        let teller = inner.queue.take_teller(monitor);
        drop(inner);
        drop(teller);
        watching
    }
}
