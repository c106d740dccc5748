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

/// How many messages a mailbox takes, and what becomes of one more.
///
/// Unbounded is the default, as in OTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    bound: Option<NonZeroUsize>,
    overflow: Overflow,
}

impl Mailbox {
    /// A mailbox that takes every message.
    pub const fn unbounded() -> Self {
        Mailbox { bound: None, overflow: Overflow::Wait }
    }

    /// A mailbox that holds at most `capacity` messages, and whose senders wait when it is full. Exits and downs do not
    /// count and are never held up.
    ///
    /// # Panics
    /// If `capacity` is zero.
    pub const fn bounded(capacity: usize) -> Self {
        match NonZeroUsize::new(capacity) {
            Some(bound) => Mailbox { bound: Some(bound), overflow: Overflow::Wait },
            None => panic!("a mailbox must have room for one message"),
        }
    }

    /// Sets what becomes of a message for which there is no room.
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    pub(crate) fn bound(self) -> Option<usize> {
        self.bound.map(NonZeroUsize::get)
    }

    pub(crate) fn is_bounded(self) -> bool {
        self.bound.is_some()
    }

    fn room(self) -> Option<Box<Room>> {
        self.bound.map(|capacity| Box::new(Room::new(capacity)))
    }

    pub(crate) fn makes_senders_wait(self) -> bool {
        self.is_bounded() && self.overflow == Overflow::Wait
    }
}

/// What becomes of a message for which a bounded mailbox has no room.
///
/// | | `send` and `call` | `try_send` | `cast` |
/// |---|---|---|---|
/// | `Wait` | wait for room | gives it back | it is a dead letter |
/// | `Reject` | give it back, or fail | gives it back | it is a dead letter |
/// | `DropNewest` | it is a dead letter | it is a dead letter | it is a dead letter |
/// | `DropOldest` | the oldest message is a dead letter | likewise | likewise |
/// | `Exit` | the process ends | likewise | likewise |
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Who can wait does: back-pressure. The default.
    #[default]
    Wait,
    /// The sender gets it back, and decides.
    Reject,
    /// What came before matters more.
    DropNewest,
    /// What comes last matters more. What a selective receive has passed over stays: the message gives way if nothing else
    /// waits.
    DropOldest,
    /// The process ends with the error [`MailboxOverflow`], as one of OTP's does that outgrows its `max_heap_size`. The
    /// message fares as if rejected.
    Exit,
}

/// A process ended because more was sent to it than its mailbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox overflowed its bound of {bound} messages")]
pub struct MailboxOverflow {
    /// How many messages it holds.
    pub bound: usize,
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
    overflow: Overflow,
    /// The most items that the consumer has had before it.
    high_water: usize,
    consumer: Option<Waker>,
}

/// What became of a message.
pub(crate) enum Push<M> {
    /// It waits to be received; here is whom to wake.
    Queued(Option<Waker>),
    /// It waits, and the one that gave way to it is here.
    Evicted(M, Option<Waker>),
    /// There is no room for it.
    Full(M),
    /// There is no room for it, and nobody shall hear of that.
    Dropped(M),
    /// There is no room for it, and the process shall end of that.
    Overflowed(M, MailboxOverflow),
}

impl<M> Queue<M> {
    pub(crate) fn new(mailbox: Mailbox) -> Self {
        Queue {
            items: VecDeque::new(),
            room: mailbox.room(),
            overflow: mailbox.overflow,
            high_water: 0,
            consumer: None,
        }
    }

    /// Adds a message, or does what is to be done if there is no room.
    pub(crate) fn push(&mut self, message: M) -> Push<M> {
        if let Some(room) = &mut self.room
            && !room.take()
        {
            let bound = room.capacity();
            return self.push_to_full(message, bound);
        }
        Push::Queued(self.add(Item::Message(message)))
    }

    /// As [`push`](Self::push); but where senders wait for room, this one waits in the line, and `sender` is woken when it
    /// is its turn.
    pub(crate) fn push_in_turn(&mut self, message: M, turn: &mut Option<Turn>, sender: &Waker) -> Push<M> {
        match &mut self.room {
            Some(room) if self.overflow == Overflow::Wait => {
                if room.take_in_turn(turn, sender) {
                    Push::Queued(self.add(Item::Message(message)))
                } else {
                    Push::Full(message)
                }
            }
            _ => self.push(message),
        }
    }

    fn push_to_full(&mut self, message: M, bound: usize) -> Push<M> {
        match self.overflow {
            Overflow::Wait | Overflow::Reject => Push::Full(message),
            Overflow::DropNewest => Push::Dropped(message),
            Overflow::Exit => Push::Overflowed(message, MailboxOverflow { bound }),
            // The oldest leaves its room to the newest.
            Overflow::DropOldest => match self.evict() {
                Some(oldest) => Push::Evicted(oldest, self.add(Item::Message(message))),
                None => Push::Dropped(message),
            },
        }
    }

