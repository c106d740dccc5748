//! What signals do to a process.

use std::sync::atomic::Ordering;

use super::{Inner, Process, Teller};
use crate::any_process::Delivery;
use crate::exit::ExitReason;
use crate::links::{Control, Effect, Watching};
use crate::mailbox::Consumer;
use crate::panic::{catch, drop_quietly};
use crate::pid::MonitorRef;
use crate::signal::{Down, Signal, Urgency};
use crate::sync::SpinGuard;

impl<M: Send + 'static> Process<M> {
    pub(super) fn receive_signal(&self, signal: Signal) -> Delivery {
        let mut inner = self.inner.lock();
        if let Signal::Down(down) = &signal
            && let Some(teller) = inner.take_teller(down.monitor)
        {
            let name = inner.control.watching(down.monitor).and_then(|watching| watching.name.clone());
            drop(inner);
            return self.tell_down(Down { name, ..down.clone() }, teller);
        }
        let effect = inner.control.apply(&signal);
        self.carry_out(effect, inner)
    }

    /// Changes what the lock guards, and carries out the effect.
    pub(super) fn apply(&self, act: impl FnOnce(&mut Control) -> Effect) -> Delivery {
        let mut inner = self.inner.lock();
        let effect = act(&mut inner.control);
        self.carry_out(effect, inner)
    }

    fn carry_out(&self, effect: Effect, mut inner: SpinGuard<'_, Inner<M>>) -> Delivery {
        let consumer = match effect {
            Effect::Nothing => Consumer::Nobody,
            Effect::Queue(notice, urgency) => {
                self.note(urgency);
                inner.queue.push_notice(notice, urgency)
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
    fn tell_down(&self, down: Down, teller: Teller<M>) -> Delivery {
        let monitor = down.monitor;
        // Making the message runs user code: not under the lock.
        match catch(|| teller(down)) {
            Ok(message) => self.push_told(monitor, message),
            Err(panic) => self.crash(ExitReason::Panic(panic)),
        }
        Delivery::Done
    }

    fn push_told(&self, monitor: MonitorRef, message: M) {
        let mut inner = self.inner.lock();
        match inner.control.remove_watching(monitor) {
            Some(Watching { urgency, .. }) if inner.control.is_running() => {
                self.note(urgency);
                let consumer = inner.queue.push_told(monitor, message, urgency);
                self.wake(inner, consumer);
            }
            _ => {
                drop(inner);
                let _ = drop_quietly(message);
            }
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

    /// From now on this process monitors another; a `teller` makes a message of its down.
    pub(crate) fn watch_process(&self, monitor: MonitorRef, watching: Watching, teller: Option<Teller<M>>) {
        let mut inner = self.inner.lock();
        inner.control.seldom.make().watching.insert(monitor, watching);
        if let Some(teller) = teller {
            inner.extras.make().tellers.insert(monitor, teller);
        }
    }

    /// Ends a monitor of this process's and returns whom it watched, if it stood.
    pub(crate) fn unwatch_process(&self, monitor: MonitorRef) -> Option<Watching> {
        let mut inner = self.inner.lock();
        let watching = inner.control.remove_watching(monitor);
        let teller = inner.take_teller(monitor);
        drop(inner);
        drop(teller);
        watching
    }
}

impl<M> Inner<M> {
    /// What makes a message of that monitor's down, if anything does.
    #[inline]
    fn take_teller(&mut self, monitor: MonitorRef) -> Option<Teller<M>> {
        self.extras.get_mut()?.tellers.remove(&monitor)
    }
}
