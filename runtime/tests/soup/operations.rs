//! Operations, as chance will have them.

use fastrand::Rng;

use crate::model::Model;
use crate::words::{
    GROUPS, Group, Letter, Millis, Monitor, NAMES, NOBODY, Name, Operation, Reason, Tie, Timer, To, Wanted, Who,
};

/// Picks operations; every process, monitor, timer and message gets a number of its own.
#[derive(Debug)]
pub(crate) struct Chance {
    rng: Rng,
    processes: u32,
    monitors: u32,
    timers: u32,
    letters: u32,
    /// Whether a timer may be set for now.
    zero_delays: bool,
}

/// More processes than that are too few to meet again.
const CROWD: usize = 6;

impl Chance {
    pub(crate) fn new(seed: u64, zero_delays: bool) -> Self {
        Chance { rng: Rng::with_seed(seed), processes: 0, monitors: 0, timers: 0, letters: 0, zero_delays }
    }

    pub(crate) fn number(&mut self, below: usize) -> usize {
        self.rng.usize(..below)
    }

    /// How long to wait until the next operation, if at all.
    pub(crate) fn pause(&mut self) -> Option<Millis> {
        (self.rng.u32(..6) == 0).then(|| self.rng.u64(1..8))
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choice: &[T]) -> Option<T> {
        if choice.is_empty() { None } else { Some(choice[self.rng.usize(..choice.len())]) }
    }

    pub(crate) fn spawn(&mut self) -> Operation {
        Operation::Spawn(self.new_process(), Tie::None)
    }

    /// Something that is done from outside.
    pub(crate) fn by_nobody(&mut self, model: &Model) -> Operation {
        match self.rng.u32(..10) {
            0..2 => Operation::Exit(self.process(model), self.reason()),
            2..4 => Operation::Register(self.name(), self.process(model)),
            4 => Operation::Unregister(self.name()),
            5..8 => Operation::Cast(self.receiver(model), self.letter()),
            8 => Operation::Whereis(self.name()),
            _ => self.spawn_unless_crowded(Tie::None, model),
        }
    }

    /// Something that a process does.
    pub(crate) fn by_process(&mut self, model: &Model) -> Operation {
        match self.rng.u32(..100) {
            0..3 => self.spawn_unless_crowded(Tie::None, model),
            3..7 => self.spawn_unless_crowded(Tie::Link, model),
            7..10 => {
                let monitor = self.new_monitor();
                self.spawn_unless_crowded(Tie::Monitor(monitor), model)
            }
            10..20 => Operation::Link(self.process(model)),
            20..24 => Operation::Unlink(self.process(model)),
            24..30 => Operation::Monitor(self.new_monitor(), self.process(model)),
            30..34 => Operation::Demonitor(self.monitor()),
            34..41 => Operation::TrapExit(self.rng.u32(..3) > 0),
            41..49 => Operation::Exit(self.process(model), self.reason()),
            49..58 => Operation::Cast(self.receiver(model), self.letter()),
            58..61 => Operation::Register(self.name(), self.process(model)),
            61 => Operation::Unregister(self.name()),
            62 => Operation::Whereis(self.name()),
            63..66 => Operation::Join(self.group()),
            66 => Operation::Leave(self.group()),
            67..69 => Operation::Broadcast(self.group(), self.letter()),
            69..73 => Operation::SendAfter(self.new_timer(), self.delay(), self.receiver(model), self.letter()),
            73..76 => Operation::StartTimer(self.new_timer(), self.delay(), self.letter()),
            76..79 => Operation::Cancel(self.timer()),
            79 => Operation::Read(self.timer()),
            80..88 => Operation::Receive(self.wanted(), self.timeout()),
            88..94 => Operation::ReceiveAll,
            94..99 => Operation::Return(self.reason()),
            _ => Operation::Panic(self.rng.u32(..10)),
        }
    }

    fn spawn_unless_crowded(&mut self, tie: Tie, model: &Model) -> Operation {
        let living = model.all().filter(|who| model.is_alive(*who)).count();
        if living < CROWD { Operation::Spawn(self.new_process(), tie) } else { Operation::Whereis(self.name()) }
    }

    /// Mostly one that lives.
    fn process(&mut self, model: &Model) -> Who {
        let all: Vec<_> = model.all().collect();
        let living: Vec<_> = all.iter().copied().filter(|who| model.is_alive(*who)).collect();
        let choice = if living.is_empty() || self.rng.u32(..8) == 0 { all } else { living };
        self.one_of(&choice).unwrap_or(NOBODY)
    }

    fn receiver(&mut self, model: &Model) -> To {
        if self.rng.u32(..4) == 0 { To::Name(self.name()) } else { To::Process(self.process(model)) }
    }

    fn reason(&mut self) -> Reason {
        match self.rng.u32(..8) {
            0..2 => Reason::Normal,
            2 => Reason::Shutdown,
            3 => Reason::ShutdownWith(self.rng.u32(..10)),
            4..6 => Reason::Kill,
            6 => Reason::Killed,
            _ => Reason::Error(self.rng.u32(..10)),
        }
    }

    fn name(&mut self) -> Name {
        NAMES[self.rng.usize(..NAMES.len())]
    }

    fn group(&mut self) -> Group {
        GROUPS[self.rng.usize(..GROUPS.len())]
    }

    fn wanted(&mut self) -> Wanted {
        if self.rng.bool() { Wanted::Anything } else { Wanted::Messages }
    }

    fn timeout(&mut self) -> Option<Millis> {
        match self.rng.u32(..4) {
            0 => Some(0),
            1 => Some(self.rng.u64(1..8)),
            _ => None,
        }
    }

    fn delay(&mut self) -> Millis {
        self.rng.u64(u64::from(!self.zero_delays)..10)
    }

    fn new_process(&mut self) -> Who {
        self.processes += 1;
        Who(self.processes)
    }

    fn new_monitor(&mut self) -> Monitor {
        self.monitors += 1;
        Monitor(self.monitors)
    }

    fn new_timer(&mut self) -> Timer {
        self.timers += 1;
        Timer(self.timers)
    }

    fn letter(&mut self) -> Letter {
        self.letters += 1;
        Letter(self.letters)
    }

    fn monitor(&mut self) -> Monitor {
        Monitor(self.recent(self.monitors))
    }

    fn timer(&mut self) -> Timer {
        Timer(self.recent(self.timers))
    }

    /// One of the last few, which may still be there.
    fn recent(&mut self, last: u32) -> u32 {
        last.saturating_sub(self.rng.u32(..4))
    }
}
