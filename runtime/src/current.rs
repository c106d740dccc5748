//! Which process's body runs on this thread.

use std::cell::Cell;

use crate::pid::Pid;
use crate::reply::Unanswered;

/// A process, known by where it lies in memory: pids of two systems may be alike.
#[derive(Clone, Copy)]
struct Current {
    address: usize,
    pid: Option<Pid>,
}

thread_local! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { address: 0, pid: None }) };
}

/// Where it lies in memory; 0 if there is none.
pub(crate) fn address() -> usize {
    CURRENT.get().address
}

pub(crate) fn pid() -> Option<Pid> {
    CURRENT.get().pid
}

/// Marks this thread as running that process while `code` runs; replies that are dropped meanwhile end in `unanswered`.
pub(crate) fn within<T>(address: usize, pid: Pid, unanswered: &mut Unanswered, code: impl FnOnce() -> T) -> T {
    let outer = CURRENT.replace(Current { address, pid: Some(pid) });
    let outer_unanswered = Unanswered::begin(std::mem::take(unanswered));
    let result = code();
    *unanswered = Unanswered::end(outer_unanswered);
    CURRENT.set(outer);
    result
}
