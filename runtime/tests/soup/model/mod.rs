//! What OTP says that happens: processes, links, monitors, names, groups and timers as plain sets.
//!
//! The rules are those of Erlang's reference manual, "Processes", and of the modules `erlang` and `pg`. Where this library
//! decides what OTP leaves open or does otherwise, a comment says so. Nothing here knows the library.

mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::words::{
    Answer, Crash, Dead, Group, Happening, Item, Letter, Millis, Monitor, NOBODY, Name, Operation, Reason, Source, Tie,
    Timer, To, Wanted, Who, Why,
};

/// How exactly the order of receiving is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// One thing happens at a time, so all of it.
    Total,
    /// What OTP guarantees: what one process does to another, in the order in which it does it.
    PerSource,
}

#[derive(Debug)]
pub(crate) struct Model {
    order: Order,
    now: Millis,
    processes: BTreeMap<Who, Process>,
    /// One link at most for each pair; the smaller number comes first.
    links: BTreeSet<(Who, Who)>,
    /// Who monitors whom.
    monitors: BTreeMap<Monitor, (Who, Who)>,
    names: BTreeMap<Name, Who>,
    /// How often each member has joined.
    members: BTreeMap<(Group, Who), usize>,
    /// By expiry, then in the order in which they were set.
    timers: BTreeMap<(Millis, usize), Pending>,
    timers_set: usize,
    dead: Vec<Dead>,
    crashes: Vec<Crash>,
}

#[derive(Debug)]
struct Process {
    parent: Who,
    life: Life,
    trap_exit: bool,
    mailbox: VecDeque<Item>,
    waits: Option<Wait>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Running,
    /// It ends at its next await; `faulty` if by a fault of its own.
    Exiting {
        reason: Reason,
        faulty: bool,
    },
    Ended(Reason),
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    wanted: Wanted,
    until: Option<Millis>,
}

#[derive(Debug)]
struct Pending {
    timer: Timer,
    owner: Who,
    to: To,
    letter: Letter,
}

/// What happened is not what should have.
pub(crate) type Difference = String;

impl Model {
    pub(crate) fn new(order: Order) -> Self {
        Model {
            order,
            now: 0,
            processes: BTreeMap::new(),
            links: BTreeSet::new(),
            monitors: BTreeMap::new(),
            names: BTreeMap::new(),
            members: BTreeMap::new(),
            timers: BTreeMap::new(),
            timers_set: 0,
            dead: Vec::new(),
            crashes: Vec::new(),
        }
    }

