//! The life of a process.
//!
//! Invariants:
//! - `finish` runs exactly once, whatever ends the body: return, panic, signal, or a dropped future.
//! - After it, no code of the process runs.
//! - Names are released before links are told, so a supervisor may restart under the same name at once. Who finds no such
//!   process any more finds its name free, too.
//! - One lock guards the mailbox and the relations of a process. Nobody holds two of them, or runs user code under one.

mod finish;
mod life;
mod push;
mod signals;
mod vitals;

pub(crate) use life::{Lives, Living};

use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};
use std::task::{Poll, Waker};

use crate::ancestors::Ancestors;
use crate::any_process::{AnyProcess, Delivery};
use crate::current;
use crate::dead_letters::{DeadLetter, DeadReason};
use crate::end::{AtomicEnd, End};
use crate::exit::ExitReason;
use crate::failure::OnFailure;
use crate::info::ProcessInfo;
use crate::links::{Control, Effect, Watcher};
use crate::mailbox::{Burst, Consumer, Item, Mailbox, NewsRef, Queue};
use crate::panic::drop_quietly;
use crate::pid::{MonitorRef, Pid, Recipient};
use crate::scheduler::{PollAgain, Priority};
use crate::signal::Signal;
use crate::slot::Owed;
use crate::sync::SpinLock;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::system::{Shared, SystemHandle};
use crate::system_message::{NotTaken, SystemMessage};
use crate::timers::{TimerOwner, Timers};
use crate::vitals::Vitals;
use crate::waiters::Place;

/// A process as its senders and its own body know it.
// What whoever sends it something or wakes it looks at comes first, in as few of the pieces that a processor takes from memory as
// may be: each has to be fetched if the process has run elsewhere.
#[repr(C)]
pub(crate) struct Process<M> {
    /// Set once it is woken while it is not in its berth. It changes under the lock.
    woken: AtomicBool,
    /// Set while something with priority waits: what the lock knows, told without the lock.
    urgent: AtomicBool,
    /// The next push wakes the task: what the lock knows, told without the lock. It may be false for no reason.
    armed: AtomicBool,
    /// Set once a signal has ended it: what the lock knows, told without the lock.
    doomed: AtomicBool,
    /// How urgent its work is, as a number.
    priority: AtomicU8,
    is_bounded: bool,
    /// Whether who has no room in its mailbox waits for some.
    pub(crate) makes_senders_wait: bool,
    /// Whether it runs now.
    running: AtomicBool,
    /// Whether the body waits for what comes next.
    #[cfg(debug_assertions)]
    receiving: AtomicBool,
    /// Whether a loop runs it that takes system messages.
    is_behaviour: AtomicBool,
    /// Whether a worker has noted to have it polled once more.
    noted: AtomicBool,
    /// Set once its body only cleans up: callers it left unanswered shall hear of its end.
    leaving: AtomicBool,
    /// Why it has ended, set when all is released and all are told.
    ended: AtomicEnd,
    /// How many times its supervisor had started this child before.
    restarts: AtomicU16,
    pub(crate) system: SystemHandle,
    inner: SpinLock<Inner<M>>,
    pub(crate) pid: Pid,
    pub(crate) ancestors: Ancestors,
    pub(crate) timers: TimerOwner,
    /// Nanoseconds from the system's start to its spawn.
    born_nanos: u64,
    /// Messages it has received.
    received: AtomicU64,
    /// Messages that mailboxes have taken from it.
    sent: AtomicU64,
    /// How long it has run while that was measured.
    busy_nanos: AtomicU64,
    /// How much its body has taken out of the queue and not received yet.
    held: AtomicU32,
    /// Bytes of what runs in it.
    body_size: AtomicU32,
}

// In this order, as the process.
#[repr(C)]
pub(crate) struct Inner<M> {
    /// Where its life lies while it waits.
    berth: Option<Living<M>>,
    queue: Queue<M>,
    control: Control,
}

/// The mailbox took no message; here it is again.
pub(crate) enum Refused<T> {
    Full(T),
    Gone(T),
}

