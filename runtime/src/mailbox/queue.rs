//! The queue of a mailbox.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::task::Waker;

use super::burst::Burst;
use super::consumer::Consumer;
use super::fifo::Fifo;
use super::{Item, Mailbox, MailboxOverflow, NewsRef, Overflow};
use crate::pid::MonitorRef;
use crate::rare::Rare;
use crate::room::{Room, Turn};
use crate::signal::{Down, Exit, Urgency};
use crate::system_message::SystemMessage;

pub(crate) struct Queue<M> {
    items: Fifo<Item<M>>,
    extras: Rare<Extras<M>>,
    overflow: Overflow,
    waits: Waits,
    /// The most items that the consumer has had before it.
    high_water: u32,
}

/// What hardly any mailbox has.
struct Extras<M> {
    /// What comes before all other items.
    urgent: VecDeque<Item<M>>,
    /// Of a bounded mailbox.
    room: Option<Room>,
    /// Wakes something within the task.
    waker: Option<Waker>,
    /// Makes messages of the downs of those monitors.
    tellers: BTreeMap<MonitorRef, Teller<M>>,
}

/// Makes a message of a down.
pub(crate) type Teller<M> = Box<dyn FnOnce(Down) -> M + Send>;

impl<M> Default for Extras<M> {
    fn default() -> Self {
        Extras { urgent: VecDeque::new(), room: None, waker: None, tellers: BTreeMap::new() }
    }
}

/// Which [`Consumer`] waits.
#[derive(Clone, Copy, Default)]
enum Waits {
    #[default]
    Nobody,
    Task,
    Other,
}

/// What became of a message, or of whatever `T` it came in.
pub(crate) enum Push<M, T = M> {
    /// It waits to be received; here is whom to wake.
    Queued(Consumer),
    /// It waits, and the one that gave way to it is here.
    Evicted(Item<M>, Consumer),
    /// There is no room for it.
    Full(T),
    /// There is no room for it, and nobody shall hear of that.
    Dropped(T),
    /// There is no room for it, and the process shall end of that.
    Overflowed(T, MailboxOverflow),
}

impl<M> Queue<M> {
    pub(crate) fn new(mailbox: Mailbox) -> Self {
        let mut extras = Rare::<Extras<M>>::default();
        if let Some(room) = mailbox.room() {
            extras.make().room = Some(room);
        }
        Queue { items: Fifo::new(), extras, overflow: mailbox.overflow, waits: Waits::Nobody, high_water: 0 }
    }

    /// Adds a message, or does what is to be done if there is no room.
    #[inline(always)]
    pub(crate) fn push<T: Into<Item<M>>>(&mut self, message: T) -> Push<M, T> {
        match self.room() {
            Some(_) => self.push_bounded(message),
            None => Push::Queued(self.add(message.into())),
        }
    }

    fn push_bounded<T: Into<Item<M>>>(&mut self, message: T) -> Push<M, T> {
        if let Some(room) = self.room()
            && !room.take()
        {
            let bound = room.capacity();
            return self.push_to_full(message, bound);
        }
        Push::Queued(self.add(message.into()))
    }

    /// As [`push`](Self::push); but where senders wait for room, this one waits in the line, and `sender` is woken when it
    /// is its turn.
    #[inline(always)]
    pub(crate) fn push_in_turn(&mut self, message: M, turn: &mut Option<Turn>, sender: &Waker) -> Push<M> {
        match self.room() {
            Some(_) => self.push_bounded_in_turn(message, turn, sender),
            None => Push::Queued(self.add(Item::Message(message))),
        }
    }

    fn push_bounded_in_turn(&mut self, message: M, turn: &mut Option<Turn>, sender: &Waker) -> Push<M> {
        let makes_wait = self.overflow == Overflow::Wait;
        match self.room() {
            Some(room) if makes_wait => {
                if room.take_in_turn(turn, sender) {
                    Push::Queued(self.add(Item::Message(message)))
                } else {
                    Push::Full(message)
                }
            }
            _ => self.push_bounded(message),
        }
    }

