//! What a process's lock guards beside its mailbox: its life, its links, its monitors.
//!
//! All of it is pure: a signal goes in, its effect comes out, and the caller acts once the lock is free. The rules are
//! those of Erlang's reference manual, "Receiving Exit Signals".

use std::collections::{BTreeMap, BTreeSet};
use std::mem::take;
use std::sync::{Arc, Weak};

use async_channel::Sender;

use crate::ancestors::Ancestors;
use crate::debts::Debts;
use crate::end::{Beside, End};
use crate::exit::ExitReason;
use crate::failure::OnFailure;
use crate::few::Few;
use crate::held::{Holder, Holders};
use crate::pid::{AliasRef, MonitorRef, Pid, WatchRef};
use crate::rare::Rare;
use crate::scheduler::Home;
use crate::signal::{Down, Exit, Signal, Urgency};
use crate::waiters::Waiters;

/// Who started a process, its parent, as far as that is more than a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Starter {
    #[default]
    Nobody,
    /// It waits for the `init`; until its start has returned the link between them carries no exit.
    Waits,
    /// It keeps its half of the link when the process removes its own, and hears of the end all the same.
    Supervises,
}

/// What a signal leads to.
#[derive(Debug)]
pub(crate) enum Effect {
    Nothing,
    /// The receiver shall find this in its mailbox.
    Queue(Box<Exit>, Urgency),
    /// The receiver must be woken to end.
    End,
    /// The receiver has ended already.
    Gone,
}

#[derive(Default)]
pub(crate) struct Control {
    /// Why it ends: a signal has ended it, and its body stops at its next await; or it has stopped.
    end: End,
    reason_beside: Beside,
    /// Whether nothing of it runs any more.
    closed: bool,
    /// Whether code of its own ended it, though not its body.
    crashed: bool,
    /// Whether its body has stopped for good.
    pub(crate) stopped: bool,
    pub(crate) trap_exit: bool,
    pub(crate) starter: Starter,
    pub(crate) links: Few<Pid>,
    pub(crate) onlookers: Rare<Onlookers>,
    pub(crate) seldom: Rare<Seldom>,
}

/// A process, as those that it monitors know it.
pub(crate) trait Watcher: Send + Sync {
    fn pid(&self) -> Pid;
    /// A process that it monitors has ended: it shall receive a down, unless that monitor has ended meanwhile.
    fn tell_down(&self, monitor: MonitorRef, reason: ExitReason);
}

/// Who hears of the end of a process without a link. Hardly any process has one.
#[derive(Default)]
pub(crate) struct Onlookers {
    /// Who monitors it.
    pub(crate) watchers: Few<MonitorRef, Arc<dyn Watcher>>,
    pub(crate) waiters: Waiters,
    /// Callers that wait for long.
    pub(crate) debts: Debts,
}

/// What most processes never have: an idle server does without all of it.
#[derive(Default)]
pub(crate) struct Seldom {
    pub(crate) label: Option<Arc<str>>,
    /// The process fails of the last message it has received: who wants to hear that.
    pub(crate) on_failure: Option<OnFailure>,
    /// A thread that runs nothing else.
    pub(crate) thread: Option<Home>,
    /// What its children have in common: they come from this process. Empty until it has one.
    pub(crate) of_children: Ancestors,
    /// Whom this process monitors.
    pub(crate) watching: Few<MonitorRef, Watching>,
    /// Whose exits have priority.
    pub(crate) urgent_links: BTreeSet<Pid>,
    pub(crate) aliases: BTreeMap<AliasRef, AliasRights>,
    pub(crate) held: Held,
}

/// What is released before anyone is told of its end.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) name: Option<Arc<str>>,
    /// Where it has a place that it loses.
    pub(crate) holders: Holders,
    /// What arms each watch again; a watch is over when this is dropped.
    pub(crate) watches: BTreeMap<WatchRef, Sender<()>>,
}

/// What a process knows of a monitor of its own.
#[derive(Debug)]
pub(crate) struct Watching {
    /// What it will receive, but for the reason. It is made by the watcher, not by whoever ends, who may have to tell thousands.
    pub(crate) down: Box<Down>,
    pub(crate) urgency: Urgency,
}