    /// Does what happened.
    ///
    /// # Errors
    /// If it should have happened otherwise, or not at all.
    pub(crate) fn follow(&mut self, happening: Happening) -> Result<(), Difference> {
        match happening {
            Happening::Did(who, operation, answer) => {
                if who != NOBODY && !self.is_alive(who) {
                    return Err(format!("{who:?} has ended"));
                }
                let expected = self.operate(who, operation);
                if answer == expected { Ok(()) } else { Err(format!("the answer should be {expected:?}")) }
            }
            Happening::Received(who, item) => self.receive(who, item),
            Happening::Stopped(who) => self.stop(who),
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.now
    }

    pub(crate) fn is_alive(&self, who: Who) -> bool {
        self.processes.get(&who).is_some_and(|process| process.life == Life::Running)
    }

    /// Who has been spawned, the living and the ended.
    pub(crate) fn all(&self) -> impl Iterator<Item = Who> {
        self.processes.keys().copied()
    }

    /// Who lives and does not wait in `receive`.
    pub(crate) fn idle(&self) -> impl Iterator<Item = Who> {
        let idle = |process: &Process| process.life == Life::Running && process.waits.is_none();
        self.processes.iter().filter(move |(_, process)| idle(process)).map(|(who, _)| *who)
    }

    fn operate(&mut self, by: Who, operation: Operation) -> Answer {
        match operation {
            Operation::Spawn(child, tie) => self.spawn(by, child, tie),
            Operation::Link(to) => return self.link(by, to),
            Operation::Unlink(from) => self.unlink(by, from),
            Operation::Monitor(monitor, of) => self.monitor(by, monitor, of),
            Operation::Demonitor(monitor) => self.demonitor(by, monitor),
            Operation::TrapExit(trap) => {
                return Answer::Is(std::mem::replace(&mut self.process(by).trap_exit, trap));
            }
            Operation::Exit(to, reason) => {
                self.exit(to, by, reason, false);
                // `exit(Pid, kill), false = is_process_alive(Pid)` holds.
                return Answer::Is(self.is_alive(to));
            }
            Operation::Cast(to, letter) => self.send(to, letter, Source::Process(by)),
            Operation::Register(name, who) => return self.register(name, who),
            Operation::Unregister(name) => return Answer::Process(self.names.remove(name)),
            Operation::Whereis(name) => return Answer::Process(self.names.get(name).copied()),
            Operation::Join(group) => *self.members.entry((group, by)).or_default() += 1,
            Operation::Leave(group) => return self.leave(group, by),
            Operation::Broadcast(group, letter) => return self.broadcast(by, group, letter),
            Operation::SendAfter(timer, delay, to, letter) => self.set(delay, Pending { timer, owner: by, to, letter }),
            Operation::StartTimer(timer, delay, letter) => {
                self.set(delay, Pending { timer, owner: by, to: To::Process(by), letter });
            }
            Operation::Cancel(timer) => return self.cancel(by, timer),
            Operation::Read(timer) => return Answer::TimeLeft(self.time_left(timer).map(|(left, _)| left)),
            Operation::Receive(wanted, timeout) => {
                let until = timeout.map(|timeout| self.now + timeout);
                self.process(by).waits = Some(Wait { wanted, until });
            }
            Operation::ReceiveAll => return Answer::Count(self.process(by).mailbox.len()),
            Operation::Return(reason) => self.end(by, reason),
            Operation::Panic(text) => self.end(by, Reason::Panic(text)),
        }
        Answer::Done
    }

    // Processes.

    fn spawn(&mut self, parent: Who, child: Who, tie: Tie) {
        let process = Process { parent, life: Life::Running, trap_exit: false, mailbox: VecDeque::new(), waits: None };
        self.processes.insert(child, process);
        match tie {
            Tie::None => {}
            Tie::Link => drop(self.links.insert(pair(parent, child))),
            Tie::Monitor(monitor) => drop(self.monitors.insert(monitor, (parent, child))),
        }
    }

    /// Its body ends by itself.
    fn end(&mut self, who: Who, reason: Reason) {
        let faulty = !matches!(reason, Reason::Normal | Reason::Shutdown | Reason::ShutdownWith(_));
        self.process(who).life = Life::Exiting { reason, faulty };
    }

    /// All that it has is released before anyone is told.
    fn stop(&mut self, who: Who) -> Result<(), Difference> {
        let Some(Process { life: Life::Exiting { reason, faulty }, .. }) = self.processes.get(&who) else {
            return Err("nothing should have ended it".to_owned());
        };
        let (reason, faulty) = (*reason, *faulty);
        let name = self.name_of(who);
        self.names.retain(|_, owner| *owner != who);
        self.members.retain(|(_, member), _| *member != who);
        self.timers.retain(|_, timer| timer.owner != who);
        let process = self.process(who);
        process.life = Life::Ended(reason);
        process.waits = None;
        let left = std::mem::take(&mut process.mailbox);
        let unreceived = left.iter().filter(|item| item.is(Wanted::Messages)).count();
        let dead = Dead { to: To::Process(who), why: Why::Unreceived, sender: NOBODY };
        self.dead.extend((0..unreceived).map(|_| dead));
        let links = self.linked_to(who);
        if faulty {
            self.crashes.push(Crash { who, reason, name, unreceived, links: links.clone() });
        }
        self.monitors.retain(|_, (watcher, _)| *watcher != who);
        for linked in links {
            // A process that ended with `kill` by itself tells `kill`, which can be trapped.
            self.exit(linked, who, reason, true);
        }
        for monitor in self.monitors_where(|(_, target)| target == who) {
            self.down(monitor, reason);
        }
        Ok(())
    }

    /// The table of "Receiving Exit Signals".
    fn exit(&mut self, to: Who, from: Who, reason: Reason, linked: bool) {
        // A signal over a link that is gone is dropped, and one that arrives takes the link with it.
        if linked && !self.links.remove(&pair(from, to)) || !self.is_alive(to) {
            return;
        }
        let process = self.process(to);
        match reason {
            Reason::Kill if !linked => process.doom(Reason::Killed),
            _ if process.trap_exit => process.mailbox.push_back(Item::Exit { from, reason, linked }),
            // Not even one's own: `exit(self(), normal)` ends a process in OTP, `exit_signal(self(), normal)` does not.
            Reason::Normal => {}
            _ => process.doom(reason),
        }
    }

    // Links and monitors.

    fn link(&mut self, from: Who, to: Who) -> Answer {
        if from == to {
            return Answer::Is(false);
        }
        self.links.insert(pair(from, to));
        // OTP raises an error here in a process that does not trap exits; a signal it is for both.
        if self.has_ended(to) {
            self.exit(from, to, Reason::NoProcess, true);
        }
        Answer::Is(self.links.contains(&pair(from, to)))
    }

    /// OTP leaves it to the process to flush the exit that may wait already; here it is flushed.
    fn unlink(&mut self, from: Who, to: Who) {
        self.links.remove(&pair(from, to));
        let is_of_link = |item: &Item| matches!(item, Item::Exit { from, linked: true, .. } if *from == to);
        self.process(from).mailbox.retain(|item| !is_of_link(item));
    }

    fn monitor(&mut self, by: Who, monitor: Monitor, of: Who) {
        self.monitors.insert(monitor, (by, of));
        if self.has_ended(of) {
            self.down(monitor, Reason::NoProcess);
        }
    }

    /// As OTP's `demonitor(Ref, [flush])`.
    fn demonitor(&mut self, by: Who, monitor: Monitor) {
        // That of another process stays.
        if self.monitors.get(&monitor).is_some_and(|(watcher, _)| *watcher == by) {
            self.monitors.remove(&monitor);
        }
        let is_of_monitor = |item: &Item| matches!(item, Item::Down { monitor: other, .. } if *other == monitor);
        self.process(by).mailbox.retain(|item| !is_of_monitor(item));
    }

    fn down(&mut self, monitor: Monitor, reason: Reason) {
        let Some((watcher, of)) = self.monitors.remove(&monitor) else { return };
        self.deliver(watcher, Item::Down { monitor, of, reason });
    }

    // Messages.

    fn send(&mut self, to: To, letter: Letter, source: Source) {
        let found = match to {
            To::Process(who) => Some(who),
            To::Name(name) => self.names.get(name).copied(),
        };
        if let Some(who) = found.filter(|who| self.is_alive(*who)) {
            return self.deliver(who, Item::Message(letter, source));
        }
        let why = if matches!(to, To::Name(_)) { Why::NoProcess } else { Why::Exited };
        let sender = if let Source::Process(who) = source { who } else { NOBODY };
        self.dead.push(Dead { to, why, sender });
    }

    fn deliver(&mut self, to: Who, item: Item) {
        if self.is_alive(to) {
            self.process(to).mailbox.push_back(item);
        }
    }

    fn receive(&mut self, who: Who, item: Option<Item>) -> Result<(), Difference> {
        let (order, now) = (self.order, self.now);
        let process = self.process(who);
        // Without a wait it takes what is there.
        let wait = process.waits.take().unwrap_or(Wait { wanted: Wanted::Anything, until: Some(now) });
        let wanted = |candidate: &Item| {
            let comes_before = order == Order::Total || item.is_none_or(|item| item.source() == candidate.source());
            candidate.is(wait.wanted) && comes_before
        };
        let expected = process.mailbox.iter().position(wanted);
        let first = expected.map(|index| process.mailbox[index]);
        if item != first {
            return Err(format!("it should be {first:?}"));
        }
        match expected {
            Some(index) => drop(process.mailbox.remove(index)),
            None if wait.until.is_none_or(|until| until > now) => return Err("it is too early".to_owned()),
            None => {}
        }
        Ok(())
    }

    // Names and groups.

    fn register(&mut self, name: Name, who: Who) -> Answer {
        if !self.is_alive(who) || self.names.contains_key(name) || self.name_of(who).is_some() {
            return Answer::Refused;
        }
        self.names.insert(name, who);
        Answer::Done
    }

    fn leave(&mut self, group: Group, who: Who) -> Answer {
        match self.members.get_mut(&(group, who)) {
            None => return Answer::Refused,
            Some(1) => drop(self.members.remove(&(group, who))),
            Some(times) => *times -= 1,
        }
        Answer::Done
    }

    fn broadcast(&mut self, by: Who, group: Group, letter: Letter) -> Answer {
        let members: Vec<_> = self.members.keys().filter(|(of, _)| *of == group).map(|(_, who)| *who).collect();
        for member in &members {
            self.send(To::Process(*member), letter, Source::Process(by));
        }
        Answer::Count(members.len())
    }

    // Time.

    /// When something is to happen next.
    pub(crate) fn next_event(&self) -> Option<Millis> {
        let timer = self.timers.keys().next().map(|(at, _)| *at);
        let deadline = self.processes.values().filter_map(|process| process.waits?.until).min();
        timer.into_iter().chain(deadline).min()
    }

    /// It is that time now, and nothing should have happened before.
    pub(crate) fn move_to(&mut self, now: Millis) {
        self.now = now;
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let Pending { timer, to, letter, .. } = entry.remove();
            self.send(to, letter, Source::Timer(timer));
        }
    }

