//! What happened in a simulated system, as text: equal bytes are equal runs.

use std::fmt::{self, Write};

use crate::clock::VirtualClock;
use crate::observer::Moment;
use crate::report::Report;
use crate::signal::EventKind;
use crate::sync::Lock;

pub(super) struct Trace {
    clock: VirtualClock,
    /// The lines so far; `None` while nothing is recorded.
    text: Lock<Option<String>>,
}

impl Trace {
    pub(super) fn new(clock: VirtualClock) -> Self {
        Trace { clock, text: Lock::default() }
    }

    pub(super) fn record(&self) {
        self.text.lock().get_or_insert_default();
    }

    pub(super) fn text(&self) -> String {
        self.text.lock().clone().unwrap_or_default()
    }

    pub(super) fn add(&self, line: impl FnOnce() -> String) {
        if self.text.lock().is_none() {
            return;
        }
        // What an error or a message type calls itself is user code: not under the lock.
        let line = line();
        if let Some(text) = &mut *self.text.lock() {
            writeln!(text, "{:?} {line}", self.clock.elapsed()).expect("a string takes all");
        }
    }
}

impl fmt::Display for Moment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Spawned(process, name) => {
                write!(f, "{} spawned", process.pid())?;
                if let Some(name) = name {
                    write!(f, " as {name:?}")?;
                }
                if let Some(parent) = process.ancestors().parent() {
                    write!(f, " by {parent}")?;
                }
                write!(f, ", takes {}", process.message_type())
            }
            Moment::Runs(process) => write!(f, "{} runs", process.pid()),
            Moment::Receives(process, kind) => write!(f, "{} receives {kind}", process.pid()),
            Moment::Ends(process, reason) => write!(f, "{} ends: {reason}", process.pid()),
            Moment::DeadLetter(letter) => {
                write!(f, "dead letter to {}, {}: {}", letter.target, letter.message_type, letter.reason)
            }
            Moment::Report(report) => write_report(f, report),
        }
    }
}

fn write_report(f: &mut fmt::Formatter<'_>, report: &Report) -> fmt::Result {
    match report {
        Report::Crash(crash) => {
            write!(f, "{}", crash.pid)?;
            if let Some(name) = crash.name.as_ref().or(crash.label.as_ref()) {
                write!(f, " {name:?}")?;
            }
            write!(f, " crashed: {}", crash.reason)
        }
        Report::Terminate(report) => {
            write!(f, "{} terminates, a {}: {}", report.pid, report.behaviour, report.reason)
        }
        Report::Supervisor(report) => {
            let child = &report.offender.id;
            write!(f, "{} and its child {child:?}: {}: {}", report.supervisor, report.context, report.reason)
        }
        Report::Progress(progress) => {
            write!(f, "{} started its child {:?}: {}", progress.supervisor, progress.id, progress.child)
        }
        Report::EventHandler(report) => {
            write!(f, "{} removed its event handler {}: {}", report.manager, report.handler, report.reason)
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EventKind::Message => f.write_str("a message"),
            EventKind::ExitOf(pid) => write!(f, "the exit of {pid}"),
            EventKind::DownOf(pid) => write!(f, "the down of {pid}"),
            EventKind::System => f.write_str("a system message"),
        }
    }
}
