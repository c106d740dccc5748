//! Slots that are empty again. Who calls again and again, and gets its answers at once, needs a single one.

use std::any::Any;
use std::cell::Cell;
use std::sync::Arc;

use super::Share;
use crate::sync::per_thread;

type AnyShare = Arc<dyn Any + Send + Sync>;

per_thread! {
    /// The two shares of the one that was given back last on this thread.
    static SPARE: Cell<Option<(AnyShare, AnyShare)>> = const { Cell::new(None) };
}

/// Takes one that was given back, if it is of that kind.
#[inline]
pub(super) fn take<T: Send + 'static>() -> Option<(Share<T>, Share<T>)> {
    let (one, other) = SPARE.try_with(Cell::take).ok()??;
    Some((one.downcast().ok()?, other.downcast().ok()?))
}

/// Gives one back that is empty; nobody has more than these two shares of it.
#[inline]
pub(super) fn give_back<T: Send + 'static>(one: Share<T>, other: Share<T>) {
    // What was there before may only go when the cell is free again.
    let _before = SPARE.try_with(|spare| spare.replace(Some((one, other))));
}

#[cfg(test)]
mod tests {
    use futures_lite::future;

    use super::super::{NoValue, Receiver, slot};
    use super::*;

    fn place<T>(receiver: &Receiver<T>) -> Option<usize> {
        receiver.shared.as_ref().map(|shared| Arc::as_ptr(shared).addr())
    }

    #[test]
    fn a_room_is_used_again_once_nobody_else_has_it_and_is_empty_then() {
        let (sender, mut receiver) = slot();
        let first = place(&receiver);
        assert_eq!(sender.send(7), Ok(()));
        assert_eq!(future::block_on(&mut receiver), Ok(7));
        let (sender, mut again) = slot::<i32>();
        assert_eq!(place(&again), first);
        assert!(future::block_on(future::poll_once(&mut again)).is_none());
        assert_eq!(sender.send(8), Ok(()));
        assert_eq!(future::block_on(again), Ok(8));
        assert_eq!(future::block_on(receiver), Err(NoValue::Dropped), "who was here before is not here now");
    }

    #[test]
    fn a_room_that_somebody_still_knows_or_of_another_kind_is_not_used_again() {
        let (sender, mut receiver) = slot();
        let (first, owed) = (place(&receiver), receiver.owed());
        assert_eq!(sender.send(7), Ok(()));
        assert_eq!(future::block_on(&mut receiver), Ok(7));
        let (_sender, second) = slot::<i32>();
        assert_ne!(place(&second), first, "it could be closed by the other");
        drop(owed);
        let (sender, third) = slot();
        assert_eq!(sender.send('a'), Ok(()));
        assert_eq!(future::block_on(third), Ok('a'));
        assert!(take::<i32>().is_none());
    }
}
