//! The end of a process.

use std::any::type_name;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::{Process, Teller};
use crate::any_process::WithControl;
use crate::dead_letters::DeadReason;
use crate::exit::{ExitReason, Panic};
use crate::failure::{Failure, OnFailure};
use crate::links::{Ending, Ties};
use crate::mailbox::{Item, Left};
use crate::observer::Moment;
use crate::panic::{catch, drop_quietly};
use crate::pid::MonitorRef;
use crate::report::{CrashReport, Report};
use crate::signal::{Down, Exit, Signal};
use crate::sync::atomic::{Ordering, fence};
use crate::vitals::Tally;

/// What user code made that a process leaves behind, to be called or dropped once its lock is free.
struct Rest<M> {
    tellers: BTreeMap<MonitorRef, Teller<M>>,
    on_failure: Option<OnFailure>,
}

impl<M: Send + 'static> Process<M> {
    /// The one door out. `by_itself` is why the body ended, if it did; otherwise a signal's reason stands. `fault` is the
    /// panic with which it was dropped, which is reported and does not change the reason.
    pub(crate) fn finish(&self, by_itself: Option<ExitReason>, fault: Option<Panic>) {
        let (mut ending, left, rest) = self.begin_exit(by_itself);
        if let Some(name) = &ending.name {
            self.system.names.release(name, self.pid);
        }
        std::mem::take(&mut ending.holders).release(self.pid);
        let unreceived = self.bury(left.items);
        for sender in left.senders {
            sender.wake();
        }
        self.system.timers.cancel_all(&self.timers);
        ending.watches.clear();
        let crash = ending.crashed.then(|| ending.reason.clone());
        let failed = fault.map(ExitReason::Panic).or(crash.clone());
        self.settle();
        let tally = Tally::of_one(ending.reason.kind(), failed.is_some(), self.work());
        if let Some(reason) = failed {
            self.report_crash(reason, ending.name.clone(), unreceived);
        }
        if let (Some(reason), Some(on_failure)) = (crash, rest.on_failure) {
            let failure = Failure { pid: self.pid, message_type: type_name::<M>(), reason };
            let _ = catch(|| on_failure.tell(failure));
        }
        if !rest.tellers.is_empty() {
            let _ = drop_quietly(rest.tellers);
        }
        self.system.observe(|| Moment::Ends(self, &ending.reason));
        // Only now, or who finds no such process could find its name taken.
        let was_last = self.system.table.remove(self.pid, tally);
        let ties = self.inner.lock().control.close(ending.reason.clone());
        self.tell(&ending.reason, ties);
        self.note_end();
        if self.owes.load(Ordering::Relaxed) {
            let debts = self.inner.lock().debts.take();
            debts.default_on_all();
        }
        if was_last {
            self.system.emptied.notify(usize::MAX);
        }
        let _ = drop_quietly(ending);
    }

    /// Whoever waits for the end goes on. To notify nobody would cost an allocation.
    fn note_end(&self) {
        self.ended.store(true, Ordering::Release);
        // Who listens, or is owed an answer, says so first, and then looks whether it has ended.
        fence(Ordering::SeqCst);
        if self.exited.total_listeners() > 0 {
            self.exited.notify(usize::MAX);
        }
    }

    /// From here on it takes neither messages nor a name, but links and monitors still count.
    fn begin_exit(&self, by_itself: Option<ExitReason>) -> (Ending, Left<M>, Rest<M>) {
        let mut inner = self.inner.lock();
        let ending = inner.control.begin_exit(by_itself);
        let left = inner.queue.close();
        let rest = Rest { tellers: inner.tellers.take(), on_failure: inner.on_failure.take() };
        drop(inner);
        (ending, left, rest)
    }

    /// Drops what was not received, each message a dead letter; a panic in one's drop harms nobody.
    pub(super) fn bury(&self, items: VecDeque<Item<M>>) -> usize {
        let mut messages = 0;
        for item in items {
            if item.is_message() {
                messages += 1;
                self.dead_letter(DeadReason::DroppedAtExit, None);
            }
            let _ = drop_quietly(item);
        }
        messages
    }

    fn report_crash(&self, reason: ExitReason, name: Option<Arc<str>>, unreceived: usize) {
        let (label, trap_exit, links) = self
            .control(|control| (control.label().cloned(), control.trap_exit, control.links.keys().copied().collect()));
        let report = CrashReport {
            pid: self.pid,
            name,
            label,
            ancestors: self.ancestors.clone(),
            reason,
            message_type: type_name::<M>(),
            unreceived,
            trap_exit,
            links,
        };
        self.system.report(Report::Crash(Arc::new(report)));
    }

    /// Tells links and monitors; last, so that who hears of it finds everything else done.
    fn tell(&self, reason: &ExitReason, ties: Ties) {
        let reason = reason.to_others();
        for (monitor, watching) in ties.watching {
            self.system.signal(watching.pid, Signal::Demonitor(monitor));
        }
        for (link, ()) in ties.links {
            let signal = if ties.starter == Some(link) {
                Signal::Unlink(self.pid)
            } else {
                Signal::Exit(Exit { pid: self.pid, reason: reason.clone(), linked: true })
            };
            self.system.signal(link, signal);
        }
        for (monitor, watcher) in ties.watchers {
            let down = Down { monitor, pid: self.pid, name: None, reason: reason.clone() };
            self.system.signal(watcher, Signal::Down(down));
        }
    }
}
