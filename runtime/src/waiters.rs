//! Who waits until a process has ended, without being a process that monitors it.

use std::task::Waker;

use crate::few::Few;

/// What wakes those that wait.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    wakers: Few<u64, Waker>,
    last: u64,
}

/// Where one of them waits, until it is woken or [leaves](Waiters::leave).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(u64);

impl Waiters {
    /// From now on `waker` wakes who waits in that place, or in a new one. Returns what has done so before, to be dropped without
    /// a lock.
    pub(crate) fn wait(&mut self, place: &mut Option<Place>, waker: Waker) -> Option<Waker> {
        let Place(number) = *place.get_or_insert_with(|| {
            self.last += 1;
            Place(self.last)
        });
        self.wakers.insert(number, waker)
    }

    /// Who waits there gives up. Returns what would have woken it.
    pub(crate) fn leave(&mut self, place: Place) -> Option<Waker> {
        self.wakers.remove(&place.0)
    }

    pub(crate) fn wake_all(&mut self) {
        std::mem::take(&mut self.wakers).into_iter().for_each(|(_, waker)| waker.wake());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;
    use crate::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn who_waits_is_woken_once_and_who_gave_up_is_forgotten() {
        let (count, mut waiters) = (Arc::<Count>::default(), Waiters::default());
        let mut places = [None; 3];
        for _ in 0..2 {
            places.iter_mut().for_each(|place| drop(waiters.wait(place, count.clone().into())));
        }
        let given_up = waiters.leave(places[1].expect("it waits"));
        assert!(given_up.is_some());
        drop(given_up);
        assert_eq!(Arc::strong_count(&count), 3);
        waiters.wake_all();
        assert_eq!((count.0.load(Ordering::SeqCst), Arc::strong_count(&count)), (2, 1));
    }
}
