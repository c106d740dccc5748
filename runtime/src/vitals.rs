//! What is counted of a process, and what remains of the counts when it has ended.

use std::ops::AddAssign;
use std::time::Duration;

use crate::exit::ExitKind;

/// A process as its counters show it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vitals {
    pub(crate) queue_len: usize,
    pub(crate) queue_high_water: usize,
    pub(crate) work: Work,
    /// Bytes: of the process, of its body, and of what its queue has room for.
    pub(crate) memory: usize,
}

/// What one process has done, or many have.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) busy: Duration,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Work) {
        self.received += other.received;
        self.sent += other.sent;
        self.busy += other.busy;
    }
}

/// What is left of the processes that have ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) ended: [u64; ExitKind::ALL.len()],
    pub(crate) crashes: u64,
    pub(crate) work: Work,
}

impl Tally {
    /// Adds a process that has ended so.
    pub(crate) fn add(&mut self, kind: ExitKind, crashed: bool, work: Work) {
        self.ended[kind as usize] += 1;
        self.crashes += u64::from(crashed);
        self.work += work;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        for (count, more) in self.ended.iter_mut().zip(other.ended) {
            *count += more;
        }
        self.crashes += other.crashes;
        self.work += other.work;
    }
}
