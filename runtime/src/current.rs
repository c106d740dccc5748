//! Which process's body runs on this thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Context, Poll};
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

/// So much may a process do in one poll that makes it wait for nothing: receive, send, look at the clock.
pub(crate) const POLL_BUDGET: u32 = 256;

per_thread! {
    static CURRENT: Cell<Current> = const { Cell::new(Current { address: 0, pid: None }) };
    /// How much more of what is there at once it may do before it lets others run; without limit if no process runs.
    static BUDGET: Cell<u32> = const { Cell::new(u32::MAX) };
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

/// Something was done at once: a step less until others run.
pub(crate) fn spend() {
    BUDGET.set(BUDGET.get().saturating_sub(1));
}

/// Pending, and woken at once, if whoever runs here has done so much in this poll that others shall run.
pub(crate) fn poll_budget(cx: &Context<'_>) -> Poll<()> {
    if BUDGET.get() > 0 {
        return Poll::Ready(());
    }
    // Outside of processes there is no next poll that gives a new budget.
    if pid().is_none() {
        BUDGET.set(u32::MAX);
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Lets others run if this process has not waited for long; costs next to nothing otherwise.
///
/// What the library offers does this of itself: receiving, sending, calling, sleeping. A process that loops over something else
/// which is always ready, such as a socket that has ever more to read, calls it once in each round.
///
/// # Cancel safety
/// Dropping the future has no effect.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, System, consume_budget};
///
/// let system = System::builder("fair").workers(1).build()?;
/// let busy = system.spawn(|_ctx: Context<()>| async {
///     loop {
///         consume_budget().await;
///     }
/// });
/// let polite = system.spawn(|_ctx: Context<()>| async {});
/// futures_lite::future::block_on(polite.exited());
/// assert!(system.is_alive(&busy));
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn consume_budget() {
    poll_fn(|cx| poll_budget(cx)).await;
    spend();
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
    let outer_budget = BUDGET.replace(POLL_BUDGET);
    let (outer_sent, outer_began) = (SENT.take(), BEGAN.replace(began));
    let outer_unanswered = Unanswered::begin(std::mem::take(unanswered));
    let result = code();
    *unanswered = Unanswered::end(outer_unanswered);
    BEGAN.set(outer_began);
    SENT.set(outer_sent);
    BUDGET.set(outer_budget);
    CURRENT.set(outer);
    result
}
