//! What waits until an actor is ready.

use std::collections::VecDeque;

use proscenium_runtime::Address;

use super::envelope::{Content, Envelope};
use super::{Actor, Dispatch};

/// Messages that wait, in order. If the actor ends before it is ready they share the fate of those in its mailbox.
pub(super) struct Stash<A: Actor> {
    home: Address<Dispatch<A>>,
    letters: VecDeque<Box<dyn Envelope<A>>>,
}

impl<A: Actor> Stash<A> {
    pub(super) fn new(home: Address<Dispatch<A>>) -> Self {
        Stash { home, letters: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    pub(super) fn push(&mut self, letter: Box<dyn Envelope<A>>) {
        self.letters.push_back(letter);
    }

    /// Puts it before all others.
    pub(super) fn push_front(&mut self, letter: Box<dyn Envelope<A>>) {
        self.letters.push_front(letter);
    }

    pub(super) fn pop(&mut self) -> Option<Box<dyn Envelope<A>>> {
        self.letters.pop_front()
    }
}

impl<A: Actor> Drop for Stash<A> {
    /// The actor ends: nobody will receive what comes to its mailbox now, and the runtime says so.
    fn drop(&mut self) {
        for letter in self.letters.drain(..) {
            self.home.cast(Dispatch(Content::Message(letter)));
        }
    }
}
