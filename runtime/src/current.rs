//! Which process's body runs on this thread.

use std::cell::Cell;
use std::time::Instant;

use crate::pid::Pid;
use crate::reply::Unanswered;
use crate::sync::per_thread;

/// A process, known by where it lies in memory: pids of two systems may be alike.
#[derive(Clone, Copy)]
struct Current {
    address: usize,
    pid: Option<Pid>,
}

per_thread! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { address: 0, pid: None }) };
    /// How many messages it has sent, and not yet added to its count.
    static SENT: Cell<u64> = const { Cell::new(0) };
    /// Since when its time is to be measured, if it is.
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Where it lies in memory; 0 if there is none.
pub(crate) fn address() -> usize {
    CURRENT.get().address
}

pub(crate) fn pid() -> Option<Pid> {
    CURRENT.get().pid
}

/// A mailbox has taken a message from whoever runs here.
pub(crate) fn count_sent() {
    SENT.set(SENT.get() + 1);
}

pub(crate) fn take_sent() -> u64 {
    SENT.take()
}

pub(crate) fn take_began() -> Option<Instant> {
    BEGAN.take()
}

pub(crate) fn set_began(began: Instant) {
    BEGAN.set(Some(began));
}

/// Marks this thread as running that process while `code` runs; replies that are dropped meanwhile end in `unanswered`.
/// `began` is now, if its time is to be measured.
pub(crate) fn within<T>(
    address: usize,
    pid: Pid,
    began: Option<Instant>,
    unanswered: &mut Unanswered,
    code: impl FnOnce() -> T,
) -> T {
    let outer = CURRENT.replace(Current { address, pid: Some(pid) });
    let (outer_sent, outer_began) = (SENT.take(), BEGAN.replace(began));
    let outer_unanswered = Unanswered::begin(std::mem::take(unanswered));
    let result = code();
    *unanswered = Unanswered::end(outer_unanswered);
    BEGAN.set(outer_began);
    SENT.set(outer_sent);
    CURRENT.set(outer);
    result
}
