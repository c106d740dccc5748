//! What waits until an actor is ready.

use std::collections::VecDeque;

use proscenium_runtime::{Address, Context};

use super::envelope::{Envelope, Opened};
use super::server::{Dispatcher, Pace};
use super::{Actor, Dispatch};

/// Messages that wait, in order. If the actor ends before it is ready they share the fate of those in its mailbox.
pub(super) struct Stash<A: Actor> {
    home: Address<Dispatch<A>>,
    letters: VecDeque<Dispatch<A>>,
}

impl<A: Actor> Stash<A> {
    pub(super) fn new(home: Address<Dispatch<A>>) -> Self {
        Stash { home, letters: VecDeque::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    pub(super) fn push(&mut self, letter: Dispatch<A>) {
        self.letters.push_back(letter);
    }

    /// Puts it before all others.
    pub(super) fn push_front(&mut self, letter: Dispatch<A>) {
        self.letters.push_front(letter);
    }

    pub(super) fn pop(&mut self) -> Option<Dispatch<A>> {
        self.letters.pop_front()
    }
}

impl<A: Actor> Drop for Stash<A> {
    /// The actor ends: nobody will receive what comes to its mailbox now, and the runtime says so.
    fn drop(&mut self) {
        for letter in self.letters.drain(..) {
            self.home.cast(letter);
        }
    }
}

/// What has waited until the actor was ready is handled next.
pub(super) struct Replay;

impl<A: Actor> Envelope<A> for Replay {
    fn message_type(&self) -> &'static str {
        "replay"
    }

    fn initializes(&self) -> bool {
        false
    }

    fn open<'a>(
        self: Box<Self>,
        dispatcher: &'a mut Dispatcher<A>,
        _ctx: &'a mut Context<Dispatch<A>>,
        _pace: Pace,
    ) -> Opened<'a, A> {
        let first = dispatcher.stash.pop();
        Box::pin(async { Ok(first) })
    }
}
