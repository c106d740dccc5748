//! Senders whose right is another's, and senders whom no receiver waits for: so answers cross to other systems.

use std::mem;
use std::sync::{Arc, Weak};

use super::{Close, Gone, HandOn, Inherited, Owed, Sender, Share, Slot, State, wake};
use crate::sync::SpinLock;

/// The right to send one value, in a sender's stead.
pub(crate) struct Heir<T>(Option<Legacy<T>>);

enum Legacy<T> {
    Slot(Share<T>),
    HandOn(HandOn<T>),
}

impl<T> Heir<T> {
    /// Sends `value`; if nobody waits any more, it is dropped.
    pub(crate) fn send(mut self, value: T) {
        self.settle(Some(value));
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(&self.0, Some(Legacy::Slot(shared)) if shared.lock().is_closed())
    }

    fn settle(&mut self, value: Option<T>) {
        let shared = match self.0.take() {
            Some(Legacy::Slot(shared)) => shared,
            Some(Legacy::HandOn(to)) => return to(value),
            None => return,
        };
        let mut slot = shared.lock();
        let State::Inherited(inherited) = &mut slot.state else { return };
        let receiver = inherited.receiver.take();
        let before = mem::replace(&mut slot.state, value.map_or(State::Closed, State::Full));
        drop(slot);
        drop(before);
        wake(receiver);
    }
}

impl<T> Drop for Heir<T> {
    fn drop(&mut self) {
        self.settle(None);
    }
}

impl<T> Sender<T> {
    /// Leaves the right to send to an heir; `None` if nobody waits any more. If the receiver goes before the heir has sent, `gone`
    /// is called.
    pub(crate) fn bequeath(&self, gone: Gone) -> Option<Heir<T>> {
        let shared = self.shared.as_ref()?;
        let mut slot = shared.lock();
        match mem::replace(&mut slot.state, State::Closed) {
            State::Empty(receiver) => {
                slot.state = State::Inherited(Box::new(Inherited { receiver, gone }));
                Some(Heir(Some(Legacy::Slot(shared.clone()))))
            }
            State::HandedOn(to) => Some(Heir(Some(Legacy::HandOn(to)))),
            before => {
                slot.state = before;
                None
            }
        }
    }
}

/// A sender of what `to` is handed, and the slot as who no longer wants it may close it.
pub(crate) fn handing_on<T: Send + 'static>(to: HandOn<T>) -> (Sender<T>, Owed) {
    let shared = Arc::new(SpinLock::new(Slot::new(State::HandedOn(to))));
    (Sender { shared: Some(shared.clone()) }, Owed(shared))
}

impl Owed {
    /// The same, without a claim to it: it may be gone by then.
    pub(crate) fn downgrade(&self) -> WeaklyOwed {
        WeaklyOwed(Arc::downgrade(&self.0))
    }
}

/// An [`Owed`] that does not keep the slot.
pub(crate) struct WeaklyOwed(Weak<dyn Close>);

impl WeaklyOwed {
    pub(crate) fn cancel(&self) {
        if let Some(slot) = self.0.upgrade() {
            slot.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future;

    use super::super::{NoValue, slot};
    use super::*;

    fn nobody_gone() -> Gone {
        Box::new(|| panic!("the receiver is there"))
    }

    #[test]
    fn what_an_heir_sends_is_received_though_the_sender_is_dropped_before_or_after() {
        let (sender, mut receiver) = slot();
        let heir = sender.bequeath(nobody_gone()).expect("somebody waits");
        assert!(future::block_on(future::poll_once(&mut receiver)).is_none());
        drop(sender);
        heir.send(7);
        assert_eq!(future::block_on(receiver), Ok(7));
        let (sender, receiver) = slot();
        sender.bequeath(nobody_gone()).expect("somebody waits").send(8);
        drop(sender);
        assert_eq!(future::block_on(receiver), Ok(8));
    }

    #[test]
    fn an_heir_that_is_dropped_ends_the_wait() {
        let (sender, receiver) = slot::<u32>();
        let heir = sender.bequeath(nobody_gone());
        drop(sender);
        drop(heir);
        assert_eq!(future::block_on(receiver), Err(NoValue::Dropped));
    }

    #[test]
    fn a_receiver_that_goes_is_told_of_once_and_what_the_heir_sends_then_is_dropped() {
        let told = Arc::new(());
        let tell = told.clone();
        let (sender, receiver) = slot();
        let heir = sender.bequeath(Box::new(move || drop(tell))).expect("somebody waits");
        drop(receiver);
        assert_eq!(Arc::strong_count(&told), 1);
        assert!(heir.is_closed() && sender.is_closed());
        heir.send(told.clone());
        assert_eq!(Arc::strong_count(&told), 1);
        assert!(sender.bequeath(nobody_gone()).is_none(), "nobody waits any more");
    }

    #[test]
    fn a_value_is_handed_on_at_once_or_that_there_will_be_none() {
        let handed = Arc::new(SpinLock::new(Vec::new()));
        let to = || {
            let handed = handed.clone();
            Box::new(move |value| handed.lock().push(value))
        };
        assert_eq!(handing_on(to()).0.send(7), Ok(()));
        drop(handing_on::<u32>(to()));
        let (sender, _slot) = handing_on(to());
        let heir = sender.bequeath(nobody_gone()).expect("somebody is handed it");
        drop(sender);
        heir.send(8);
        let (sender, owed) = handing_on::<u32>(to());
        owed.downgrade().cancel();
        assert!(sender.is_closed());
        assert_eq!(sender.send(9), Err(9));
        assert_eq!(*handed.lock(), [Some(7), None, Some(8)]);
    }
}
