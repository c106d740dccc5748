//! Receiving.

use std::future::poll_fn;
use std::ops::Range;
use std::task::{self, Poll, ready};
use std::time::{Duration, Instant};

use super::Context;
use crate::any_process::AnyProcess;
use crate::current::{self, POLL_BUDGET};
use crate::failure::OnFailure;
use crate::mailbox::Item;
use crate::observer::Moment;
use crate::signal::{Event, EventRef};
use crate::system_message::Incoming;

impl<M: Send + 'static> Context<M> {
    /// Receives what comes next. A process that nobody sends anything waits for ever.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub fn receive(&mut self) -> impl Future<Output = Event<M>> {
        poll_fn(|cx| self.poll_receive(cx))
    }

    /// As [`receive`](Self::receive), for the loop that runs a process: system messages too, in their turn. To everybody else
    /// who receives they are not there, and keep their places.
    ///
    /// Only a process that was [spawned as a behaviour](crate::SpawnOptions::behaviour), or
    /// [became one](Self::become_behaviour), gets any.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// A loop that tells whoever asks how much it has done:
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Incoming, Reply, SpawnOptions, SystemMessage};
    ///
    /// struct HowMany(Reply<u32>);
    ///
    /// async fn counter(mut ctx: Context<()>) {
    ///     let mut handled = 0;
    ///     loop {
    ///         match ctx.receive_incoming().await {
    ///             Incoming::Event(_) => handled += 1,
    ///             Incoming::System(request) => {
    ///                 let HowMany(reply) = request.downcast().expect("we know no other");
    ///                 reply.send(handled);
    ///             }
    ///         }
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let counter = ctx.spawn_link_with(SpawnOptions::new().behaviour(), counter).unwrap();
    ///     (0..3).for_each(|_| counter.cast(()));
    ///     let handled = ctx.system().system_call(&counter, None, |reply| SystemMessage::new(HowMany(reply))).await;
    ///     assert_eq!(handled, Ok(3)); // In its turn: after what was sent before.
    /// });
    /// ```
    pub fn receive_incoming(&mut self) -> impl Future<Output = Incoming<M>> {
        poll_fn(|cx| self.poll_next(cx, |_| true, |item, on_failure| item.into_incoming(on_failure)))
    }

    /// Receives what comes next if that is a message; `None`, at once, if it is anything else, which keeps its place for
    /// [`receive_incoming`](Self::receive_incoming), or if a callback [has wished](Self::take_wishes) for something.
    ///
    /// For the loop that runs a process: most of what comes is messages, and an [`Incoming`] may be larger by far.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, Incoming};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     ctx.trap_exit(true);
    ///     ctx.address().cast("first");
    ///     assert_eq!(ctx.receive_if_message().await, Some("first"));
    ///     let child = ctx.spawn_link(|_ctx: Context<()>| async {});
    ///     child.exited().await;
    ///     ctx.address().cast("second");
    ///     assert_eq!(ctx.receive_if_message().await, None);
    ///     assert!(matches!(ctx.receive_incoming().await, Incoming::Event(Event::Exit(_))));
    ///     assert_eq!(ctx.receive_if_message().await, Some("second"));
    /// });
    /// ```
    pub fn receive_if_message(&mut self) -> impl Future<Output = Option<M>> {
        poll_fn(|cx| if self.has_wishes() { Poll::Ready(None) } else { self.poll_if_message(cx) })
    }

    /// As [`receive_if_message`](Self::receive_if_message), of what was taken out of the mailbox before; `None` if there is nothing of
    /// that, or others shall run now.
    ///
    /// For the loop that runs a process, which may handle many messages of a kind in less time than each for itself.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
    ///     (1..=3).for_each(|n| ctx.address().cast(n));
    ///     let mut sum = 0;
    ///     while sum < 6 {
    ///         sum += ctx.receive_if_message().await.unwrap_or_default();
    ///         while let Some(more) = ctx.try_receive_if_message() {
    ///             sum += more;
    ///         }
    ///     }
    ///     assert_eq!((sum, ctx.try_receive_if_message()), (6, None));
    /// });
    /// ```
    #[inline]
    pub fn try_receive_if_message(&mut self) -> Option<M> {
        if self.batch.is_empty() || self.has_wishes() || self.process.has_urgent() || !current::has_budget() {
            return None;
        }
        match self.poll_first_if_message() {
            Poll::Ready(message) => message,
            Poll::Pending => None,
        }
    }

    /// As [`receive_incoming`](Self::receive_incoming), or `None` if nothing has come by `deadline`; see
    /// [`receive_deadline`](Self::receive_deadline).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, Incoming};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let deadline = ctx.system().now() + Duration::from_secs(1);
    ///     ctx.address().cast("in time");
    ///     let incoming = ctx.receive_incoming_deadline(deadline).await;
    ///     assert!(matches!(incoming, Some(Incoming::Event(Event::Message("in time")))));
    ///     assert!(ctx.receive_incoming_deadline(deadline).await.is_none());
    ///     assert_eq!(ctx.system().now(), deadline);
    /// });
    /// ```
    pub async fn receive_incoming_deadline(&mut self, deadline: Instant) -> Option<Incoming<M>> {
        Self::prepare_race().await;
        let incoming = self.sleep_until(deadline).limit(self.receive_incoming()).await;
        Self::finish_race(&incoming);
        incoming
    }

    /// As [`receive_incoming`](Self::receive_incoming), but of events only those that are `wanted`; the others keep their places.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// A loop that is suspended: it still answers those who look after it, and hears that its parent wants it to end.
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, EventRef, ExitReason, Incoming, SpawnOptions};
    ///
    /// struct Resume;
    ///
    /// let test = TestSystem::new(1);
    /// let mut user = test.probe();
    /// let home = user.address();
    /// let suspended = test.spawn_with(SpawnOptions::new().behaviour(), |mut ctx: Context<&str>| async move {
    ///     ctx.trap_exit(true);
    ///     let incoming = ctx.receive_system_or(|event| matches!(event, EventRef::Exit(_))).await;
    ///     assert!(matches!(incoming, Incoming::Event(Event::Exit(_))));
    ///     home.cast(ctx.receive_message().await); // It has kept its place.
    /// }).unwrap();
    /// suspended.cast("work");
    /// test.run_until_idle();
    /// test.exit(&suspended, ExitReason::Shutdown);
    /// user.expect_message("work");
    /// ```
    pub async fn receive_system_or(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Incoming<M> {
        let mut seen = 0;
        let mut is_wanted = |item: &Item<M>| item.peek().is_none_or(&mut wanted);
        poll_fn(|cx| self.poll_matching(cx, &mut seen, &mut is_wanted, Item::into_incoming)).await
    }

    /// Receives the next message. Exits and downs before it keep their places, for [`receive`](Self::receive).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     let child = ctx.spawn(|_ctx: Context<()>| async {});
    ///     ctx.monitor(&child);
    ///     child.exited().await;
    ///     ctx.address().cast("behind the down");
    ///     assert_eq!(ctx.receive_message().await, "behind the down");
    ///     assert!(matches!(ctx.receive().await, Event::Down(_)), "the down has waited");
    /// });
    /// ```
    pub fn receive_message(&mut self) -> impl Future<Output = M> {
        let mut seen = 0;
        poll_fn(move |cx| self.poll_receive_message(cx, &mut seen))
    }

    /// Receives the first that matches; what does not keeps its place. OTP's selective receive.
    ///
    /// In a bounded mailbox what is passed over still takes its room.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, EventRef};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<(u32, &str)>| async move {
    ///     for letter in [(7, "bill"), (3, "postcard"), (7, "reminder")] {
    ///         ctx.address().cast(letter);
    ///     }
    ///     let for_three = ctx.receive_matching(|event| matches!(event, EventRef::Message((3, _)))).await;
    ///     assert_eq!(for_three, Event::Message((3, "postcard")));
    ///     assert_eq!(ctx.receive_message().await, (7, "bill")); // What was passed over is in order.
    /// });
    /// ```
    pub async fn receive_matching(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Event<M> {
        let mut seen = 0;
        let mut is_wanted = |item: &Item<M>| item.peek().is_some_and(&mut wanted);
        poll_fn(|cx| self.poll_matching(cx, &mut seen, &mut is_wanted, Item::into_event)).await
    }

    /// Takes the first that matches out of what is there already.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, EventRef};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     ["tick", "stop", "tick"].iter().for_each(|message| ctx.address().cast(message));
    ///     let mut is_tick = |event: EventRef<'_, &str>| matches!(event, EventRef::Message(&"tick"));
    ///     while ctx.try_receive_matching(&mut is_tick).is_some() {} // One tick is as good as many.
    ///     assert_eq!(ctx.queue_len(), 1);
    ///     assert_eq!(ctx.receive_message().await, "stop");
    /// });
    /// ```
    pub fn try_receive_matching(&mut self, mut wanted: impl FnMut(EventRef<'_, M>) -> bool) -> Option<Event<M>> {
        self.take_urgent();
        self.process.take_all_into(&mut self.batch);
        let found = self.batch.iter().position(|item| item.peek().is_some_and(&mut wanted))?;
        self.announce(&self.batch[found]);
        Some(self.take(found, Item::into_event))
    }

    /// Receives what comes next, or `None` if nothing comes within `timeout`. With a zero timeout it takes what is there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event};
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<&str>| async move {
    ///     ctx.address().cast("hello");
    ///     let zero = Duration::ZERO;
    ///     assert_eq!(ctx.receive_timeout(zero).await, Some(Event::Message("hello"))); // What is there already.
    ///     assert_eq!(ctx.receive_timeout(Duration::from_secs(30)).await, None);
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(30));
    /// ```
    pub async fn receive_timeout(&mut self, timeout: Duration) -> Option<Event<M>> {
        self.receive_deadline(self.process.system.shared.timers.after(timeout)).await
    }

    /// Receives what comes next, or `None` if nothing has come by `deadline`, an instant of the system's clock. If that has
    /// passed, it takes what is there.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// All that comes within a second, however often something does:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// let count = test.run(|mut ctx: Context<()>| async move {
    ///     ctx.send_interval(Duration::from_millis(300), || ());
    ///     let deadline = ctx.system().now() + Duration::from_secs(1);
    ///     let mut count = 0;
    ///     while ctx.receive_deadline(deadline).await.is_some() {
    ///         count += 1;
    ///     }
    ///     count
    /// });
    /// assert_eq!((count, test.elapsed()), (3, Duration::from_secs(1)));
    /// ```
    pub async fn receive_deadline(&mut self, deadline: Instant) -> Option<Event<M>> {
        Self::prepare_race().await;
        let event = self.sleep_until(deadline).limit(self.receive()).await;
        Self::finish_race(&event);
        event
    }

    /// Before a race with time: a process that pauses has not found its mailbox empty.
    async fn prepare_race() {
        poll_fn(|cx| current::poll_budget(cx)).await;
    }

    /// Who looks in again and again without waiting must let others run, too.
    fn finish_race<T>(received: &Option<T>) {
        if received.is_none() {
            current::spend();
        }
    }

    /// How many messages, exits and downs wait in the mailbox.
    ///
    /// # Examples
    ///
    /// A server that knows when it has too much to do:
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
    ///     (0..1_000).for_each(|order| ctx.address().cast(order));
    ///     let order = ctx.receive_message().await;
    ///     let is_late = ctx.queue_len() > 100;
    ///     assert_eq!((order, is_late), (0, true));
    /// });
    /// ```
    pub fn queue_len(&self) -> usize {
        self.process.vitals().queue_len
    }

    /// For behaviours: gives back a message that was received and not handled. It is received next or, if never again, a dead
    /// letter as all that is left in the mailbox.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
    ///     ctx.address().cast("first");
    ///     ctx.address().cast("second");
    ///     let first = ctx.receive_message().await;
    ///     ctx.put_back(first); // It is not yet time for it.
    ///     assert_eq!(ctx.receive_message().await, "first");
    /// });
    /// ```
    pub fn put_back(&mut self, message: M) {
        let place = self.urgent();
        self.batch.make().insert(place, message.into());
        self.process.unreceived(self.batch.len());
    }

    #[inline]
    fn poll_receive(&mut self, cx: &mut task::Context<'_>) -> Poll<Event<M>> {
        self.poll_next(cx, |item| !item.is_system(), |item, on_failure| item.into_event(on_failure))
    }

    /// Takes the first item that is there for whoever receives.
    #[inline]
    fn poll_next<T>(
        &mut self,
        cx: &mut task::Context<'_>,
        is_there: impl Fn(&Item<M>) -> bool,
        open: impl Open<M, T>,
    ) -> Poll<T> {
        ready!(current::poll_budget(cx));
        loop {
            self.take_urgent();
            match self.batch.front() {
                Some(first) if is_there(first) => return self.poll_take(0, open),
                Some(_) => return self.poll_matching(cx, &mut 0, &mut |item| is_there(item), open),
                None => {}
            }
            match self.process.take_next(&mut self.batch, cx.waker()) {
                Some(item) if is_there(&item) && !self.is_observed() => return Poll::Ready(self.deliver(item, open)),
                Some(item) => self.batch.make().push_front(item),
                None if self.process.has_urgent() => {}
                None => return Poll::Pending,
            }
        }
    }

    /// As [`poll_matching`](Self::poll_matching); a message that comes next is taken without much ado.
    #[inline(always)]
    fn poll_receive_message(&mut self, cx: &mut task::Context<'_>, seen: &mut usize) -> Poll<M> {
        if *seen == 0
            && let Some(message) = ready!(self.poll_if_message(cx))
        {
            return Poll::Ready(message);
        }
        self.poll_later_message(cx, seen)
    }

    #[cold]
    fn poll_later_message(&mut self, cx: &mut task::Context<'_>, seen: &mut usize) -> Poll<M> {
        let is_wanted = &mut |item: &Item<M>| matches!(item.peek(), Some(EventRef::Message(_)));
        self.poll_matching(cx, seen, is_wanted, Item::into_message)
    }

    /// Takes what comes next if it is a message. Otherwise that lies first in the batch.
    #[inline(always)]
    fn poll_if_message(&mut self, cx: &mut task::Context<'_>) -> Poll<Option<M>> {
        ready!(current::poll_budget(cx));
        loop {
            self.take_urgent();
            if !self.batch.is_empty() {
                return self.poll_first_if_message();
            }
            match self.process.take_next(&mut self.batch, cx.waker()) {
                Some(item) if item.is_message() && !self.is_observed() => {
                    return Poll::Ready(Some(self.deliver(item, |item, on_failure| item.into_message(on_failure))));
                }
                Some(item) => self.batch.make().push_front(item),
                None if self.process.has_urgent() => {}
                None => return Poll::Pending,
            }
        }
    }

    /// Takes the first item of the batch, if it is a message.
    #[inline(always)]
    fn poll_first_if_message(&mut self) -> Poll<Option<M>> {
        if self.is_observed() && self.batch[0].is_message() {
            self.announce(&self.batch[0]);
        }
        if self.process.is_doomed() {
            return Poll::Pending;
        }
        let message = self.batch.pop_front_if(Item::is_message).map(|item| {
            self.forget_urgent(0);
            self.deliver(item, |item, on_failure| item.into_message(on_failure))
        });
        Poll::Ready(message)
    }

    fn poll_matching<T>(
        &mut self,
        cx: &mut task::Context<'_>,
        seen: &mut usize,
        is_wanted: &mut impl FnMut(&Item<M>) -> bool,
        open: impl Open<M, T>,
    ) -> Poll<T> {
        ready!(current::poll_budget(cx));
        let held = self.batch.len();
        loop {
            let news = self.take_urgent();
            // What has priority has come in front of what was seen. If nothing was, what came before it is looked at first.
            if *seen > 0 {
                if let Some(found) = news.clone().find(|index| is_wanted(&self.batch[*index])) {
                    return self.poll_take(found, open);
                }
                *seen += news.len();
            }
            if let Some(found) = (*seen..self.batch.len()).find(|index| is_wanted(&self.batch[*index])) {
                return self.poll_take(found, open);
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
    #[inline]
    fn take_urgent(&mut self) -> Range<usize> {
        if self.process.has_urgent() { self.take_what_is_urgent() } else { 0..0 }
    }

    #[cold]
    fn take_what_is_urgent(&mut self) -> Range<usize> {
        let place = self.urgent();
        let taken = self.process.take_urgent_into(&mut self.batch, place);
        self.make_seldom().urgent += taken;
        place..place + taken
    }

    fn refill(&mut self, cx: &task::Context<'_>) -> bool {
        self.process.take_into(&mut self.batch, cx.waker())
    }

    /// Hands out an item of the batch. A process that a signal has ended is at an await here: it receives nothing more.
    #[inline(always)]
    fn poll_take<T>(&mut self, index: usize, open: impl Open<M, T>) -> Poll<T> {
        self.announce(&self.batch[index]);
        if self.process.is_doomed() { Poll::Pending } else { Poll::Ready(self.take(index, open)) }
    }

    /// Whether somebody is told of what is received, and may end the process of that.
    #[inline]
    fn is_observed(&self) -> bool {
        self.process.system.shared.is_observed()
    }

    #[inline]
    fn announce(&self, item: &Item<M>) {
        if self.is_observed() {
            self.process.system.shared.observe(Moment::Receives(&*self.process, item.kind()));
        }
    }

    // Not always: that copies the item once more, which costs 4 ns.
    #[inline]
    fn take<T>(&mut self, index: usize, open: impl Open<M, T>) -> T {
        let item = if index == 0 { self.batch.pop_front() } else { self.batch.remove(index) };
        let item = item.expect("the caller found it there");
        self.forget_urgent(index);
        self.deliver(item, open)
    }

    /// What was there is taken, and may have had priority.
    #[inline]
    fn forget_urgent(&mut self, index: usize) {
        if let Some(seldom) = self.seldom.get_mut() {
            seldom.urgent -= usize::from(index < seldom.urgent);
        }
    }

    #[inline(always)]
    fn deliver<T>(&mut self, item: Item<M>, open: impl Open<M, T>) -> T {
        current::spend();
        self.process.received(item.is_message(), self.batch.len());
        let mut on_failure = None;
        let received = open(item, &mut on_failure);
        self.set_on_failure(on_failure);
        received
    }
}

/// Makes of an item what is received, and tells whom to tell should the process fail of it.
trait Open<M, T>: FnOnce(Item<M>, &mut Option<OnFailure>) -> T {}

impl<M, T, F: FnOnce(Item<M>, &mut Option<OnFailure>) -> T> Open<M, T> for F {}
