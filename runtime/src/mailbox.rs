//! One FIFO for messages and news, as its process's lock guards it.
//!
//! Invariants:
//! - What one sender pushes first is received first, messages and news alike.
//! - A bound counts messages; news always finds room.
//! - The one consumer takes the whole queue at a time, so that it meets the senders at the lock once a batch.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::task::Waker;

use crate::room::{Room, Turn};
use crate::signal::{Event, EventRef, Notice};

/// How many messages a mailbox takes.
///
/// Unbounded is the default, as in OTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    bound: Option<NonZeroUsize>,
}

impl Mailbox {
    /// A mailbox that takes every message.
    pub const fn unbounded() -> Self {
        Mailbox { bound: None }
    }

    /// A mailbox that holds at most `capacity` messages. Exits and downs do not count and are never held up.
    ///
    /// `send` and `call` wait for room, `try_send` gives the message back, and what `cast` brings to a full mailbox is
    /// a dead letter.
    ///
    /// # Panics
    /// If `capacity` is zero.
    pub const fn bounded(capacity: usize) -> Self {
        match NonZeroUsize::new(capacity) {
            Some(bound) => Mailbox { bound: Some(bound) },
            None => panic!("a mailbox must have room for one message"),
        }
    }

    pub(crate) fn is_bounded(self) -> bool {
        self.bound.is_some()
    }

    fn room(self) -> Option<Box<Room>> {
        self.bound.map(|capacity| Box::new(Room::new(capacity)))
    }
}

/// What waits in a queue. News is boxed, so that it does not make every message larger.
#[derive(Debug)]
pub(crate) enum Item<M> {
    Message(M),
    Notice(Box<Notice>),
}

impl<M> Item<M> {
    pub(crate) fn is_message(&self) -> bool {
        matches!(self, Item::Message(_))
    }

    pub(crate) fn peek(&self) -> EventRef<'_, M> {
        match self {
            Item::Message(message) => EventRef::Message(message),
            Item::Notice(notice) => match &**notice {
                Notice::Exit(exit) => EventRef::Exit(exit),
                Notice::Down(down) => EventRef::Down(down),
            },
        }
    }
}

impl<M> From<Item<M>> for Event<M> {
    fn from(item: Item<M>) -> Self {
        match item {
            Item::Message(message) => Event::Message(message),
            Item::Notice(notice) => (*notice).into(),
        }
    }
}

pub(crate) struct Queue<M> {
    items: VecDeque<Item<M>>,
    /// Of a bounded mailbox; boxed, so that the others are small.
    room: Option<Box<Room>>,
    consumer: Option<Waker>,
}

impl<M> Queue<M> {
    pub(crate) fn new(mailbox: Mailbox) -> Self {
        Queue {
            items: VecDeque::new(),
            room: mailbox.room(),
            consumer: None,
        }
    }

    /// Adds a message if there is room, and says whom to wake.
    pub(crate) fn push(&mut self, message: M) -> Result<Option<Waker>, M> {
        if self.room.as_mut().is_none_or(|room| room.take()) {
            Ok(self.add(Item::Message(message)))
        } else {
            Err(message)
        }
    }

    /// As [`push`](Self::push); but if there is no room, the sender waits in the line, and `sender` is woken when it is
    /// its turn.
    pub(crate) fn push_in_turn(
        &mut self,
        message: M,
        turn: &mut Option<Turn>,
        sender: &Waker,
    ) -> Result<Option<Waker>, M> {
        if self.room.as_mut().is_none_or(|room| room.take_in_turn(turn, sender)) {
            Ok(self.add(Item::Message(message)))
        } else {
            Err(message)
        }
    }

    /// Adds a message whether there is room or not.
    pub(crate) fn push_past_bound(&mut self, message: M) -> Option<Waker> {
        if let Some(room) = &mut self.room {
            room.take_past_capacity();
        }
        self.add(Item::Message(message))
    }

    pub(crate) fn push_notice(&mut self, notice: Notice) -> Option<Waker> {
        self.add(Item::Notice(Box::new(notice)))
    }

    fn add(&mut self, item: Item<M>) -> Option<Waker> {
        self.items.push_back(item);
        self.consumer.take()
    }

    /// Moves all that waits behind what `batch` holds; returns whether there was anything.
    pub(crate) fn take_into(&mut self, batch: &mut VecDeque<Item<M>>) -> bool {
        if self.items.is_empty() {
            return false;
        }
        if batch.is_empty() {
            std::mem::swap(&mut self.items, batch);
        } else {
            batch.append(&mut self.items);
        }
        true
    }

