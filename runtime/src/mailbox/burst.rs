//! What most mailboxes never have: more than one item at a time. It takes a word until one does.

use std::collections::VecDeque;
use std::mem;
use std::ops::Deref;

use crate::rare::Rare;

/// So many items it may keep room for while it is empty; what it needed beyond that is given back.
const KEPT: usize = 8;

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

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.0.get_mut()?.pop_front()
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
        if self.capacity() > KEPT && self.is_empty() {
            drop(self.0.take());
        }
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
