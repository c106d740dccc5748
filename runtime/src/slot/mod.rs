//! Room for one value on its way from one task to another.
//!
//! A sender may leave its right to an heir, and there may be nobody who receives but one who is handed the value at once: so
//! answers cross to other systems.
//!
//! Invariants:
//! - What is sent is received, or given back, or dropped by the receiver; never by both, never under the lock.
//! - A receiver that waits is woken once: by the value, by the end of its sender or of its heir, or because it is too late for all.

#[cfg_attr(not(feature = "crossing"), allow(dead_code, reason = "only what crosses has heirs"))]
mod heir;
mod spare;

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::{OwnedGuard, SpinLock};

#[cfg(feature = "crossing")]
pub(crate) use heir::{Heir, WeaklyOwed, handing_on};

/// A sender and a receiver that share an empty slot.
pub(crate) fn slot<T: Send + 'static>() -> (Sender<T>, Receiver<T>) {
    let (one, other) = spare::take().unwrap_or_else(|| {
        let shared = Arc::new(SpinLock::new(Slot::new(State::Empty(None))));
        (shared.clone(), shared)
    });
    (Sender { shared: Some(one) }, Receiver { shared: Some(other) })
}

/// A sender's, a receiver's, or somebody else's share of a slot.
type Share<T> = Arc<SpinLock<Slot<T>>>;

struct Slot<T> {
    state: State<T>,
    /// The share of a sender that has sent; it is used again.
    left: Option<Share<T>>,
}

impl<T> Slot<T> {
    fn new(state: State<T>) -> Self {
        Slot { state, left: None }
    }

    /// Whether nothing will be sent or received any more.
    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// Puts back what was there before a value, and gives that out again.
    #[cold]
    fn restore(&mut self, before: State<T>) -> T {
        match mem::replace(&mut self.state, before) {
            State::Full(value) => value,
            _ => unreachable!("it was put there under this lock"),
        }
    }

    /// Closes it; returns what was there before, which may only go when the lock is free.
    fn close(&mut self) -> (State<T>, Option<Share<T>>) {
        (mem::replace(&mut self.state, State::Closed), self.left.take())
    }
}

enum State<T> {
    /// Nothing was sent yet; whom to wake when that changes.
    Empty(Option<Waker>),
    Full(T),
    /// The receiver shall wait no longer. Until it hears of that, a value is in time.
    Late,
    /// Nothing will be sent or received any more.
    Closed,
    /// As `Empty`, but it is an heir who may send.
    Inherited(Box<Inherited>),
    /// Nobody receives here: this is handed what is sent, or that nothing will be.
    HandedOn(HandOn<T>),
}

struct Inherited {
    /// Whom to wake.
    receiver: Option<Waker>,
    /// Called if the receiver goes before the heir has sent.
    gone: Gone,
}

/// What is called when nobody waits any more.
pub(crate) type Gone = Box<dyn FnOnce() + Send>;

/// What is handed a value, or that there will be none.
pub(crate) type HandOn<T> = Box<dyn FnOnce(Option<T>) + Send>;

impl<T> State<T> {
    /// Where a receiver leaves its waker; `None` if it need not wait.
    #[inline]
    fn waiting(&mut self) -> Option<&mut Option<Waker>> {
        match self {
            State::Empty(receiver) => Some(receiver),
            State::Full(_) => None,
            seldom => seldom.waiting_for_heir(),
        }
    }

    #[cold]
    fn waiting_for_heir(&mut self) -> Option<&mut Option<Waker>> {
        match self {
            State::Inherited(inherited) => Some(&mut inherited.receiver),
            _ => None,
        }
    }

    /// Why a receiver that no longer waits has got nothing.
    #[cold]
    fn into_no_value(self) -> NoValue {
        match self {
            State::Late => NoValue::Late,
            _ => NoValue::Dropped,
        }
    }
}

/// The right to send one value.
pub(crate) struct Sender<T> {
    /// Taken away once it has sent.
    shared: Option<Share<T>>,
}