    fn evict(&mut self) -> Option<M> {
        let oldest = self.items.iter().position(Item::is_message)?;
        match self.items.remove(oldest) {
            Some(Item::Message(message)) => Some(message),
            _ => unreachable!("a message was found there"),
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

    /// Moves all that waits behind what `batch` holds; returns whether there was anything. Where the oldest may have to
    /// give way, one item only: what is in the batch is out of reach.
    pub(crate) fn take_into(&mut self, batch: &mut VecDeque<Item<M>>) -> bool {
        self.high_water = self.high_water.max(batch.len() + self.items.len());
        if self.items.is_empty() {
            return false;
        }
        if self.overflow == Overflow::DropOldest {
            batch.extend(self.items.pop_front());
        } else {
            self.take_all_into(batch);
        }
        true
    }

    /// Moves all that waits behind what `batch` holds, whatever may have to give way.
    pub(crate) fn take_all_into(&mut self, batch: &mut VecDeque<Item<M>>) {
        self.high_water = self.high_water.max(batch.len() + self.items.len());
        if batch.is_empty() {
            std::mem::swap(&mut self.items, batch);
        } else {
            batch.append(&mut self.items);
        }
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

    /// Bytes of what it has room for without asking for more.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.items.capacity() * size_of::<Item<M>>()
    }

    /// The most items that have waited at a time, as the consumer has seen it.
    pub(crate) fn high_water(&self) -> usize {
        self.high_water.max(self.items.len())
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
        Notice::Exit(Exit { pid: Pid::new(1, 1), reason: ExitReason::Normal, linked: true })
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

    /// Pushes and tells what became of it.
    fn push(queue: &mut Queue<u32>, message: u32) -> String {
        match queue.push(message) {
            Push::Queued(_) => "queued".to_owned(),
            Push::Evicted(oldest, _) => format!("evicted {oldest}"),
            Push::Full(message) => format!("full, back {message}"),
            Push::Dropped(message) => format!("dropped {message}"),
            Push::Overflowed(_, overflow) => overflow.to_string(),
        }
    }

    #[test]
    fn messages_and_news_come_out_in_the_order_they_went_in() {
        for mailbox in [Mailbox::unbounded(), Mailbox::bounded(9)] {
            let mut queue = Queue::new(mailbox);
            push(&mut queue, 1);
            queue.push_notice(exit());
            push(&mut queue, 2);
            assert_eq!(receive_all(&mut queue), ["1", "exit", "2"]);
        }
    }

    #[test]
    fn a_bound_counts_messages_only() {
        let mut queue = Queue::new(Mailbox::bounded(1));
        queue.push_notice(exit());
        assert_eq!(push(&mut queue, 1), "queued");
        assert_eq!(push(&mut queue, 2), "full, back 2");
        queue.push_notice(exit());
        assert_eq!(receive_all(&mut queue), ["exit", "1", "exit"]);
        assert_eq!(push(&mut queue, 3), "full, back 3", "taken is not yet received");
        assert!(queue.received().is_none());
        assert_eq!(push(&mut queue, 3), "queued");
    }

    #[test]
    fn what_has_no_room_fares_as_the_policy_says() {
        let table = [
            (Overflow::Wait, "full, back 2", "1"),
            (Overflow::Reject, "full, back 2", "1"),
            (Overflow::DropNewest, "dropped 2", "1"),
            (Overflow::DropOldest, "evicted 1", "2"),
            (Overflow::Exit, "the mailbox overflowed its bound of 1 messages", "1"),
        ];
        for (overflow, becomes, stays) in table {
            let mut queue = Queue::new(Mailbox::bounded(1).overflow(overflow));
            push(&mut queue, 1);
            assert_eq!(push(&mut queue, 2), becomes, "{overflow:?}");
            assert_eq!(receive_all(&mut queue), [stays], "{overflow:?}");
        }
    }

    #[test]
    fn the_high_water_mark_is_the_most_that_waited() {
        let mut queue = Queue::new(Mailbox::unbounded());
        (0..3).for_each(|n| drop(push(&mut queue, n)));
        receive_all(&mut queue);
        push(&mut queue, 4);
        assert_eq!(queue.high_water(), 3);
    }

    #[test]
    fn a_batch_put_back_comes_before_what_arrived_meanwhile() {
        let mut queue = Queue::new(Mailbox::unbounded());
        push(&mut queue, 1);
        let mut batch = VecDeque::new();
        queue.take_into(&mut batch);
        push(&mut queue, 2);
        queue.put_back(batch);
        assert_eq!(receive_all(&mut queue), ["1", "2"]);
    }

    #[test]
    fn an_idle_mailbox_has_allocated_nothing() {
        let queue = Queue::<[u8; 64]>::new(Mailbox::unbounded());
        assert_eq!(queue.items.capacity(), 0);
    }
}
