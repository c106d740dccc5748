//! What most mailboxes never have: more than one item at a time. It takes a word until one does.

use std::collections::VecDeque;
use std::mem;
use std::ops::Deref;

use crate::rare::Rare;

/// For how many items of that `size` it may keep room while it is empty: so that whoever gets a hundred messages at a time does not
/// ask for room each time, and an idle process keeps two kilobytes at most, or what a few messages take. What was needed beyond that
/// is given back.
const fn kept(size: usize) -> usize {
    const ALWAYS: usize = 8;
    const BYTES: usize = 2048;
    if size == 0 || BYTES / size < ALWAYS { ALWAYS } else { BYTES / size }
}

/// A queue, to read; [`make`](Self::make) gives it to change.
#[derive(Debug)]
pub(crate) struct Burst<T>(Rare<VecDeque<T>>);

impl<T> Burst<T> {
    pub(crate) const fn new() -> Self {
        Burst(Rare::none())
    }

    /// The queue, to put something into it.
    #[inline]
    pub(crate) fn make(&mut self) -> &mut VecDeque<T> {
        self.0.make()
    }

    // These do not go by way of the empty queue that a word stands for: most often there is none, and to see that is enough.

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.0.get().map_or(0, VecDeque::len)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().is_none_or(VecDeque::is_empty)
    }

    #[inline]
    pub(crate) fn front(&self) -> Option<&T> {
        self.0.get()?.front()
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.0.get_mut()?.pop_front()
    }

    /// Takes the first out if it `is_wanted`.
    #[inline]
    pub(crate) fn pop_front_if(&mut self, is_wanted: impl FnOnce(&T) -> bool) -> Option<T> {
        let queue = self.0.get_mut()?;
        if is_wanted(queue.front()?) { queue.pop_front() } else { None }
    }

    pub(crate) fn remove(&mut self, index: usize) -> Option<T> {
        self.0.get_mut()?.remove(index)
    }

    /// Moves all items out of `other` behind those that are here.
    pub(crate) fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            mem::swap(self, other);
        } else if let Some(other) = other.0.get_mut() {
            self.make().append(other);
        }
    }

    /// Gives back what it keeps from a burst, if it is empty.
    #[inline]
    pub(crate) fn shrink(&mut self) {
        if self.0.get().is_some_and(|queue| queue.capacity() > const { kept(size_of::<T>()) } && queue.is_empty()) {
            self.clear();
        }
    }

    #[cold]
    fn clear(&mut self) {
        drop(self.0.take());
    }
}

impl<T> Deref for Burst<T> {
    type Target = VecDeque<T>;

    #[inline]
    fn deref(&self) -> &VecDeque<T> {
        self.0.get().unwrap_or(const { &VecDeque::new() })
    }
}

impl<T> Default for Burst<T> {
    fn default() -> Self {
        Burst::new()
    }
}

impl<T> IntoIterator for Burst<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::option::IntoIter<VecDeque<T>>>;

    fn into_iter(mut self) -> Self::IntoIter {
        self.0.take().map(|queue| *queue).into_iter().flatten()
    }
}