    #[cold]
    fn push_to_full<T: Into<Item<M>>>(&mut self, message: T, bound: usize) -> Push<M, T> {
        match self.overflow {
            Overflow::Wait | Overflow::Reject => Push::Full(message),
            Overflow::DropNewest => Push::Dropped(message),
            Overflow::Exit => Push::Overflowed(message, MailboxOverflow { bound }),
            // The oldest leaves its room to the newest.
            Overflow::DropOldest => match self.evict() {
                Some(oldest) => Push::Evicted(oldest, self.add(message.into())),
                None => Push::Dropped(message),
            },
        }
    }

    fn evict(&mut self) -> Option<Item<M>> {
        self.items.remove_first(Item::is_message)
    }

    /// Adds a message whether there is room or not.
    pub(crate) fn push_past_bound(&mut self, message: M) -> Consumer {
        if let Some(room) = self.room() {
            room.take_past_capacity();
        }
        self.add(Item::Message(message))
    }

    /// Adds a message before all that has no priority, whether there is room or not.
    pub(crate) fn push_urgent(&mut self, message: M) -> Consumer {
        if let Some(room) = self.room() {
            room.take_past_capacity();
        }
        self.add_urgent(Item::Message(message))
    }

    pub(crate) fn push_exit(&mut self, exit: Box<Exit>, urgency: Urgency) -> Consumer {
        self.push_news(Item::Exit(exit), urgency)
    }

    pub(crate) fn push_down(&mut self, down: Box<Down>, urgency: Urgency) -> Consumer {
        self.push_news(Item::Down(down), urgency)
    }

    pub(crate) fn push_told(&mut self, monitor: MonitorRef, message: M, urgency: Urgency) -> Consumer {
        self.push_news(Item::Told(Box::new((monitor, message))), urgency)
    }

    pub(crate) fn push_system(&mut self, message: SystemMessage) -> Consumer {
        self.add(Item::System(Box::new(message)))
    }

    fn push_news(&mut self, news: Item<M>, urgency: Urgency) -> Consumer {
        match urgency {
            Urgency::Ordinary => self.add(news),
            Urgency::Priority => self.add_urgent(news),
        }
    }

    fn add_urgent(&mut self, item: Item<M>) -> Consumer {
        self.extras.make().urgent.push_back(item);
        self.take_consumer()
    }

    /// Whether something waits that comes before all else, also before what was taken already.
    pub(crate) fn has_urgent(&self) -> bool {
        self.urgent_len() > 0
    }

    /// Moves what has priority into `batch`, at `place`, and tells how much that was.
    pub(crate) fn take_urgent_into(&mut self, batch: &mut Burst<Item<M>>, place: usize) -> usize {
        let count = self.urgent_len();
        self.note_high_water(batch.len() + count);
        if let Some(extras) = self.extras.get_mut() {
            extras.urgent.drain(..).rev().for_each(|item| batch.make().insert(place, item));
        }
        count
    }

    #[inline(always)]
    fn add(&mut self, item: Item<M>) -> Consumer {
        self.items.push(item);
        self.take_consumer()
    }

    #[inline]
    fn room(&mut self) -> Option<&mut Room> {
        self.extras.get_mut()?.room.as_mut()
    }

    #[inline]
    fn take_consumer(&mut self) -> Consumer {
        match mem::take(&mut self.waits) {
            Waits::Nobody => Consumer::Nobody,
            Waits::Task => Consumer::Task,
            Waits::Other => self.take_waker().map_or(Consumer::Nobody, Consumer::Other),
        }
    }

    #[cold]
    fn keep(&mut self, waker: Waker) -> Waits {
        self.extras.make().waker = Some(waker);
        Waits::Other
    }

    #[cold]
    fn take_waker(&mut self) -> Option<Waker> {
        self.extras.get_mut()?.waker.take()
    }

