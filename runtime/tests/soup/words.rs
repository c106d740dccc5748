//! What the operations, the model and the system under test have in common: numbers for things, and what is done to them.

use std::fmt;

/// A number that prints with the letter of what it numbers.
macro_rules! number {
    ($($(#[$doc:meta])* $name:ident $letter:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}{}", $letter, self.0)
            }
        }
    )*};
}

number! {
    /// A process. The one numbered 0 is none: what is done by it is done from outside.
    Who "p";
    Monitor "m";
    Timer "t";
    /// A message; no two are alike.
    Letter "#";
}

/// From outside, or by the system.
pub(crate) const NOBODY: Who = Who(0);

pub(crate) const NAMES: [Name; 3] = ["ann", "bob", "eve"];
pub(crate) const GROUPS: [Group; 2] = ["even", "odd"];

pub(crate) type Name = &'static str;
pub(crate) type Group = &'static str;
pub(crate) type Millis = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Normal,
    Shutdown,
    ShutdownWith(u32),
    Kill,
    Killed,
    NoProcess,
    Error(u32),
    Panic(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum To {
    Process(Who),
    Name(Name),
}

/// How a new process hangs together with the one that spawns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    None,
    Link,
    Monitor(Monitor),
}

/// What a process waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Anything,
    Messages,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Spawn(Who, Tie),
    Link(Who),
    Unlink(Who),
    Monitor(Monitor, Who),
    Demonitor(Monitor),
    TrapExit(bool),
    Exit(Who, Reason),
    Cast(To, Letter),
    Register(Name, Who),
    Unregister(Name),
    Whereis(Name),
    Join(Group),
    Leave(Group),
    Broadcast(Group, Letter),
    SendAfter(Timer, Millis, To, Letter),
    StartTimer(Timer, Millis, Letter),
    Cancel(Timer),
    Read(Timer),
    /// Receives one item, or waits for it: as long as it takes, if no time is told.
    Receive(Wanted, Option<Millis>),
    /// Receives all that is there.
    ReceiveAll,
    Return(Reason),
    Panic(u32),
}

/// What an operation tells who asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Done,
    Refused,
    /// Of `TrapExit` what it was before; of `Link` whether a link stands now; of `Exit` whether the process is alive now.
    Is(bool),
    Process(Option<Who>),
    Count(usize),
    TimeLeft(Option<Millis>),
}

/// Who or what has sent a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Process(Who),
    Timer(Timer),
}

/// What a process receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Message(Letter, Source),
    Exit { from: Who, reason: Reason, linked: bool },
    Down { monitor: Monitor, of: Who, reason: Reason },
}

impl Item {
    pub(crate) fn source(self) -> Source {
        match self {
            Item::Message(_, source) => source,
            Item::Exit { from: who, .. } | Item::Down { of: who, .. } => Source::Process(who),
        }
    }

    pub(crate) fn is(self, wanted: Wanted) -> bool {
        wanted == Wanted::Anything || matches!(self, Item::Message(..))
    }
}

/// What happened, in the order in which it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happening {
    Did(Who, Operation, Answer),
    /// It has received, or has waited in vain.
    Received(Who, Option<Item>),
    /// Its body was dropped.
    Stopped(Who),
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Did(who, operation, Answer::Done) => write!(f, "{who:?}: {operation:?}"),
            Happening::Did(who, operation, answer) => write!(f, "{who:?}: {operation:?} = {answer:?}"),
            Happening::Received(who, Some(item)) => write!(f, "{who:?} receives {item:?}"),
            Happening::Received(who, None) => write!(f, "{who:?} receives nothing"),
            Happening::Stopped(who) => write!(f, "{who:?} stops"),
        }
    }
}

/// A message that reached nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dead {
    pub(crate) to: To,
    pub(crate) why: Why,
    pub(crate) sender: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// Nobody had the name.
    NoProcess,
    /// It had ended before.
    Exited,
    /// It ended before it received it.
    Unreceived,
}

/// What is reported of a process that ended by a fault of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Crash {
    pub(crate) who: Who,
    pub(crate) reason: Reason,
    pub(crate) name: Option<Name>,
    pub(crate) unreceived: usize,
    pub(crate) links: Vec<Who>,
}

/// A process that lives, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    pub(crate) parent: Who,
    pub(crate) trap_exit: bool,
    pub(crate) name: Option<Name>,
    pub(crate) links: Vec<Who>,
    pub(crate) monitors: Vec<Who>,
    pub(crate) monitored_by: Vec<Who>,
    pub(crate) queue_len: usize,
    pub(crate) timers: usize,
}

/// Everything that can be seen from outside while nothing moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) living: Vec<(Who, Sight)>,
    pub(crate) ended: Vec<(Who, Reason)>,
    pub(crate) names: Vec<(Name, Who)>,
    pub(crate) members: Vec<(Group, Who)>,
    pub(crate) pending_timers: usize,
    /// Since the last view.
    pub(crate) dead: Vec<Dead>,
    pub(crate) crashes: Vec<Crash>,
}

impl View {
    /// Brings what has no order of its own into one.
    pub(crate) fn sort(&mut self) {
        for (_, sight) in &mut self.living {
            sight.links.sort_unstable();
            sight.monitors.sort_unstable();
            sight.monitored_by.sort_unstable();
        }
        self.members.sort_unstable();
        self.dead.sort_unstable();
        for crash in &mut self.crashes {
            crash.links.sort_unstable();
        }
    }
}