/// Ready with the value, or with an error if the sender was dropped without sending.
///
/// # Cancel safety
/// Dropping it drops the value, if it was sent.
pub(crate) struct Receiver<T> {
    /// Taken away once it is ready.
    shared: Option<Share<T>>,
}

/// A value that somebody owes, whatever its type: the slot as a third party may close it.
#[derive(Clone)]
pub(crate) struct Owed(Arc<dyn Close>);

trait Close: Send + Sync {
    fn cancel(&self);
    fn expire(&self);
}

impl Owed {
    /// How many there are of the sender, the receiver, and others who may close the slot.
    #[inline]
    pub(crate) fn others(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// Ends the wait of the receiver, unless the value was sent: what its sender sends later is given back.
    pub(crate) fn cancel(self) {
        self.0.cancel();
    }

    /// As [`cancel`](Self::cancel), because the time for it is over.
    pub(crate) fn expire(&self) {
        self.0.expire();
    }
}

impl<T: Send> Close for SpinLock<Slot<T>> {
    fn cancel(&self) {
        close_empty(self, State::Closed);
    }

    fn expire(&self) {
        close_empty(self, State::Late);
    }
}

fn close_empty<T>(slot: &SpinLock<Slot<T>>, end: State<T>) {
    let mut slot = slot.lock();
    if matches!(slot.state, State::Full(_) | State::Late | State::Closed) {
        return;
    }
    let before = mem::replace(&mut slot.state, end);
    drop(slot);
    match before {
        State::Empty(receiver) => wake(receiver),
        State::Inherited(inherited) => {
            wake(inherited.receiver);
            (inherited.gone)();
        }
        State::Full(_) | State::Late | State::Closed | State::HandedOn(_) => {}
    }
}

impl<T: Send + 'static> Receiver<T> {
    /// What others may close; nothing once this is ready.
    pub(crate) fn owed(&self) -> Option<Owed> {
        self.shared.clone().map(|shared| Owed(shared))
    }
}

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoValue {
    /// The sender was dropped without sending, somebody has cancelled it, or it was received already.
    Dropped,
    /// The time for it was over before it was sent.
    Late,
}

impl<T: 'static> Sender<T> {
    /// Sends `value`, or gives it back if the receiver was dropped.
    #[inline]
    pub(crate) fn send(mut self, value: T) -> Result<(), T> {
        let share = self.shared.take().expect("a sender sends once");
        let mut slot = OwnedGuard::lock(share);
        let receiver = match mem::replace(&mut slot.state, State::Full(value)) {
            State::Empty(receiver) => receiver,
            State::Late => None,
            before => {
                let value = slot.restore(before);
                return hand_on(slot.release(), value);
            }
        };
        slot.leave_in(|slot| &mut slot.left);
        wake(receiver);
        Ok(())
    }

    /// Whether the receiver was dropped.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| shared.lock().is_closed())
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            end_unsent(shared);
        }
    }
}

/// Nothing will be sent.
#[cold]
fn end_unsent<T>(shared: Share<T>) {
    let mut slot = shared.lock();
    if let State::Empty(receiver) = &mut slot.state {
        let receiver = receiver.take();
        slot.state = State::Closed;
        drop(slot);
        wake(receiver);
    } else if let State::HandedOn(_) = slot.state
        && let State::HandedOn(to) = mem::replace(&mut slot.state, State::Closed)
    {
        drop(slot);
        to(None);
    }
}

/// There is no receiver who waits for `value`.
#[cold]
fn hand_on<T>(share: Share<T>, value: T) -> Result<(), T> {
    let mut slot = share.lock();
    match mem::replace(&mut slot.state, State::Closed) {
        State::HandedOn(to) => {
            drop(slot);
            to(Some(value));
            Ok(())
        }
        before => {
            slot.state = before;
            Err(value)
        }
    }
}

fn wake(receiver: Option<Waker>) {
    if let Some(waker) = receiver {
        waker.wake();
    }
}