impl Watching {
    /// Of a process that may not be there.
    pub(crate) fn new(monitor: MonitorRef, pid: Pid) -> Self {
        let down = Box::new(Down { monitor, pid, name: None, reason: ExitReason::NoProcess });
        Watching { down, urgency: Urgency::Ordinary }
    }
}

/// What may be sent by way of an alias.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct AliasRights {
    /// It is inactive after the first message.
    pub(crate) once: bool,
    pub(crate) priority: bool,
}

/// Why a process ends, and what it has to release before anyone is told.
pub(crate) struct Ending {
    pub(crate) reason: ExitReason,
    /// Whether code of its own, not a signal, ended it abnormally.
    pub(crate) crashed: bool,
    /// Nothing, nearly always.
    pub(crate) held: Option<Held>,
    pub(crate) on_failure: Option<OnFailure>,
    pub(crate) thread: Option<Home>,
    /// What `reason` has overruled, to be dropped once the lock is free: a reason may hold what user code made.
    pub(crate) overruled: Option<ExitReason>,
}

/// Who must be told when a process has ended.
pub(crate) struct Ties {
    pub(crate) starter: Starter,
    pub(crate) links: Few<Pid>,
    pub(crate) watchers: Few<MonitorRef, Arc<dyn Watcher>>,
    pub(crate) watching: Few<MonitorRef, Watching>,
}

