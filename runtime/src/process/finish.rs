//! The end of a process.

use std::any::type_name;
use std::sync::Arc;

use super::{Inner, Process};
use crate::any_process::WithControl;
use crate::dead_letters::DeadReason;
use crate::exit::{ExitReason, Panic};
use crate::failure::{Failure, OnFailure};
use crate::links::{Held, Starter, Ties};
use crate::mailbox::{Burst, Item};
use crate::observer::Moment;
use crate::panic::{catch, drop_quietly};
use crate::report::{CrashReport, Report};
use crate::signal::{Exit, Signal};
use crate::sync::SpinGuard;
use crate::sync::atomic::Ordering;

impl<M: Send + 'static> Process<M> {
    /// The one door out. `by_itself` is why the body ended, if it did; otherwise a signal's reason stands. `fault` is the
    /// panic with which it was dropped, which is reported and does not change the reason.
    pub(crate) fn finish(&self, by_itself: Option<ExitReason>, fault: Option<Panic>) {
        let mut inner = self.inner.lock();
        // From here on it takes neither messages nor a name, but links and monitors still count.
        let ending = inner.control.begin_exit(by_itself);
        let mut left = inner.queue.close();
        drop(inner);
        let name = ending.held.and_then(|held| self.release(held));
        let unreceived = self.bury(&mut left.items);
        for sender in left.senders {
            sender.wake();
        }
        self.system.shared.timers.cancel_all(&self.timers);
        self.settle();
        let crash = ending.crashed.then(|| ending.reason.clone());
        let failed = fault.map(ExitReason::Panic).or_else(|| crash.clone());
        let has_failed = failed.is_some();
        if let Some(reason) = failed {
            self.system.shared.report(|| self.crash_report(reason, name, unreceived));
        }
        self.tell_failure(crash, ending.on_failure);
        if !left.tellers.is_empty() {
            let _ = drop_quietly(left.tellers);
        }
        self.system.shared.observe(Moment::Ends(self, &ending.reason));
        // Only now, or who finds no such process could find its name taken.
        self.system.shared.table.remove(self.pid, |tally| {
            tally.add(ending.reason.kind(), has_failed, self.work());
        });
        let mut inner = self.inner.lock();
        if let Some(ties) = inner.control.close(&self.ancestors) {
            drop(inner);
            self.tell(&ending.reason, ties);
            inner = self.inner.lock();
        }
        self.note_end(inner);
        self.system.shared.note_end();
        if let Some(thread) = ending.thread {
            thread.close();
        }
        ending.reason.drop_quietly();
        if let Some(overruled) = ending.overruled {
            overruled.drop_quietly();
        }
    }

    /// Whoever waits for the end, or for an answer, goes on.
    fn note_end(&self, mut inner: SpinGuard<'_, Inner<M>>) {
        self.ended.store(inner.control.end(), Ordering::Release);
        let onlookers = inner.control.onlookers.take();
        drop(inner);
        if let Some(mut onlookers) = onlookers {
            onlookers.waiters.wake_all();
            onlookers.debts.default_on_all();
        }
    }

    /// Gives up its places, and what it is called, which is returned.
    fn release(&self, held: Held) -> Option<Arc<str>> {
        if let Some(name) = &held.name {
            self.system.shared.names.release(name, self.pid);
        }
        held.holders.release(self.pid);
        held.name
    }

    /// Drops what was not received, each message a dead letter; a panic in one's drop harms nobody.
    #[inline]
    pub(super) fn bury(&self, items: &mut Burst<Item<M>>) -> usize {
        if items.is_empty() { 0 } else { self.bury_all(items) }
    }

    #[cold]
    fn bury_all(&self, items: &mut Burst<Item<M>>) -> usize {
        let mut messages = 0;
        for item in std::mem::take(items) {
            if item.is_message() {
                messages += 1;
                self.dead_letter(DeadReason::DroppedAtExit, None);
            }
            let _ = drop_quietly(item);
        }
        messages
    }

    /// If it has crashed, who sent what it has received last hears of that.
    fn tell_failure(&self, crash: Option<ExitReason>, on_failure: Option<OnFailure>) {
        let Some(on_failure) = on_failure else { return };
        let _ = catch(|| {
            if let Some(reason) = crash {
                on_failure.tell(Failure { pid: self.pid, message_type: type_name::<M>(), reason });
            }
        });
    }

    fn crash_report(&self, reason: ExitReason, name: Option<Arc<str>>, unreceived: usize) -> Report {
        let (label, trap_exit, links) =
            self.control(|control| (control.label().cloned(), control.trap_exit, control.links.keys()));
        Report::Crash(Arc::new(CrashReport {
            pid: self.pid,
            name,
            label,
            ancestors: self.ancestors.clone(),
            reason,
            message_type: type_name::<M>(),
            unreceived,
            trap_exit,
            links,
        }))
    }

    /// Tells links and monitors; last, so that who hears of it finds everything else done.
    fn tell(&self, reason: &ExitReason, ties: Ties) {
        let reason = reason.to_others();
        for (monitor, watching) in ties.watching {
            self.system.shared.signal(watching.down.pid, Signal::Demonitor(monitor));
        }
        for (link, ()) in ties.links {
            let signal = if ties.starter == Starter::Waits && self.ancestors.parent() == Some(link) {
                Signal::Unlink(self.pid)
            } else {
                Signal::Exit(Exit { pid: self.pid, reason: reason.clone(), linked: true })
            };
            self.system.shared.signal(link, signal);
        }
        for (monitor, watcher) in ties.watchers {
            watcher.tell_down(monitor, reason.clone());
        }
    }
}