    /// Takes the first item that waits, and moves the others into `batch`, which is empty. Where the oldest may have to give
    /// way, they stay: what is in the batch is out of reach.
    #[inline]
    pub(crate) fn take_next(&mut self, batch: &mut Burst<Item<M>>) -> Option<Item<M>> {
        self.note_high_water(0);
        if self.overflow == Overflow::DropOldest { self.items.pop() } else { self.items.take_all(batch) }
    }

    /// Moves what waits without priority behind what `batch` holds; returns whether anything waits or was moved. Where
    /// the oldest may have to give way, one item only.
    pub(crate) fn take_into(&mut self, batch: &mut Burst<Item<M>>) -> bool {
        if self.has_urgent() {
            return true;
        }
        if self.items.is_empty() {
            return false;
        }
        if self.overflow == Overflow::DropOldest {
            self.note_high_water(batch.len());
            batch.make().extend(self.items.pop());
        } else {
            self.take_all_into(batch);
        }
        true
    }

    /// Moves all that waits without priority behind what `batch` holds, whatever may have to give way.
    pub(crate) fn take_all_into(&mut self, batch: &mut Burst<Item<M>>) {
        self.note_high_water(batch.len());
        self.items.append_to(batch);
    }

    /// The consumer looks in, and holds so many items.
    #[inline]
    fn note_high_water(&mut self, held: usize) {
        let waiting = held + self.items.len();
        if waiting > self.high_water as usize {
            self.high_water = u32::try_from(waiting).unwrap_or(u32::MAX);
        }
    }

    /// A message was received: a bounded mailbox has room for another. Returns the sender whose turn it is.
    pub(crate) fn received(&mut self) -> Option<Waker> {
        self.room()?.give_back()
    }

    /// A message that was received was given back.
    pub(crate) fn unreceived(&mut self) {
        if let Some(room) = self.room() {
            room.take_past_capacity();
        }
    }

    /// A sender waits no longer. Returns the one whose turn it is then.
    pub(crate) fn leave_line(&mut self, turn: Turn) -> Option<Waker> {
        self.room()?.leave(turn)
    }

    /// Puts a batch that was taken but not received back in front.
    pub(crate) fn put_back(&mut self, batch: Burst<Item<M>>) {
        self.items.put_in_front(batch);
    }

    /// The task is woken at the next push. Returns what would have been woken within it.
    #[inline]
    pub(crate) fn wait_as_task(&mut self) -> Option<Waker> {
        match mem::replace(&mut self.waits, Waits::Task) {
            Waits::Nobody | Waits::Task => None,
            Waits::Other => self.take_waker(),
        }
    }

    /// `consumer` is woken at the next push; returns who would have been.
    #[inline]
    pub(crate) fn wait(&mut self, consumer: Consumer) -> Consumer {
        let before = self.take_consumer();
        self.waits = match consumer {
            Consumer::Nobody => Waits::Nobody,
            Consumer::Task => Waits::Task,
            Consumer::Other(waker) => self.keep(waker),
        };
        before
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && !self.has_urgent()
    }

    pub(crate) fn add_teller(&mut self, monitor: MonitorRef, teller: Teller<M>) {
        self.extras.make().tellers.insert(monitor, teller);
    }

    /// What makes a message of that monitor's down, if anything does.
    #[inline]
    pub(crate) fn take_teller(&mut self, monitor: MonitorRef) -> Option<Teller<M>> {
        self.extras.get_mut()?.tellers.remove(&monitor)
    }

