//! The end of a process.

use std::any::type_name;
use std::sync::Arc;

use super::{Extras, Inner, Process, Waiting};
use crate::any_process::WithControl;
use crate::dead_letters::DeadReason;
use crate::exit::{ExitReason, Panic};
use crate::failure::Failure;
use crate::links::{Ending, Held, Starter, Ties};
use crate::mailbox::{Burst, Item, Left};
use crate::observer::Moment;
use crate::panic::{catch, drop_quietly};
use crate::report::{CrashReport, Report};
use crate::scheduler::Home;
use crate::signal::{Down, Exit, Signal};
use crate::sync::SpinGuard;
use crate::sync::atomic::Ordering;

/// What a process leaves behind, to be seen to once its lock is free; it has hardly ever anything.
struct Rest<M> {
    left: Left<M>,
    extras: Option<Box<Extras<M>>>,
}

impl<M: Send + 'static> Process<M> {
    /// The one door out. `by_itself` is why the body ended, if it did; otherwise a signal's reason stands. `fault` is the
    /// panic with which it was dropped, which is reported and does not change the reason.
    pub(crate) fn finish(&self, by_itself: Option<ExitReason>, fault: Option<Panic>) {
        let (ending, rest) = self.begin_exit(by_itself);
        let name = ending.held.and_then(|held| self.release(held));
        let unreceived = self.bury(rest.left.items);
        for sender in rest.left.senders {
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
        let thread = rest.extras.and_then(|extras| self.see_to(*extras, crash));
        self.system.shared.observe(|| Moment::Ends(self, &ending.reason));
        // Only now, or who finds no such process could find its name taken.
        let was_last = self.system.shared.table.remove(self.pid, |tally| {
            tally.add(ending.reason.kind(), has_failed, self.work());
        });
        let mut inner = self.inner.lock();
        if let Some(ties) = inner.control.close(&self.ancestors) {
            drop(inner);
            self.tell(&ending.reason, ties);
            inner = self.inner.lock();
        }
        self.note_end(inner);
        if was_last {
            self.system.shared.emptied.notify(usize::MAX);
        }
        if let Some(thread) = thread {
            thread.close();
        }
        let _ = drop_quietly((ending.reason, ending.overruled));
    }

    /// Whoever waits for the end, or for an answer, goes on.
    fn note_end(&self, mut inner: SpinGuard<'_, Inner<M>>) {
        self.ended.store(true, Ordering::Release);
        let waiting = inner.waiting.take();
        drop(inner);
        if let Some(Waiting { waiters, debts }) = waiting.map(|waiting| *waiting) {
            waiters.wake_all();
            debts.default_on_all();
        }
    }

    /// From here on it takes neither messages nor a name, but links and monitors still count.
    fn begin_exit(&self, by_itself: Option<ExitReason>) -> (Ending, Rest<M>) {
        let mut inner = self.inner.lock();
        let ending = inner.control.begin_exit(by_itself);
        let rest = Rest { left: inner.queue.close(), extras: inner.extras.take() };
        drop(inner);
        (ending, rest)
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
    pub(super) fn bury(&self, items: Burst<Item<M>>) -> usize {
        let mut messages = 0;
        if items.is_empty() {
            return messages;
        }
        for item in items {
            if item.is_message() {
                messages += 1;
                self.dead_letter(DeadReason::DroppedAtExit, None);
            }
            let _ = drop_quietly(item);
        }
        messages
    }

    /// If it has crashed, who sent what it has received last hears of that. Returns the thread that has run it.
    fn see_to(&self, extras: Extras<M>, crash: Option<ExitReason>) -> Option<Home> {
        let Extras { tellers, on_failure, thread } = extras;
        let _ = catch(|| {
            if let (Some(reason), Some(on_failure)) = (crash, on_failure) {
                on_failure.tell(Failure { pid: self.pid, message_type: type_name::<M>(), reason });
            }
        });
        let _ = drop_quietly(tellers);
        thread
    }

    fn crash_report(&self, reason: ExitReason, name: Option<Arc<str>>, unreceived: usize) -> Report {
        let (label, trap_exit, links) = self
            .control(|control| (control.label().cloned(), control.trap_exit, control.links.keys().copied().collect()));
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
            self.system.shared.signal(watching.pid, Signal::Demonitor(monitor));
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
            if let Some(watcher) = self.system.shared.table.get(watcher) {
                watcher.tell_down(Box::new(Down { monitor, pid: self.pid, name: None, reason: reason.clone() }));
            }
        }
    }
}
