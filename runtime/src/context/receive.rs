//! Receiving.

use std::future::poll_fn;
use std::ops::Range;
use std::task::{self, Poll, ready};
use std::time::{Duration, Instant};

use super::Context;
use crate::current::{self, POLL_BUDGET};
use crate::mailbox::Item;
use crate::observer::Moment;
use crate::signal::{Event, EventRef};

impl<M: Send + 'static> Context<M> {
    /// Receives what comes next. A process that nobody sends anything waits for ever.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive(&mut self) -> Event<M> {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// Receives the next message. Exits and downs before it keep their places, for [`receive`](Self::receive).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive_message(&mut self) -> M {
        let mut seen = 0;
        match poll_fn(|cx| self.poll_receive_message(cx, &mut seen)).await {
            Event::Message(message) => message,
            Event::Exit(_) | Event::Down(_) => unreachable!("only messages match"),
        }
    }

    /// Receives the first that matches; what does not keeps its place. OTP's selective receive.
    ///
    /// In a bounded mailbox what is passed over still takes its room.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive_matching(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Event<M> {
        let mut seen = 0;
        poll_fn(|cx| self.poll_matching(cx, &mut seen, &mut wanted)).await
    }

    /// Takes the first that matches out of what is there already.
    pub fn try_receive_matching(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Option<Event<M>> {
        self.take_urgent();
        self.process.take_all_into(&mut self.batch);
        let found = self.batch.iter().position(|item| wanted(item.peek()))?;
        self.announce(&self.batch[found]);
        Some(self.take(found))
    }

    /// Receives what comes next, or `None` if nothing comes within `timeout`. With a zero timeout it takes what is there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive_timeout(&mut self, timeout: Duration) -> Option<Event<M>> {
        self.receive_deadline(self.system.shared.timers.after(timeout)).await
    }

    /// Receives what comes next, or `None` if nothing has come by `deadline`, an instant of the system's clock. If that has
    /// passed, it takes what is there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn receive_deadline(&mut self, deadline: Instant) -> Option<Event<M>> {
        // Before the race: a process that pauses has not found its mailbox empty.
        poll_fn(|cx| current::poll_budget(cx)).await;
        let event = self.system.shared.timers.sleep_until(deadline).limit(self.receive()).await;
        if event.is_none() {
            // Who looks in again and again without waiting must let others run, too.
            current::spend();
        }
        event
    }

    #[inline]
    fn poll_receive(&mut self, cx: &mut task::Context<'_>) -> Poll<Event<M>> {
        ready!(current::poll_budget(cx));
        loop {
            self.take_urgent();
            if !self.batch.is_empty() {
                return self.poll_take(0);
            }
            if let Some(item) = self.process.take_next(&mut self.batch, cx.waker()) {
                return self.poll_deliver(item);
            }
            if !self.process.has_urgent() {
                return Poll::Pending;
            }
        }
    }

    /// As [`poll_matching`](Self::poll_matching); a message that comes next is taken without much ado.
    #[inline]
    fn poll_receive_message(&mut self, cx: &mut task::Context<'_>, seen: &mut usize) -> Poll<Event<M>> {
        if self.batch.is_empty() && !self.process.has_urgent() {
            ready!(current::poll_budget(cx));
            match self.process.take_next(&mut self.batch, cx.waker()) {
                Some(item) if item.is_message() => return self.poll_deliver(item),
                Some(item) => self.batch.push_front(item),
                None if self.process.has_urgent() => {}
                None => return Poll::Pending,
            }
        }
        self.poll_matching(cx, seen, &mut |event| matches!(event, EventRef::Message(_)))
    }

    fn poll_matching(
        &mut self,
        cx: &mut task::Context<'_>,
        seen: &mut usize,
        wanted: &mut impl FnMut(EventRef<'_, M>) -> bool,
    ) -> Poll<Event<M>> {
        ready!(current::poll_budget(cx));
        let held = self.batch.len();
        loop {
            let news = self.take_urgent();
            // What has priority has come in front of what was seen. If nothing was, what came before it is looked at first.
            if *seen > 0 {
                if let Some(found) = news.clone().find(|index| wanted(self.batch[*index].peek())) {
                    return self.poll_take(found);
                }
                *seen += news.len();
            }
            if let Some(found) = (*seen..self.batch.len()).find(|index| wanted(self.batch[*index].peek())) {
                return self.poll_take(found);
            }
            *seen = self.batch.len();
            // What is passed over costs no budget, but if ever more comes, others must run, too.
            if *seen - held >= POLL_BUDGET as usize {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.refill(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Takes what has priority before all else, and tells where it is now.
    fn take_urgent(&mut self) -> Range<usize> {
        let place = self.urgent;
        self.urgent += self.process.take_urgent_into(&mut self.batch, place);
        place..self.urgent
    }

    fn refill(&mut self, cx: &task::Context<'_>) -> bool {
        self.process.take_into(&mut self.batch, cx.waker())
    }

    /// As [`poll_deliver`](Self::poll_deliver), of an item in the batch.
    fn poll_take(&mut self, index: usize) -> Poll<Event<M>> {
        self.announce(&self.batch[index]);
        if self.process.is_doomed() { Poll::Pending } else { Poll::Ready(self.take(index)) }
    }

    /// A process that a signal has ended is at an await here: it receives nothing more.
    #[inline]
    fn poll_deliver(&mut self, item: Item<M>) -> Poll<Event<M>> {
        self.announce(&item);
        if self.process.is_doomed() {
            self.batch.push_front(item);
            return Poll::Pending;
        }
        Poll::Ready(self.deliver(item))
    }

    #[inline]
    fn announce(&self, item: &Item<M>) {
        self.system.shared.observe(|| Moment::Receives(&*self.process, item.peek().kind()));
    }

    fn take(&mut self, index: usize) -> Event<M> {
        let item = self.batch.remove(index).expect("the caller found it there");
        self.urgent -= usize::from(index < self.urgent);
        self.deliver(item)
    }

    #[inline]
    fn deliver(&mut self, item: Item<M>) -> Event<M> {
        current::spend();
        self.process.received(item.is_message(), self.batch.len());
        let (event, on_failure) = item.into_event();
        self.on_failure = on_failure;
        event
    }
}