    /// In OTP a timer ends with whom it sends to; here with whoever set it.
    fn set(&mut self, delay: Millis, pending: Pending) {
        self.timers_set += 1;
        self.timers.insert((self.now + delay, self.timers_set), pending);
    }

    /// Nobody cancels another's timer.
    fn cancel(&mut self, by: Who, timer: Timer) -> Answer {
        let own = self.time_left(timer).filter(|(_, owner)| *owner == by);
        if own.is_some() {
            self.timers.retain(|_, pending| pending.timer != timer);
        }
        Answer::TimeLeft(own.map(|(left, _)| left))
    }

    fn time_left(&self, timer: Timer) -> Option<(Millis, Who)> {
        let ((at, _), pending) = self.timers.iter().find(|(_, pending)| pending.timer == timer)?;
        Some((at - self.now, pending.owner))
    }

    fn process(&mut self, who: Who) -> &mut Process {
        self.processes.get_mut(&who).expect("it was spawned")
    }

    /// Whether it is too late to link to it or to monitor it. Not while it is exiting: then it has yet to tell why, where
    /// OTP says `noproc`.
    fn has_ended(&self, who: Who) -> bool {
        matches!(self.processes[&who].life, Life::Ended(_))
    }

    fn name_of(&self, who: Who) -> Option<Name> {
        self.names.iter().find(|(_, owner)| **owner == who).map(|(name, _)| *name)
    }

    fn linked_to(&self, who: Who) -> Vec<Who> {
        let other = |(a, b): &(Who, Who)| [(*a, *b), (*b, *a)].into_iter().find(|(one, _)| *one == who);
        self.links.iter().filter_map(other).map(|(_, linked)| linked).collect()
    }

    fn monitors_where(&self, mut is_meant: impl FnMut((Who, Who)) -> bool) -> Vec<Monitor> {
        self.monitors.iter().filter(|(_, ends)| is_meant(**ends)).map(|(monitor, _)| *monitor).collect()
    }
}

impl Process {
    /// The first signal that ends it counts.
    fn doom(&mut self, reason: Reason) {
        if self.life == Life::Running {
            self.life = Life::Exiting { reason, faulty: false };
        }
    }
}

fn pair(a: Who, b: Who) -> (Who, Who) {
    (a.min(b), a.max(b))
}
