//! Which process's body runs on this thread.

use std::cell::Cell;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::pid::Pid;
use crate::reply::{self, Unanswered};
use crate::sync::per_thread;

/// So much may a process do in one poll that makes it wait for nothing: receive, send, look at the clock.
pub(crate) const POLL_BUDGET: u32 = 256;

/// What runs on this thread. No destructor among it: to look here costs next to nothing.
#[derive(Clone)]
struct Here {
    /// Where the process lies in memory, for pids of two systems may be alike; 0 if there is none.
    address: Cell<usize>,
    /// Its pid, if there is one.
    pid: Cell<Pid>,
    /// How much more of what is there at once it may do before it lets others run; without limit if no process runs.
    budget: Cell<u32>,
    /// How many messages it has sent, and not yet added to its count.
    sent: Cell<u64>,
    /// Since when its time is to be measured, if it is.
    began: Cell<Option<Instant>>,
    /// Whether the task is to be polled once more, when the turn of the worker that runs it ends.
    waits: Cell<bool>,
}

per_thread! {
    static HERE: Here = const {
        Here {
            address: Cell::new(0),
            pid: Cell::new(Pid::SYSTEM),
            budget: Cell::new(u32::MAX),
            sent: Cell::new(0),
            began: Cell::new(None),
            waits: Cell::new(false),
        }
    };
}

/// Where it lies in memory; 0 if there is none.
#[inline]
pub(crate) fn address() -> usize {
    HERE.with(|here| here.address.get())
}

pub(crate) fn pid() -> Option<Pid> {
    HERE.with(|here| (here.address.get() != 0).then(|| here.pid.get()))
}

/// A mailbox has taken a message from whoever runs here.
#[inline]
pub(crate) fn count_sent() {
    HERE.with(|here| here.sent.set(here.sent.get() + 1));
}

pub(crate) fn take_sent() -> u64 {
    HERE.with(|here| here.sent.take())
}

/// Has the process that runs here polled once more when the worker's turn ends. False if it is something else, within the process,
/// that `waker` wakes: what wakes a process refers to where that lies.
#[inline]
pub(crate) fn wait_a_turn(waker: &Waker) -> bool {
    HERE.with(|here| {
        let is_process = here.address.get() == waker.data().addr();
        here.waits.set(here.waits.get() || is_process);
        is_process
    })
}

#[inline]
pub(crate) fn waits() -> bool {
    HERE.with(|here| here.waits.get())
}

pub(crate) fn began() -> Option<Instant> {
    HERE.with(|here| here.began.get())
}

pub(crate) fn set_began(began: Instant) {
    HERE.with(|here| here.began.set(Some(began)));
}

/// Something was done at once: a step less until others run.
#[inline]
pub(crate) fn spend() {
    HERE.with(|here| here.budget.set(here.budget.get().saturating_sub(1)));
}

/// Whether whoever runs here may do more in this poll.
#[inline]
pub(crate) fn has_budget() -> bool {
    HERE.with(|here| here.budget.get() > 0)
}

/// Pending, and woken at once, if whoever runs here has done so much in this poll that others shall run.
#[inline]
pub(crate) fn poll_budget(cx: &Context<'_>) -> Poll<()> {
    match HERE.with(|here| here.budget.get()) {
        0 => renew(cx),
        _ => Poll::Ready(()),
    }
}

#[cold]
fn renew(cx: &Context<'_>) -> Poll<()> {
    // Outside of processes there is no next poll that gives a new budget.
    if pid().is_none() {
        HERE.with(|here| here.budget.set(u32::MAX));
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

/// Who ran on a thread before.
#[must_use = "it is to be there again"]
pub(crate) struct Outer {
    here: Option<Box<Here>>,
    unanswered: Option<reply::Outer>,
}

/// Marks this thread as running that process, until it [leaves](leave); replies that are dropped meanwhile end in `unanswered`.
/// `began` is now, if its time is to be measured.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn enter(address: usize, pid: Pid, began: Option<Instant>, unanswered: &mut Unanswered) -> Outer {
    let here = HERE.with(|here| here.enter(address, pid, began));
    Outer { here, unanswered: Unanswered::begin(unanswered) }
}

/// Who ran here before [`enter`] runs here again.
#[cfg_attr(not(debug_assertions), inline(always))]
pub(crate) fn leave(outer: Outer, unanswered: &mut Unanswered) {
    Unanswered::end(outer.unanswered, unanswered);
    HERE.with(|here| here.leave(outer.here));
}

impl Here {
    /// Returns what was here, if a process was.
    #[inline]
    fn enter(&self, address: usize, pid: Pid, began: Option<Instant>) -> Option<Box<Here>> {
        let outer = (self.address.get() != 0).then(|| Box::new(self.clone()));
        self.address.set(address);
        self.pid.set(pid);
        self.budget.set(POLL_BUDGET);
        self.sent.set(0);
        self.waits.set(false);
        if began.is_some() || outer.is_some() {
            self.began.set(began);
        }
        outer
    }

    #[inline]
    fn leave(&self, outer: Option<Box<Here>>) {
        match outer {
            Some(outer) => self.restore(&outer),
            None => {
                self.address.set(0);
                self.budget.set(u32::MAX);
                self.began.set(None);
            }
        }
    }

    #[cold]
    fn restore(&self, outer: &Here) {
        self.address.set(outer.address.get());
        self.pid.set(outer.pid.get());
        self.budget.set(outer.budget.get());
        self.sent.set(outer.sent.get());
        self.began.set(outer.began.get());
        self.waits.set(outer.waits.get());
    }
}