    /// Removes the news that `unwanted` picks, for the caller to drop.
    pub(crate) fn discard(&mut self, unwanted: impl Fn(NewsRef<'_>) -> bool + Copy) -> Vec<Item<M>> {
        let mut removed = Vec::new();
        while let Some(item) = self.items.remove_first(|item| item.is_news(unwanted)) {
            removed.push(item);
        }
        if let Some(extras) = self.extras.get_mut() {
            removed.extend(discard(&mut extras.urgent, unwanted));
        }
        removed
    }

    /// Takes out what is left. Nothing may be pushed any more.
    pub(crate) fn close(&mut self) -> Left<M> {
        let consumer = self.take_consumer();
        let mut left = Left { items: Burst::new(), senders: Vec::new(), tellers: Vec::new(), _consumer: consumer };
        if let Some(extras) = self.extras.get_mut() {
            left.tellers = mem::take(&mut extras.tellers).into_values().collect();
            left.items.make().append(&mut extras.urgent);
            left.senders = extras.room.as_mut().map(Room::close).unwrap_or_default();
        }
        self.items.append_to(&mut left.items);
        left
    }

    /// How many messages it has room for; `None` if for any number.
    pub(crate) fn bound(&self) -> Option<usize> {
        self.extras.get()?.room.as_ref().map(Room::capacity)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len() + self.urgent_len()
    }

    fn urgent_len(&self) -> usize {
        self.extras.get().map_or(0, |extras| extras.urgent.len())
    }

    /// Bytes of what it has room for without asking for more.
    pub(crate) fn allocated_bytes(&self) -> usize {
        self.items.allocated() * size_of::<Item<M>>()
    }

    /// The most items that have waited at a time, as the consumer has seen it.
    pub(crate) fn high_water(&self) -> usize {
        (self.high_water as usize).max(self.len())
    }
}

/// What a queue leaves behind, to be woken or dropped once its lock is free.
pub(crate) struct Left<M> {
    pub(crate) items: Burst<Item<M>>,
    /// Senders that waited for room in vain.
    pub(crate) senders: Vec<Waker>,
    pub(crate) tellers: Vec<Teller<M>>,
    pub(crate) _consumer: Consumer,
}

pub(crate) fn discard<M>(items: &mut VecDeque<Item<M>>, unwanted: impl Fn(NewsRef<'_>) -> bool + Copy) -> Vec<Item<M>> {
    let is_unwanted = |item: &Item<M>| item.is_news(unwanted);
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

    fn exit() -> Box<Exit> {
        Box::new(Exit { pid: Pid::new(1, 1), reason: ExitReason::Normal, linked: true })
    }

    fn receive_all(queue: &mut Queue<u32>) -> Vec<String> {
        let mut batch = Burst::new();
        queue.take_into(&mut batch);
        let text = |item| match item {
            Item::Message(n) => format!("{n}"),
            _ => "exit".to_owned(),
        };
        batch.into_iter().map(text).collect()
    }

    /// Pushes and tells what became of it.
    fn push(queue: &mut Queue<u32>, message: u32) -> String {
        match queue.push(message) {
            Push::Queued(_) => "queued".to_owned(),
            Push::Evicted(Item::Message(oldest), _) => format!("evicted {oldest}"),
            Push::Evicted(..) => "otherwise".to_owned(),
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
            queue.push_exit(exit(), Urgency::Ordinary);
            push(&mut queue, 2);
            assert_eq!(receive_all(&mut queue), ["1", "exit", "2"]);
        }
    }

    #[test]
    fn a_bound_counts_messages_only() {
        let mut queue = Queue::new(Mailbox::bounded(1));
        queue.push_exit(exit(), Urgency::Ordinary);
        assert_eq!(push(&mut queue, 1), "queued");
        assert_eq!(push(&mut queue, 2), "full, back 2");
        queue.push_exit(exit(), Urgency::Ordinary);
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
        let mut batch = Burst::new();
        queue.take_into(&mut batch);
        push(&mut queue, 2);
        queue.put_back(batch);
        assert_eq!(receive_all(&mut queue), ["1", "2"]);
    }

    #[test]
    fn an_idle_mailbox_has_allocated_nothing() {
        let queue = Queue::<[u8; 64]>::new(Mailbox::unbounded());
        assert_eq!(queue.items.allocated(), 0);
    }
}
