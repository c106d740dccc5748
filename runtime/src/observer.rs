//! Whoever is told what happens in a system, while it happens: a test, which may also act on it.

use crate::any_process::AnyProcess;
use crate::dead_letters::DeadLetter;
use crate::exit::ExitReason;
use crate::report::Report;
use crate::signal::EventKind;

/// Called without a lock held.
pub(crate) trait Observer: Send + Sync {
    fn note(&self, moment: Moment<'_>);
}

pub(crate) enum Moment<'a> {
    /// A process is there, and has not run.
    Spawned(&'a dyn AnyProcess, Option<&'a str>),
    /// It is about to run.
    Runs(&'a dyn AnyProcess),
    /// It is about to receive.
    Receives(&'a dyn AnyProcess, EventKind),
    /// All it had is released, and nobody is told yet.
    Ends(&'a dyn AnyProcess, &'a ExitReason),
    DeadLetter(&'a DeadLetter),
    Report(&'a Report),
}
