//! A queue whose first item needs no allocation: most mailboxes never hold more than one.

use super::burst::Burst;

#[derive(Debug)]
pub(crate) struct Fifo<T> {
    /// There is none only if `rest` is empty, too.
    first: Option<T>,
    rest: Burst<T>,
}

impl<T> Fifo<T> {
    pub(crate) const fn new() -> Self {
        Fifo { first: None, rest: Burst::new() }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, item: T) {
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.rest.make().push_back(item);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let first = self.first.take()?;
        self.first = self.rest.pop_front();
        Some(first)
    }

    /// Takes the first item out, and moves the others into `batch`, which is empty.
    #[inline]
    pub(crate) fn take_all(&mut self, batch: &mut Burst<T>) -> Option<T> {
        let first = self.first.take();
        if !self.rest.is_empty() {
            std::mem::swap(&mut self.rest, batch);
        } else {
            self.rest.shrink();
        }
        first
    }

    /// Moves all items behind those in `batch`.
    pub(crate) fn append_to(&mut self, batch: &mut Burst<T>) {
        if let Some(first) = self.first.take() {
            batch.make().push_back(first);
            batch.append(&mut self.rest);
        }
    }

    /// Puts `batch` before all items.
    pub(crate) fn put_in_front(&mut self, mut batch: Burst<T>) {
        self.append_to(&mut batch);
        self.first = batch.pop_front();
        self.rest = batch;
    }

    /// Removes the first item that `is_wanted`.
    pub(crate) fn remove_first(&mut self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        if is_wanted(self.first.as_ref()?) {
            return self.pop();
        }
        let place = self.rest.iter().position(is_wanted)?;
        self.rest.remove(place)
    }

    /// For how many items it has room that an allocation gave it.
    pub(crate) fn allocated(&self) -> usize {
        self.rest.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use fastrand::Rng;

    use super::*;

    #[test]
    fn it_does_what_a_plain_queue_does() {
        for seed in 0..1_000 {
            let mut rng = Rng::with_seed(seed);
            let (mut fifo, mut model) = (Fifo::new(), VecDeque::new());
            for n in 0..50 {
                match rng.u8(..6) {
                    0 => assert_eq!(fifo.pop(), model.pop_front(), "seed {seed}"),
                    1 => {
                        let mut batch = Burst::new();
                        let first = fifo.take_all(&mut batch);
                        let all: VecDeque<_> = first.into_iter().chain(batch).collect();
                        assert_eq!(all, std::mem::take(&mut model), "seed {seed}");
                    }
                    2 => {
                        let odd = |item: &i32| item % 2 == 1;
                        let expected = model.iter().position(odd).and_then(|place| model.remove(place));
                        assert_eq!(fifo.remove_first(odd), expected, "seed {seed}");
                    }
                    3 => {
                        let mut batch = Burst::new();
                        batch.make().extend([-1, -2]);
                        fifo.append_to(&mut batch);
                        fifo.put_in_front(batch);
                        model.push_front(-2);
                        model.push_front(-1);
                    }
                    _ => {
                        fifo.push(n);
                        model.push_back(n);
                    }
                }
                assert_eq!((fifo.len(), fifo.is_empty()), (model.len(), model.is_empty()), "seed {seed}");
            }
        }
    }

    #[test]
    fn one_item_needs_no_allocation() {
        let mut fifo = Fifo::new();
        fifo.push([0; 64]);
        assert_eq!(fifo.allocated(), 0);
    }

    #[test]
    fn what_a_burst_needed_is_given_back() {
        let (mut fifo, mut batch) = (Fifo::new(), Burst::new());
        (0..1_000_000).for_each(|n| fifo.push(n));
        fifo.take_all(&mut batch);
        batch.make().clear();
        fifo.push(1);
        fifo.take_all(&mut batch);
        batch.shrink();
        assert_eq!((fifo.allocated(), batch.capacity()), (0, 0));
    }
}
