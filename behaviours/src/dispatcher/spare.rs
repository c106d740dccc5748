//! Letters that are empty again. Who sends many of a type, and has them opened on the same thread, needs no new room for each.

use std::any::Any;
use std::cell::RefCell;

/// So many are kept on a thread.
const MOST: usize = 128;

/// Those that take more room are not kept.
const LARGEST: usize = 128;

thread_local! {
    static SPARE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Takes the one that was given back last, if it is of that type; if not, it is of use to nobody now, and goes.
#[inline]
pub(super) fn take<T: Any>() -> Option<Box<T>> {
    let last = SPARE.try_with(|spare| spare.try_borrow_mut().ok()?.pop()).ok()??;
    last.downcast().ok()
}

/// Gives one back that is empty.
#[inline]
pub(super) fn give_back(empty: Box<dyn Any>) {
    if size_of_val(&*empty) > LARGEST {
        return;
    }
    // A thread that is being torn down keeps nothing any more.
    let _ = SPARE.try_with(|spare| match spare.try_borrow_mut() {
        Ok(mut spare) if spare.len() < MOST => spare.push(empty),
        _ => drop(empty),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken_again<T: Any + Default>() -> bool {
        let room = Box::new(T::default());
        let place = std::ptr::from_ref(&*room);
        give_back(room);
        take::<T>().is_some_and(|again| std::ptr::eq(&raw const *again, place))
    }

    #[test]
    fn a_room_is_used_again_for_its_type_unless_it_is_large() {
        assert!(is_taken_again::<u64>());
        assert!(!is_taken_again::<[[u64; 8]; 8]>());
        give_back(Box::new(7_u64));
        assert_eq!(take::<u32>(), None);
        assert_eq!(take::<u64>(), None, "what was in the way is gone");
    }

    #[test]
    fn no_more_are_kept_than_a_burst_needs() {
        (0..=MOST).for_each(|_| give_back(Box::new(7_u64)));
        assert_eq!(std::iter::from_fn(take::<u64>).count(), MOST);
    }
}