impl<M: Send + 'static> Process<M> {
    pub(crate) fn new(
        pid: Pid,
        ancestors: Ancestors,
        system: SystemHandle,
        mailbox: Mailbox,
        control: Control,
    ) -> Self {
        Process {
            pid,
            ancestors,
            born_nanos: system.shared.recent_age_nanos(),
            system,
            inner: SpinLock::new(Inner { berth: None, queue: Queue::new(mailbox), control }),
            timers: TimerOwner::new(),
            held: AtomicU32::new(0),
            body_size: AtomicU32::new(0),
            restarts: AtomicU16::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
            priority: AtomicU8::new(Priority::Normal as u8),
            is_bounded: mailbox.is_bounded(),
            makes_senders_wait: mailbox.makes_senders_wait(),
            running: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            urgent: AtomicBool::new(false),
            armed: AtomicBool::new(false),
            #[cfg(debug_assertions)]
            receiving: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            is_behaviour: AtomicBool::new(false),
            noted: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            ended: AtomicEnd::new(),
        }
    }

    /// Takes the next item, and moves the others into `batch`, which is empty. If nothing waits, `waker` is woken when something
    /// comes. Nothing is given while something urgent waits, or when a signal has ended the process.
    #[inline(always)]
    pub(crate) fn take_next(&self, batch: &mut Burst<Item<M>>, waker: &Waker) -> Option<Item<M>> {
        if self.is_doomed() {
            return None;
        }
        if !self.is_woken_by(waker) {
            return self.take_next_for(waker, batch);
        }
        if self.armed.load(Ordering::Acquire) {
            // Nothing has come since the last look.
            self.note_receiving(true);
            batch.shrink();
            return None;
        }
        let mut inner = self.inner.lock();
        if inner.queue.has_urgent() {
            return None;
        }
        let next = inner.queue.take_next(batch);
        let mut before = None;
        // If it was the only one, and no other has come when the body asks again, it need not look here then.
        if batch.is_empty() && inner.queue.is_empty() {
            self.armed.store(true, Ordering::Release);
            before = inner.queue.wait_as_task();
        }
        self.taken(&next, batch);
        drop(inner);
        drop(before);
        next
    }

    /// As [`take_next`](Self::take_next), where what is woken is something within the process.
    #[cold]
    fn take_next_for(&self, waker: &Waker, batch: &mut Burst<Item<M>>) -> Option<Item<M>> {
        // Not under the lock: the waker may be anybody's.
        let waker = waker.clone();
        let mut inner = self.inner.lock();
        if inner.queue.has_urgent() {
            return None;
        }
        let next = inner.queue.take_next(batch);
        let before = match next {
            Some(_) => Consumer::Nobody,
            None => self.wait(&mut inner.queue, Consumer::Other(waker)),
        };
        self.taken(&next, batch);
        drop(inner);
        drop(before);
        next
    }

    /// The body has been given `next`, or nothing, and has a batch.
    #[inline(always)]
    fn taken(&self, next: &Option<Item<M>>, batch: &mut Burst<Item<M>>) {
        if next.is_some() {
            self.hold(batch.len() + 1);
        } else {
            self.note_receiving(true);
            batch.shrink();
        }
    }

    /// Moves what waits without priority into `batch`; if nothing at all waits, `waker` is woken when something comes.
    pub(crate) fn take_into(&self, batch: &mut Burst<Item<M>>, waker: &Waker) -> bool {
        let consumer = if self.is_woken_by(waker) { Consumer::Task } else { Consumer::Other(waker.clone()) };
        let mut inner = self.inner.lock();
        let taken = inner.queue.take_into(batch);
        self.hold(batch.len());
        if taken {
            return true;
        }
        self.note_receiving(true);
        let before = self.wait(&mut inner.queue, consumer);
        drop(inner);
        drop(before);
        false
    }

    /// Whether `waker` wakes the process, and not something within it.
    #[inline]
    fn is_woken_by(&self, waker: &Waker) -> bool {
        waker.data().addr() == self.address()
    }

    /// The lock is held: whoever pushes next wakes `consumer`. Returns whom it would have woken, to be dropped without the lock.
    #[inline]
    fn wait(&self, queue: &mut Queue<M>, consumer: Consumer) -> Consumer {
        self.armed.store(matches!(consumer, Consumer::Task), Ordering::Release);
        queue.wait(consumer)
    }

    /// Whether the body waits for what comes next, for those who look for deadlocks.
    #[inline]
    fn note_receiving(&self, _is_receiving: bool) {
        #[cfg(debug_assertions)]
        self.receiving.store(_is_receiving, Ordering::Release);
    }

    #[inline]
    pub(crate) fn has_urgent(&self) -> bool {
        self.urgent.load(Ordering::Acquire)
    }

    /// Moves what has priority into `batch`, at `place`, and tells how much that was.
    pub(crate) fn take_urgent_into(&self, batch: &mut Burst<Item<M>>, place: usize) -> usize {
        let mut inner = self.inner.lock();
        self.urgent.store(false, Ordering::Release);
        let count = inner.queue.take_urgent_into(batch, place);
        self.hold(batch.len());
        count
    }

    /// Moves all that waits without priority into `batch`.
    pub(crate) fn take_all_into(&self, batch: &mut Burst<Item<M>>) {
        let mut inner = self.inner.lock();
        inner.queue.take_all_into(batch);
        self.hold(batch.len());
    }

    /// The body has received an item and holds `held` more.
    pub(crate) fn received(&self, was_message: bool, held: usize) {
        self.note_receiving(false);
        if was_message {
            self.count_received();
        }
        self.hold(held);
        if was_message && self.is_bounded {
            let next = self.inner.lock().queue.received();
            wake(next);
        }
    }

    /// The body has given a message back, and holds `held` items again. It takes its room again, whether there is any or not.
    pub(crate) fn unreceived(&self, held: usize) {
        self.hold(held);
        if self.is_bounded {
            self.inner.lock().queue.unreceived();
        }
    }

    /// Takes back what the body held when its context was dropped. If the context has outlived the process, it is too
    /// late for that.
    pub(crate) fn put_back(&self, mut batch: Burst<Item<M>>, on_failure: Option<OnFailure>) {
        let mut inner = self.inner.lock();
        self.hold(0);
        if inner.control.stopped {
            drop(inner);
            self.bury(&mut batch);
            let _ = drop_quietly(on_failure);
        } else {
            self.armed.store(false, Ordering::Release);
            inner.queue.put_back(batch);
            if on_failure.is_some() {
                inner.control.seldom.make().on_failure = on_failure;
            }
        }
    }

    /// Discards news from the queue; the body has done so with what it holds, and holds `held` now.
    pub(crate) fn discard(&self, unwanted: impl Fn(NewsRef<'_>) -> bool + Copy, held: usize) {
        self.hold(held);
        let discarded = self.inner.lock().queue.discard(unwanted);
        // They may hold what user code made: they are dropped here, not under the lock.
        drop(discarded);
    }

    pub(crate) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::Acquire)
    }

    /// The body has begun to wait for an answer: when the worker's turn ends, it shall look whether that takes long.
    #[inline]
    pub(crate) fn wait_a_turn(self: &Arc<Self>) {
        if !self.noted.load(Ordering::Acquire) {
            self.noted.store(true, Ordering::Relaxed);
            self.system.shared.home.poll_after_turn(self);
        }
    }

    /// From now on system messages reach it.
    pub(crate) fn become_behaviour(&self) {
        self.is_behaviour.store(true, Ordering::Release);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    /// Whether the code that asks runs in this process.
    pub(crate) fn is_current(&self) -> bool {
        current::address() == self.address()
    }

    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    pub(crate) fn dead_letter(&self, reason: DeadReason, sender: Option<Pid>) {
        dead_letter::<M>(&self.system.shared, Recipient::Process(self.pid), reason, sender);
    }
}

