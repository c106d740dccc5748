//! What the processes of a system share.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::{Duration, Instant};

use event_listener::Event;
use slog::Logger;

use crate::any_process::{AnyProcess, Delivery, WithControl};
use crate::clock::{machine_nanos, nanos};
use crate::dead_letters::{DeadLetter, DeadLetters};
use crate::exit::ExitReason;
use crate::groups::Groups;
use crate::links::Watcher;
use crate::names::Names;
use crate::observer::{Moment, Observer};
use crate::pid::{MonitorRef, Pid, Recipient};
use crate::report::{Report, Reports};
use crate::scheduler::{self, Home, Scheduler, Settled};
use crate::signal::{Exit, Signal};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Apart, Lock};
use crate::table::Table;
use crate::timers::Timers;
#[cfg(debug_assertions)]
use crate::waits::Waits;

/// How many locks there are for links: of two pairs that change theirs, one waits for the other if they share a lock.
const LINK_LOCKS: usize = 64;

/// What the processes of a system share.
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    started: Instant,
    /// The same by the machine's clock.
    started_nanos: u64,
    pub(crate) timers: Arc<Timers>,
    pub(crate) table: Table,
    pub(crate) names: Names,
    pub(crate) groups: Arc<Groups>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) reports: Reports,
    pub(crate) scheduler: Box<dyn Scheduler>,
    /// Where its tasks are queued.
    pub(crate) home: Home,
    /// A test's; `None` in a system that is not simulated.
    observer: Option<Arc<dyn Observer>>,
    #[cfg(debug_assertions)]
    pub(crate) waits: Arc<Waits>,
    references: Apart<AtomicU64>,
    /// How many processes were started in the place of others.
    pub(crate) restarts: AtomicU64,
    /// How many want to know how long processes run.
    pub(crate) busy_time_users: AtomicUsize,
    /// Apart from the rest, which nearly everything reads.
    link_locks: Box<[Lock<()>]>,
    /// Notified when the last process has ended.
    emptied: Event,
    halting: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        name: &str,
        logger: Logger,
        timers: Arc<Timers>,
        scheduler: Box<dyn Scheduler>,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        let started = timers.now();
        Shared {
            name: name.into(),
            started,
            started_nanos: machine_nanos(started),
            timers,
            table: Table::new(),
            names: Names::default(),
            groups: Arc::default(),
            dead_letters: DeadLetters::new(),
            reports: Reports::new(logger),
            home: scheduler.home(),
            scheduler,
            observer,
            #[cfg(debug_assertions)]
            waits: Arc::default(),
            references: Apart(AtomicU64::new(0)),
            restarts: AtomicU64::new(0),
            busy_time_users: AtomicUsize::new(0),
            link_locks: (0..LINK_LOCKS).map(|_| Lock::default()).collect(),
            emptied: Event::new(),
            halting: AtomicBool::new(false),
        }
    }

    pub(crate) fn is_halting(&self) -> bool {
        self.halting.load(Ordering::SeqCst)
    }

    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.observer.is_some()
    }

    /// Tells the observer, if there is one.
    #[inline]
    pub(crate) fn observe(&self, moment: Moment<'_>) {
        if let Some(observer) = &self.observer {
            observer.note(moment);
        }
    }

    pub(crate) fn report(&self, make: impl FnOnce() -> Report) {
        if self.observer.is_some() || self.reports.are_heard() {
            let report = make();
            self.observe(Moment::Report(&report));
            self.reports.publish(report);
        }
    }

    /// How long ago it was started.
    pub(crate) fn age(&self) -> Duration {
        self.timers.now().saturating_duration_since(self.started)
    }

    /// [`age`](Self::age) in nanoseconds, maybe that of a moment ago: a worker does not look at the clock for this.
    pub(crate) fn recent_age_nanos(&self) -> u64 {
        match scheduler::turn_began() {
            Some(began) if !self.scheduler.is_simulated() => began.saturating_sub(self.started_nanos),
            _ => nanos(self.age()),
        }
    }

    pub(crate) fn measures_busy_time(&self) -> bool {
        self.busy_time_users.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn dead_letter(&self, letter: DeadLetter) {
        self.observe(Moment::DeadLetter(&letter));
        self.dead_letters.record(letter, self.timers.now(), self.reports.logger());
    }

    /// Sends `signal` to `pid`, if there is such a process.
    pub(crate) fn signal(&self, pid: Pid, signal: Signal) -> Delivery {
        self.table.get(pid).map_or(Delivery::Gone, |process| process.signal(signal))
    }

    /// From now on `watcher` monitors `pid`, if there is such a process.
    pub(crate) fn watch(&self, pid: Pid, monitor: MonitorRef, watcher: Arc<dyn Watcher>) -> Delivery {
        self.table.get(pid).map_or(Delivery::Gone, |process| process.watch(monitor, watcher, &self.timers))
    }

    /// Who it is, or who has the name now; [`Pid::NOBODY`] if nobody has.
    pub(crate) fn pid_of(&self, recipient: &Recipient) -> Pid {
        match recipient {
            Recipient::Process(pid) => *pid,
            Recipient::Name(name) => self.names.get(name).map_or(Pid::NOBODY, |process| process.pid()),
            // Otherwise it would be the process that had it.
            Recipient::Key(_) | Recipient::Elsewhere(_) => Pid::NOBODY,
        }
    }

    pub(crate) fn exit(&self, from: Pid, to: Pid, reason: ExitReason) {
        self.signal(to, Signal::Exit(Exit { pid: from, reason, linked: false }));
    }

    /// Links two processes. If `to` has ended, `from` gets the exit signal of a process that is not there.
    pub(crate) fn link(&self, from: &dyn AnyProcess, to: Pid) {
        if from.pid() == to {
            return;
        }
        let delivery = self.change_link(from.pid(), to, || {
            let is_new = from.control(|control| control.links.insert(to, ()).is_none());
            // If there is a link, its exit signal may be on its way, with the reason: it must not be overtaken.
            if is_new { self.signal(to, Signal::Link(from.pid())) } else { Delivery::Done }
        });
        if delivery == Delivery::Gone {
            from.signal(Signal::Exit(Exit { pid: to, reason: ExitReason::NoProcess, linked: true }));
        }
    }

    pub(crate) fn unlink(&self, from: &dyn AnyProcess, to: Pid) {
        self.change_link(from.pid(), to, || {
            if from.control(|control| control.unlink(to, from.ancestors())) {
                self.signal(to, Signal::Unlink(from.pid()));
            }
        });
    }

    /// Both ends of a link change in two steps, each under one process's lock. Without a lock for the pair, `a.link(b)`
    /// beside `b.unlink(a)` could leave half a link.
    fn change_link<T>(&self, a: Pid, b: Pid, change: impl FnOnce() -> T) -> T {
        let number = (a.slot() ^ b.slot()) as usize % self.link_locks.len();
        let _pair = self.link_locks[number].lock();
        change()
    }

    /// A number that nothing else of this system has.
    pub(crate) fn next_reference(&self) -> u64 {
        self.references.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn next_monitor(&self) -> MonitorRef {
        MonitorRef(self.next_reference())
    }

    /// Every process by its parent, oldest first; by `None` those without a parent, or whose parent has ended.
    pub(super) fn families(&self) -> BTreeMap<Option<Pid>, Vec<Arc<dyn AnyProcess>>> {
        let all = self.table.all();
        let living: BTreeSet<Pid> = all.iter().map(|process| process.pid()).collect();
        let mut families = BTreeMap::<_, Vec<_>>::new();
        for process in all {
            let parent = process.parent().filter(|pid| living.contains(pid));
            families.entry(parent).or_default().push(process);
        }
        families
    }

    /// A process has ended, and is not in the table any more.
    pub(crate) fn note_end(&self) {
        // Who waits for the last one has said so before it looks into the table: either it is told, or it sees for itself.
        if self.is_halting() && self.table.is_empty() {
            self.emptied.notify(usize::MAX);
        }
    }

    pub(crate) fn kill_all(&self) {
        for process in self.table.all() {
            process.doom(ExitReason::Killed);
        }
    }

    /// Kills every process, waits until they are gone, and stops.
    pub(super) fn halt(&self) {
        self.halting.store(true, Ordering::SeqCst);
        self.kill_all();
        let settled = self.scheduler.settle(&self.emptied, &|| self.table.is_empty());
        if settled == Settled::TooLate {
            slog::warn!(self.reports.logger(), "processes that never yield are left behind"; "count" => self.table.len());
        }
        self.scheduler.stop(settled == Settled::Done);
        self.reports.flush();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish()
    }
}