impl Control {
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        self.seldom.get()?.held.name.as_ref()
    }

    pub(crate) fn label(&self) -> Option<&Arc<str>> {
        self.seldom.get()?.label.as_ref()
    }

    /// Whether signals and messages still reach it.
    #[inline]
    pub(crate) fn is_running(&self) -> bool {
        self.end == End::Not
    }

    /// Whether it ends, and why, but for what lies beside.
    pub(crate) fn end(&self) -> End {
        self.end
    }

    /// Why it has ended, once nothing of it runs any more.
    pub(crate) fn closed(&self) -> Option<&ExitReason> {
        self.end.reason(&self.reason_beside).filter(|_| self.closed)
    }

    fn set_end(&mut self, reason: &ExitReason) {
        (self.end, self.reason_beside) = End::of(reason);
    }

    /// Takes out why it ends, or has ended.
    #[inline]
    pub(crate) fn take_end(&mut self) -> Option<ExitReason> {
        if self.is_running() {
            return None;
        }
        let beside = self.reason_beside.take();
        match take(&mut self.end) {
            End::Otherwise => beside.map(|reason| *reason),
            end => end.reason(&None).cloned(),
        }
    }

    /// Who monitors the process.
    pub(crate) fn watchers(&self) -> impl Iterator<Item = Pid> {
        let watchers = self.onlookers.get().into_iter().flat_map(|onlookers| onlookers.watchers.values());
        watchers.map(|watcher| watcher.pid())
    }

    /// Whether it has not ended yet; if so, it will [`release`](Holder::release) its place in `holder` when it does.
    pub(crate) fn hold(&mut self, holder: Weak<dyn Holder>) -> bool {
        if !self.stopped {
            self.seldom.make().held.holders.add(holder);
        }
        !self.stopped
    }

    /// Takes in `signal`. Links and monitors still count on a doomed process: it has yet to tell its end.
    // Always: most signals change one entry, and what then comes out of this is known where it is called.
    #[inline(always)]
    pub(crate) fn apply(&mut self, signal: &Signal, ancestors: &Ancestors) -> Effect {
        if self.closed {
            return Effect::Gone;
        }
        match signal {
            Signal::Exit(exit) => return self.exit(exit, Urgency::Ordinary),
            Signal::UrgentExit(exit) => return self.exit(exit, Urgency::Priority),
            Signal::Link(pid) => _ = self.links.insert(*pid, ()),
            Signal::Unlink(pid) => self.unlinked(*pid, ancestors),
            Signal::Demonitor(monitor) => {
                self.onlookers.get_mut().and_then(|onlookers| onlookers.watchers.remove(monitor));
            }
        }
        Effect::Nothing
    }

    /// From now on that process monitors this one.
    #[inline]
    pub(crate) fn watch(&mut self, monitor: MonitorRef, watcher: Arc<dyn Watcher>) -> Effect {
        if self.closed {
            return Effect::Gone;
        }
        self.onlookers.make().watchers.insert(monitor, watcher);
        Effect::Nothing
    }

    /// The process `pid` has removed its half of the link.
    fn unlinked(&mut self, pid: Pid, ancestors: &Ancestors) {
        if self.is_supervised_by(pid, ancestors) {
            self.starter = Starter::Nobody;
        }
        self.unlink(pid, ancestors);
    }

    /// Removes this process's half of the link with `pid`. Returns whether the other half goes with it.
    pub(crate) fn unlink(&mut self, pid: Pid, ancestors: &Ancestors) -> bool {
        self.links.remove(&pid);
        self.take_urgent_link(pid);
        !self.is_supervised_by(pid, ancestors)
    }

    fn is_supervised_by(&self, pid: Pid, ancestors: &Ancestors) -> bool {
        self.starter == Starter::Supervises && ancestors.parent() == Some(pid)
    }

    fn exit(&mut self, exit: &Exit, urgency: Urgency) -> Effect {
        let inactive = exit.linked && self.links.remove(&exit.pid).is_none();
        let urgency = if exit.linked && self.take_urgent_link(exit.pid) { Urgency::Priority } else { urgency };
        if inactive || !self.is_running() {
            return Effect::Nothing;
        }
        match &exit.reason {
            ExitReason::Kill if !exit.linked => self.doom(ExitReason::Killed),
            _ if self.trap_exit => Effect::Queue(Box::new(exit.clone()), urgency),
            ExitReason::Normal => Effect::Nothing,
            reason => self.doom(reason.clone()),
        }
    }

    /// A down of that monitor has come: the monitor is gone with that. Returns what was known of it, if it stood and the down is
    /// to be received.
    #[inline(always)]
    pub(crate) fn down(&mut self, monitor: MonitorRef) -> Option<Watching> {
        self.remove_watching(monitor).filter(|_| self.is_running())
    }

    /// The link with `pid` is gone, and with it its priority. Returns whether it had any.
    pub(crate) fn take_urgent_link(&mut self, pid: Pid) -> bool {
        self.seldom.get_mut().is_some_and(|seldom| seldom.urgent_links.remove(&pid))
    }

    /// From now on this process monitors another. False if it has ended itself.
    pub(crate) fn begin_watching(&mut self, watching: Watching) -> bool {
        if !self.stopped {
            self.seldom.make().watching.insert(watching.down.monitor, watching);
        }
        !self.stopped
    }

    /// Whom the process watches by that monitor.
    pub(crate) fn watching(&self, monitor: MonitorRef) -> Option<&Watching> {
        self.seldom.get()?.watching.get(&monitor)
    }

    #[inline]
    pub(crate) fn remove_watching(&mut self, monitor: MonitorRef) -> Option<Watching> {
        self.seldom.get_mut()?.watching.remove(&monitor)
    }

    /// What may be sent by way of `alias`, if it is active.
    pub(crate) fn alias(&self, alias: AliasRef) -> Option<AliasRights> {
        self.seldom.get()?.aliases.get(&alias).copied()
    }

    /// Makes `alias` inactive. Returns whether it was active.
    pub(crate) fn remove_alias(&mut self, alias: AliasRef) -> bool {
        self.seldom.get_mut().is_some_and(|seldom| seldom.aliases.remove(&alias).is_some())
    }

    /// Ends the process at its next await; the first reason stays.
    pub(crate) fn doom(&mut self, reason: ExitReason) -> Effect {
        if !self.is_running() {
            return Effect::Nothing;
        }
        self.set_end(&reason);
        Effect::End
    }

    /// As [`doom`](Self::doom), for a fault of the process's own.
    pub(crate) fn crash(&mut self, reason: ExitReason) -> Effect {
        self.crashed |= self.is_running() && reason.is_crash();
        self.doom(reason)
    }

    /// The body has stopped: by itself, with a reason of its own, or because a signal ended it.
    pub(crate) fn begin_exit(&mut self, by_itself: Option<ExitReason>) -> Ending {
        self.stopped = true;
        let before = self.take_end();
        let (reason, crashed) = match (by_itself, &before) {
            (Some(reason), _) => {
                let crashed = reason.is_crash();
                (reason, crashed)
            }
            (None, Some(reason)) => (reason.clone(), self.crashed),
            // The executor went away, and the process with it.
            (None, None) => (ExitReason::Killed, false),
        };
        self.set_end(&reason);
        let (held, on_failure, thread) = match self.seldom.get_mut() {
            Some(seldom) => (Some(take(&mut seldom.held)), seldom.on_failure.take(), seldom.thread.take()),
            None => (None, None, None),
        };
        Ending { reason, crashed, held, on_failure, thread, overruled: before }
    }

    /// Ends the process for good and hands out who must be told, if there is anybody.
    pub(crate) fn close(&mut self, ancestors: &Ancestors) -> Option<Ties> {
        self.closed = true;
        if self.starter == Starter::Supervises
            && let Some(parent) = ancestors.parent()
        {
            self.links.insert(parent, ());
        }
        let watching = self.seldom.get_mut().map(|seldom| take(&mut seldom.watching)).unwrap_or_default();
        let watchers = self.onlookers.get_mut().map(|onlookers| take(&mut onlookers.watchers)).unwrap_or_default();
        if let (Few::None, Few::None, Few::None) = (&self.links, &watchers, &watching) {
            return None;
        }
        let links = take(&mut self.links);
        Some(Ties { starter: take(&mut self.starter), links, watchers, watching })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Pid = Pid::new(7, 1);

    fn linked(reason: ExitReason) -> Signal {
        Signal::Exit(Exit { pid: PEER, reason, linked: true })
    }

    fn sent(reason: ExitReason) -> Signal {
        Signal::Exit(Exit { pid: PEER, reason, linked: false })
    }

    /// Of a process without a parent.
    fn apply(control: &mut Control, signal: Signal) -> Effect {
        control.apply(&signal, &Ancestors::default())
    }

    /// What becomes of a process that gets `signal`: "lives", "traps REASON" or "ends REASON".
    fn fate(trap_exit: bool, signal: Signal) -> String {
        let mut control = Control { trap_exit, links: Few::One(PEER, ()), ..Control::default() };
        match apply(&mut control, signal) {
            Effect::Queue(exit, _) => format!("traps {}", exit.reason),
            _ => control.take_end().map_or("lives".to_owned(), |reason| format!("ends {reason}")),
        }
    }

    #[test]
    fn exit_signals_follow_the_table_of_the_reference_manual() {
        use ExitReason::{Kill, Killed, Normal, Shutdown};
        let table = [
            // reason,  by link, not trapping; by link, trapping; sent, not trapping; sent, trapping
            (Normal, ["lives", "traps normal", "lives", "traps normal"]),
            (Shutdown, ["ends shutdown", "traps shutdown", "ends shutdown", "traps shutdown"]),
            (Killed, ["ends killed", "traps killed", "ends killed", "traps killed"]),
            (Kill, ["ends kill", "traps kill", "ends killed", "ends killed"]),
        ];
        for (reason, expected) in table {
            let seen = [
                fate(false, linked(reason.clone())),
                fate(true, linked(reason.clone())),
                fate(false, sent(reason.clone())),
                fate(true, sent(reason.clone())),
            ];
            assert_eq!(seen, expected, "{reason}");
        }
    }

    #[test]
    fn an_exit_over_a_link_that_is_gone_is_dropped() {
        let mut control = Control::default();
        assert!(matches!(apply(&mut control, linked(ExitReason::Shutdown)), Effect::Nothing));
        assert!(control.is_running());
    }

    #[test]
    fn a_second_exit_signal_changes_nothing() {
        let mut control = Control::default();
        assert!(matches!(apply(&mut control, sent(ExitReason::error("first"))), Effect::End));
        assert!(matches!(apply(&mut control, sent(ExitReason::Kill)), Effect::Nothing));
        assert!(control.take_end() == Some(ExitReason::error("first")));
    }

    #[test]
    fn a_down_is_taken_once_and_only_while_the_monitor_stands() {
        let monitor = MonitorRef(1);
        let mut control = Control::default();
        control.seldom.make().watching.insert(monitor, Watching::new(monitor, PEER));
        assert!(control.down(monitor).is_some_and(|watching| watching.down.pid == PEER));
        assert!(control.down(monitor).is_none());
        control.seldom.make().watching.insert(monitor, Watching::new(monitor, PEER));
        control.doom(ExitReason::Shutdown);
        assert!(control.down(monitor).is_none());
    }
}