impl<M> Drop for Process<M> {
    fn drop(&mut self) {
        // The error behind the reason may panic when it is dropped, and this may be dropped by anyone.
        if let Some(reason) = self.inner.get_mut().control.take_end() {
            reason.drop_quietly();
        }
    }
}

/// Reports a message of type `M` that reached nobody.
pub(crate) fn dead_letter<M>(system: &Shared, target: Recipient, reason: DeadReason, sender: Option<Pid>) {
    system.dead_letter(DeadLetter { target, message_type: type_name::<M>(), reason, sender });
}

/// Wakes somebody else.
fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<M: Send + 'static> AnyProcess for Process<M> {
    fn ancestors(&self) -> &Ancestors {
        &self.ancestors
    }

    fn ancestors_of_child(&self) -> Ancestors {
        let mut inner = self.inner.lock();
        let seldom = inner.control.seldom.make();
        self.ancestors.update(&mut seldom.of_children, self.pid, seldom.held.name.as_ref());
        seldom.of_children.clone()
    }

    fn message_type(&self) -> &'static str {
        type_name::<M>()
    }

    fn info(&self) -> Option<ProcessInfo> {
        self.read_info()
    }

    fn vitals(&self) -> Vitals {
        self.read_vitals()
    }

    #[cfg(debug_assertions)]
    fn is_receiving(&self) -> bool {
        self.receiving.load(Ordering::Acquire)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire) != End::Not
    }

    #[inline(always)]
    fn exit_reason(&self) -> Option<ExitReason> {
        match self.ended.load(Ordering::Acquire) {
            End::Not => None,
            End::Otherwise => self.inner.lock().control.closed().cloned(),
            end => end.reason(&None).cloned(),
        }
    }

    fn poll_end(&self, place: &mut Option<Place>, waker: &Waker) -> Poll<ExitReason> {
        if let Some(reason) = self.exit_reason() {
            return Poll::Ready(reason);
        }
        // Not under the lock: the waker may be anybody's.
        let waker = waker.clone();
        let mut inner = self.inner.lock();
        // The lock is taken to wake those who wait: either that finds this one, or it is done.
        if self.has_ended() {
            drop(inner);
            return self.exit_reason().map_or(Poll::Pending, Poll::Ready);
        }
        let before = inner.control.onlookers.make().waiters.wait(place, waker);
        drop(inner);
        drop(before);
        Poll::Pending
    }

    fn leave_waiters(&self, place: Place) {
        let mut inner = self.inner.lock();
        let waker = inner.control.onlookers.get_mut().and_then(|onlookers| onlookers.waiters.leave(place));
        drop(inner);
        drop(waker);
    }

    fn timers(&self) -> &Arc<Timers> {
        &self.system.shared.timers
    }

    fn owe(&self, answer: Owed) -> bool {
        let mut inner = self.inner.lock();
        // Under the lock that is taken to see to what it owes.
        let is_there = !self.has_ended();
        if is_there {
            inner.control.onlookers.make().debts.add(answer);
        }
        is_there
    }

    fn signal(&self, signal: Signal) -> Delivery {
        self.receive_signal(signal)
    }

    fn watch(&self, monitor: MonitorRef, watcher: Arc<dyn Watcher>, timers: &Arc<Timers>) -> Delivery {
        // Under the lock: many may want to at once, and each look at what another changes costs as much as the change.
        self.apply(|control| match Arc::ptr_eq(&self.system.shared.timers, timers) {
            true => control.watch(monitor, watcher),
            false => Effect::Gone,
        })
    }

    fn push_system(&self, message: SystemMessage) -> Result<(), NotTaken> {
        self.push_system_message(message)
    }

    fn doom(&self, reason: ExitReason) {
        self.apply(|control| control.doom(reason));
    }

    fn crash(&self, reason: ExitReason) {
        self.apply(|control| control.crash(reason));
    }

    fn with_control(&self, act: &mut dyn FnMut(&mut Control)) {
        act(&mut self.inner.lock().control);
    }
}

impl<M: Send + 'static> Watcher for Process<M> {
    fn pid(&self) -> Pid {
        self.pid
    }

    fn tell_down(&self, monitor: MonitorRef, reason: ExitReason) {
        self.receive_down(monitor, reason);
    }
}

impl<M: Send + 'static> PollAgain for Process<M> {
    fn poll_again(&self) {
        // Before: the poll that this leads to may have it noted anew.
        self.noted.store(false, Ordering::Release);
        self.rouse();
    }
}

impl<M> fmt::Debug for Process<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("pid", &self.pid).finish_non_exhaustive()
    }
}
