//! One FIFO for messages and news, as its process's lock guards it.
//!
//! Invariants:
//! - What one sender pushes first is received first, messages and news alike.
//! - A bound counts messages; news always finds room.
//! - What has priority comes before what has none, in the order in which it was pushed.
//! - The one consumer takes the whole queue at a time, so that it meets the senders at the lock once a batch.
//! - An idle mailbox keeps no memory that a burst needed.

mod burst;
mod consumer;
mod fifo;
mod item;
mod queue;

use std::num::NonZeroUsize;

use crate::room::Room;

pub(crate) use burst::Burst;
pub(crate) use consumer::Consumer;
pub(crate) use item::{Item, NewsRef};
pub(crate) use queue::{Push, Queue, Teller, discard};

/// How many messages a mailbox takes, and what becomes of one more.
///
/// Unbounded is the default, as in OTP.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Mailbox, SpawnOptions, TrySendError};
///
/// let test = TestSystem::new(1);
/// let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
/// let printer = test.spawn_with(options, |mut ctx: Context<&str>| async move { ctx.receive_message().await; }).unwrap();
/// assert_eq!(printer.try_send("tea"), Ok(()));
/// assert_eq!(printer.try_send("milk"), Err(TrySendError::Full("milk")));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mailbox {
    bound: Option<NonZeroUsize>,
    overflow: Overflow,
}

impl Mailbox {
    /// A mailbox that takes every message.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Mailbox};
    ///
    /// let test = TestSystem::new(1);
    /// assert_eq!(Mailbox::default(), Mailbox::unbounded());
    /// let pile = test.spawn(|_ctx: Context<u32>| pending::<()>());
    /// assert!((0..10_000).all(|letter| pile.try_send(letter).is_ok())); // Watch what you leave unread.
    /// ```
    pub const fn unbounded() -> Self {
        Mailbox { bound: None, overflow: Overflow::Wait }
    }

    /// A mailbox that holds at most `capacity` messages, and whose senders wait when it is full. Exits and downs do not
    /// count and are never held up.
    ///
    /// # Panics
    /// If `capacity` is zero.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Mailbox, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// let options = SpawnOptions::new().mailbox(Mailbox::bounded(1));
    /// let (full, told) = test.run(|mut ctx: Context<()>| async move {
    ///     let child = ctx.spawn_link_with(options, |mut ctx: Context<()>| async move {
    ///         ctx.trap_exit(true);
    ///         pending::<()>().await;
    ///     }).unwrap();
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     child.cast(());
    ///     ctx.exit(&child, ExitReason::Shutdown); // What the bound does not count.
    ///     let waiting = ctx.system().process_info(child.pid().unwrap()).unwrap().queue_len;
    ///     (child.try_send(()).is_err(), waiting)
    /// });
    /// assert!(full);
    /// assert_eq!(told, 2);
    /// ```
    pub const fn bounded(capacity: usize) -> Self {
        match NonZeroUsize::new(capacity) {
            Some(bound) => Mailbox { bound: Some(bound), overflow: Overflow::Wait },
            None => panic!("a mailbox must have room for one message"),
        }
    }

    /// Sets what becomes of a message for which there is no room.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, DeadReason, Mailbox, Overflow, SpawnOptions};
    ///
    /// let test = TestSystem::new(1);
    /// let latest = Mailbox::bounded(1).overflow(Overflow::DropOldest); // Only what came last counts.
    /// let mut shown = test.probe();
    /// let home = shown.address();
    /// let display = test.spawn_with(SpawnOptions::new().mailbox(latest), |mut ctx: Context<u32>| async move {
    ///     home.cast(ctx.receive_message().await);
    /// }).unwrap();
    /// (1..=100).for_each(|percent| display.cast(percent));
    /// shown.expect_message(100);
    /// assert_eq!(test.dead_letter_count_of(DeadReason::MailboxFull), 99);
    /// ```
    #[must_use]
    pub const fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    pub(crate) fn is_bounded(self) -> bool {
        self.bound.is_some()
    }

    fn room(self) -> Option<Room> {
        self.bound.map(Room::new)
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
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Mailbox, Overflow, SpawnOptions};
///
/// let test = TestSystem::new(1);
/// let options = SpawnOptions::new().mailbox(Mailbox::bounded(2).overflow(Overflow::DropOldest));
/// let mut shop = test.probe();
/// let home = shop.address();
/// let sensor = test.spawn_with(options, move |mut ctx: Context<u32>| async move {
///     loop {
///         home.cast(ctx.receive_message().await);
///     }
/// }).unwrap();
/// for degrees in [19, 20, 21] {
///     sensor.cast(degrees); // Nobody has read one yet.
/// }
/// shop.expect_message(20);
/// shop.expect_message(21);
/// ```
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
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Mailbox, MailboxOverflow, Overflow, SpawnOptions};
///
/// let test = TestSystem::new(1);
/// let options = SpawnOptions::new().mailbox(Mailbox::bounded(1).overflow(Overflow::Exit));
/// let slow = test.spawn_with(options, |_ctx: Context<u32>| std::future::pending::<()>()).unwrap();
/// slow.cast(1);
/// slow.cast(2);
/// let reason = test.block_on(slow.exited());
/// assert_eq!(reason.downcast_ref(), Some(&MailboxOverflow { bound: 1 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mailbox overflowed its bound of {bound} messages")]
pub struct MailboxOverflow {
    /// How many messages it holds.
    pub bound: usize,
}
