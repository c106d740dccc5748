//! Sees all that happens in a simulated system, from its first moment on.

use std::sync::Arc;

use super::faults::Faults;
use super::trace::Trace;
use crate::clock::VirtualClock;
use crate::dead_letters::DeadLetter;
use crate::observer::{Moment, Observer};
use crate::panic::drop_quietly;
use crate::report::Report;
use crate::sync::Lock;

pub(super) struct Witness {
    pub(super) faults: Faults,
    pub(super) trace: Arc<Trace>,
    /// What no expectation has met yet, oldest first.
    pub(super) reports: Lock<Vec<Report>>,
    pub(super) dead_letters: Lock<Vec<DeadLetter>>,
}

impl Witness {
    pub(super) fn new(seed: u64, clock: VirtualClock) -> Arc<Self> {
        let trace = Arc::new(Trace::new(clock));
        Arc::new(Witness {
            faults: Faults::new(seed, trace.clone()),
            trace,
            reports: Lock::default(),
            dead_letters: Lock::default(),
        })
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        // A reason may hold what panics when it is dropped; that is no failure of the test.
        for report in std::mem::take(self.reports.get_mut()) {
            let _ = drop_quietly(report);
        }
    }
}

impl Observer for Witness {
    fn note(&self, moment: Moment<'_>) {
        self.trace.add(|| moment.to_string());
        match moment {
            Moment::Report(report) => self.reports.lock().push(report.clone()),
            Moment::DeadLetter(letter) => self.dead_letters.lock().push(letter.clone()),
            Moment::Spawned(process, _) => self.faults.spawned(process.pid()),
            Moment::Ends(process, _) => self.faults.ended(process.pid()),
            Moment::Runs(process) => self.faults.before_run(process),
            Moment::Receives(process, _) => self.faults.before_receive(process),
        }
    }
}