impl<T: Send + 'static> Future for Receiver<T> {
    type Output = Result<T, NoValue>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(shared) = &self.shared else { return Poll::Ready(Err(NoValue::Dropped)) };
        let mut slot = shared.lock();
        if let Some(receiver) = slot.state.waiting() {
            let known = receiver.as_ref().is_some_and(|known| known.will_wake(cx.waker()));
            let before = if known { None } else { receiver.replace(cx.waker().clone()) };
            drop(slot);
            drop(before);
            return Poll::Pending;
        }
        // If nobody else has a share, these two are for the next who calls.
        let left = slot.left.take().filter(|_| Arc::strong_count(shared) == 2);
        let after = if left.is_some() { State::Empty(None) } else { State::Closed };
        let end = mem::replace(&mut slot.state, after);
        drop(slot);
        if let (Some(own), Some(left)) = (self.shared.take(), left) {
            spare::give_back(own, left);
        }
        Poll::Ready(match end {
            State::Full(value) => Ok(value),
            end => Err(end.into_no_value()),
        })
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            give_up(shared);
        }
    }
}

/// Nothing will be received.
#[cold]
fn give_up<T>(shared: Share<T>) {
    let (state, left) = shared.lock().close();
    // The value, or a waker, may run user code as it goes: the lock is free.
    match state {
        State::Inherited(inherited) => (inherited.gone)(),
        state => drop(state),
    }
    drop(left);
}

impl<T: 'static> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use futures_lite::future;

    use super::*;

    const TIMES: usize = if cfg!(miri) { 100 } else { 10_000 };

    /// Does both at once, on two threads.
    fn at_once(one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                one();
            });
            start.wait();
            other();
        });
    }

    #[test]
    fn what_is_sent_is_received_once() {
        let (sender, mut receiver) = slot();
        assert_eq!(sender.send(7), Ok(()));
        assert_eq!(future::block_on(&mut receiver), Ok(7));
        assert_eq!(future::block_on(&mut receiver), Err(NoValue::Dropped));
    }

    #[test]
    fn a_value_is_late_once_the_receiver_has_heard_that_its_time_is_over() {
        let (sender, mut receiver) = slot();
        receiver.owed().expect("it waits").expire();
        assert_eq!(future::block_on(&mut receiver), Err(NoValue::Late));
        assert!(sender.is_closed());
        assert_eq!(sender.send(7), Err(7));
        for is_sent_before in [true, false] {
            let (sender, receiver) = slot();
            let owed = receiver.owed().expect("it waits");
            let mut sender = Some(sender);
            let mut send = |now| {
                if now {
                    assert_eq!(sender.take().map(|sender| sender.send(7)), Some(Ok(())))
                }
            };
            send(is_sent_before);
            owed.expire();
            send(!is_sent_before);
            assert_eq!(future::block_on(receiver), Ok(7));
        }
    }

    #[test]
    fn who_sends_to_a_receiver_that_is_gone_gets_it_back() {
        let (sender, receiver) = slot();
        drop(receiver);
        assert!(sender.is_closed());
        assert_eq!(sender.send(7), Err(7));
    }

    #[test]
    fn a_receiver_that_waits_hears_of_a_value_and_of_the_senders_end() {
        for _ in 0..TIMES / 10 {
            let (sender, receiver) = slot();
            at_once(|| assert_eq!(sender.send(7), Ok(())), || assert_eq!(future::block_on(receiver), Ok(7)));
            let (sender, receiver) = slot::<u32>();
            at_once(|| drop(sender), || assert_eq!(future::block_on(receiver), Err(NoValue::Dropped)));
        }
    }

    #[test]
    fn a_receiver_that_has_waited_may_be_dropped_while_the_sender_sends_or_is_dropped() {
        let polled = || {
            let (sender, mut receiver) = slot::<Arc<()>>();
            assert!(future::block_on(future::poll_once(&mut receiver)).is_none());
            (sender, receiver)
        };
        let value = Arc::new(());
        for _ in 0..TIMES {
            let (sender, receiver) = polled();
            at_once(|| drop(sender.send(value.clone())), || drop(receiver));
            assert_eq!(Arc::strong_count(&value), 1, "it is dropped, by whoever has it");
            let (sender, receiver) = polled();
            at_once(|| drop(sender), || drop(receiver));
        }
    }
}