    /// A message was received: a bounded mailbox has room for another. Returns the sender whose turn it is.
    pub(crate) fn received(&mut self) -> Option<Waker> {
        self.room.as_mut()?.give_back()
    }

    /// A sender waits no longer. Returns the one whose turn it is then.
    pub(crate) fn leave_line(&mut self, turn: Turn) -> Option<Waker> {
        self.room.as_mut()?.leave(turn)
    }

    /// Puts a batch that was taken but not received back in front.
    pub(crate) fn put_back(&mut self, mut batch: VecDeque<Item<M>>) {
        batch.append(&mut self.items);
        self.items = batch;
    }

    /// `waker` is woken at the next push.
    pub(crate) fn wait(&mut self, waker: &Waker) {
        match &mut self.consumer {
            Some(consumer) => consumer.clone_from(waker),
            None => self.consumer = Some(waker.clone()),
        }
    }

    /// Removes the news that `unwanted` picks, for the caller to drop.
    pub(crate) fn discard(&mut self, unwanted: impl Fn(&Notice) -> bool) -> Vec<Item<M>> {
        discard(&mut self.items, unwanted)
    }

    /// Takes out what is left. Nothing may be pushed any more.
    pub(crate) fn close(&mut self) -> Left<M> {
        Left {
            items: std::mem::take(&mut self.items),
            senders: self.room.as_mut().map(|room| room.close()).unwrap_or_default(),
            _consumer: self.consumer.take(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }
}

/// What a queue leaves behind, to be woken or dropped once its lock is free.
pub(crate) struct Left<M> {
    pub(crate) items: VecDeque<Item<M>>,
    /// Senders that waited for room in vain.
    pub(crate) senders: Vec<Waker>,
    pub(crate) _consumer: Option<Waker>,
}

pub(crate) fn discard<M>(items: &mut VecDeque<Item<M>>, unwanted: impl Fn(&Notice) -> bool) -> Vec<Item<M>> {
    let is_unwanted = |item: &Item<M>| matches!(item, Item::Notice(notice) if unwanted(notice));
    let mut removed = Vec::new();
    while let Some(index) = items.iter().position(is_unwanted) {
        removed.extend(items.remove(index));
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::ExitReason;
    use crate::pid::Pid;
    use crate::signal::Exit;

    fn exit() -> Notice {
        Notice::Exit(Exit {
            pid: Pid::new(1, 1),
            reason: ExitReason::Normal,
            linked: true,
        })
    }

    fn receive_all(queue: &mut Queue<u32>) -> Vec<String> {
        let mut batch = VecDeque::new();
        queue.take_into(&mut batch);
        let text = |item| match item {
            Item::Message(n) => format!("{n}"),
            Item::Notice(_) => "exit".to_owned(),
        };
        batch.into_iter().map(text).collect()
    }

    #[test]
    fn messages_and_news_come_out_in_the_order_they_went_in() {
        for mailbox in [Mailbox::unbounded(), Mailbox::bounded(9)] {
            let mut queue = Queue::new(mailbox);
            queue.push(1).unwrap();
            queue.push_notice(exit());
            queue.push(2).unwrap();
            assert_eq!(receive_all(&mut queue), ["1", "exit", "2"]);
        }
    }

    #[test]
    fn a_bound_counts_messages_only() {
        let mut queue = Queue::new(Mailbox::bounded(1));
        queue.push_notice(exit());
        queue.push(1).unwrap();
        assert_eq!(queue.push(2).unwrap_err(), 2);
        queue.push_notice(exit());
        assert_eq!(receive_all(&mut queue), ["exit", "1", "exit"]);
        assert_eq!(queue.push(3).unwrap_err(), 3, "taken is not yet received");
        assert!(queue.received().is_none());
        queue.push(3).unwrap();
    }

    #[test]
    fn a_batch_put_back_comes_before_what_arrived_meanwhile() {
        let mut queue = Queue::new(Mailbox::unbounded());
        queue.push(1).unwrap();
        let mut batch = VecDeque::new();
        queue.take_into(&mut batch);
        queue.push(2).unwrap();
        queue.put_back(batch);
        assert_eq!(receive_all(&mut queue), ["1", "2"]);
    }

    #[test]
    fn an_idle_mailbox_has_allocated_nothing() {
        let queue = Queue::<[u8; 64]>::new(Mailbox::unbounded());
        assert_eq!(queue.items.capacity(), 0);
    }
}
