//! Answers to calls.
//!
//! A reply that is dropped unanswered tells its caller so, but not at once: the process that drops it may be about to
//! end, and then the caller must hear why. So what is dropped while a process runs waits for the end of that poll, or,
//! once the process only cleans up after itself, for its end.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::mem;
use std::time::Duration;

use crate::exit::ExitReason;
use crate::pid::{Pid, Recipient};
use crate::rare::Rare;
use crate::slot;
use crate::sync::per_thread;
#[cfg(debug_assertions)]
use crate::waits::Mark;

/// The right to answer one call, once, from any process and at any later time.
///
/// It is the reply's only address: what arrives after the caller gave up reaches nobody. Dropping it unanswered ends the
/// call with [`CallError::Unanswered`], or with [`CallError::Down`] if its process ends with it.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, Reply, System};
///
/// enum Ask {
///     Length(String, Reply<usize>),
/// }
///
/// let system = System::new("replies");
/// let meter = system.spawn(|mut ctx: Context<Ask>| async move {
///     loop {
///         let Ask::Length(text, reply) = ctx.receive_message().await;
///         reply.send(text.len());
///     }
/// });
/// let length = futures_lite::future::block_on(meter.call(|reply| Ask::Length("four".into(), reply)));
/// assert_eq!(length, Ok(4));
/// ```
pub struct Reply<T: Send + 'static> {
    sender: Option<slot::Sender<T>>,
    #[cfg(debug_assertions)]
    mark: Mark,
}

impl<T: Send + 'static> Reply<T> {
    pub(crate) fn channel() -> (Self, slot::Receiver<T>) {
        let (sender, receiver) = slot::slot();
        let reply = Reply {
            sender: Some(sender),
            #[cfg(debug_assertions)]
            mark: Mark::new(),
        };
        (reply, receiver)
    }

    /// Of the call that it answers.
    #[cfg(debug_assertions)]
    pub(crate) fn mark(&self) -> Mark {
        self.mark.clone()
    }

    /// Answers the call. If the caller no longer waits, the value is dropped.
    ///
    /// # Examples
    ///
    /// Any process may answer, whenever it likes:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let front = ctx.spawn(|mut ctx: Context<Reply<&str>>| async move {
    ///         let reply = ctx.receive_message().await;
    ///         ctx.spawn(|ctx: Context<()>| async move {
    ///             ctx.sleep(Duration::from_secs(2)).await;
    ///             reply.send("from the back room");
    ///         });
    ///         ctx.receive_message().await; // The next, meanwhile.
    ///     });
    ///     assert_eq!(front.call(|reply| reply).await, Ok("from the back room"));
    /// });
    /// ```
    pub fn send(mut self, value: T) {
        // Before it is answered: it may call again at once.
        #[cfg(debug_assertions)]
        self.mark.end();
        if let Some(sender) = self.sender.take() {
            // A caller that gave up is no error of the one that answers.
            let _ = sender.send(value);
        }
    }

    /// Whether the caller still waits; work for one that does not may be left undone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Reply};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let oven = ctx.spawn(|mut ctx: Context<Reply<&str>>| async move {
    ///         let order = ctx.receive_message().await;
    ///         ctx.sleep(Duration::from_secs(60)).await; // It is heated first.
    ///         assert!(!order.is_wanted(), "we spare ourselves the baking");
    ///     });
    ///     assert!(oven.call(|reply| reply).timeout(Duration::from_secs(5)).await.is_err());
    ///     assert_eq!(oven.exited().await, ExitReason::Normal);
    /// });
    /// ```
    pub fn is_wanted(&self) -> bool {
        self.sender.as_ref().is_some_and(|sender| !sender.is_closed())
    }
}

#[cfg(feature = "crossing")]
impl<T: Send + 'static> Reply<T> {
    /// A reply whose answer `to` is handed, and the slot as who no longer wants that may close it.
    pub(crate) fn handing_on(to: slot::HandOn<T>) -> (Self, slot::Owed) {
        let (sender, owed) = slot::handing_on(to);
        let reply = Reply {
            sender: Some(sender),
            #[cfg(debug_assertions)]
            mark: Mark::new(),
        };
        (reply, owed)
    }

    /// Leaves the right to answer to an heir; `None` if the caller no longer waits. If it gives up later, `gone` is called.
    pub(crate) fn bequeath(&self, gone: slot::Gone) -> Option<slot::Heir<T>> {
        self.sender.as_ref()?.bequeath(gone)
    }
}

impl<T: Send + 'static> Drop for Reply<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            #[cfg(debug_assertions)]
            self.mark.leave_to_caller();
            Unanswered::keep(sender);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("wanted", &self.is_wanted()).finish()
    }
}

/// Replies dropped unanswered in the poll that runs on this thread; dropping it tells their callers.
#[derive(Default)]
pub(crate) struct Unanswered(Rare<Vec<Box<dyn Any + Send>>>);

per_thread! {
    /// What is kept, while a process runs; empty nearly always, and then looked at only by [`KEEPING`].
    static IN_THIS_POLL: RefCell<Unanswered> = const { RefCell::new(Unanswered(Rare::none())) };
    static KEEPING: Cell<Keeping> = const { Cell::new(Keeping::Nothing) };
}

/// What becomes of replies that are dropped on this thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keeping {
    /// Their callers are told at once.
    Nothing,
    /// They would be kept; there was none yet.
    Empty,
    Some,
}

impl Unanswered {
    /// From here to [`end`](Self::end), replies dropped on this thread are kept with `earlier` ones.
    #[inline]
    pub(crate) fn begin(earlier: &mut Self) -> Option<Outer> {
        if KEEPING.get() == Keeping::Nothing && earlier.is_empty() {
            KEEPING.set(Keeping::Empty);
            return None;
        }
        Some(Outer::leave(earlier))
    }

    /// Puts what was kept into `kept`.
    #[inline]
    pub(crate) fn end(outer: Option<Outer>, kept: &mut Self) {
        match outer {
            Some(outer) => outer.enter_again(kept),
            None if KEEPING.replace(Keeping::Nothing) == Keeping::Some => *kept = IN_THIS_POLL.take(),
            None => {}
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    /// Keeps what tells a caller when it is dropped.
    #[cold]
    pub(crate) fn keep(sender: impl Send + 'static) {
        if KEEPING.get() == Keeping::Nothing {
            // To drop it wakes the caller, which may run at once.
            return drop(sender);
        }
        let mut sender = Some(sender);
        // A thread that is being torn down keeps nothing any more.
        let _ = IN_THIS_POLL.try_with(|kept| {
            let sender = sender.take().map(|sender| Box::new(sender) as Box<dyn Any + Send>);
            kept.borrow_mut().0.make().extend(sender);
            KEEPING.set(Keeping::Some);
        });
        drop(sender);
    }
}

/// What was kept for whoever ran on this thread before, or that nothing was.
pub(crate) struct Outer {
    keeping: Keeping,
    kept: Unanswered,
}

impl Outer {
    /// From now on those that are dropped are kept with `earlier` ones.
    #[cold]
    fn leave(earlier: &mut Unanswered) -> Self {
        let keeping = if earlier.is_empty() { Keeping::Empty } else { Keeping::Some };
        Outer { keeping: KEEPING.replace(keeping), kept: IN_THIS_POLL.replace(mem::take(earlier)) }
    }

    /// Puts what was kept meanwhile into `kept`.
    #[cold]
    fn enter_again(self, kept: &mut Unanswered) {
        KEEPING.set(self.keeping);
        *kept = IN_THIS_POLL.replace(self.kept);
    }
}

/// Why a call got no answer.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{CallError, Context, Reply};
///
/// struct Price(Reply<u32>);
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let rude = ctx.spawn(|mut ctx: Context<Price>| async move {
///         drop(ctx.receive_message().await);
///         ctx.receive_message().await;
///         panic!("no more");
///     });
///     assert!(matches!(rude.call(Price).await, Err(CallError::Unanswered { .. })));
///     let Err(CallError::Down { reason, .. }) = rude.call(Price).await else { unreachable!("it panics") };
///     assert!(reason.to_string().ends_with("no more"));
///     assert!(rude.call(Price).await.unwrap_err().is_no_process());
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// No answer came in time. The request may still be handled; its answer will reach nobody.
    #[error("call to {target} timed out after {timeout:?}")]
    Timeout {
        /// Who was called.
        target: Recipient,
        /// How long the caller waited.
        timeout: Duration,
    },
    /// The server ended before it answered.
    #[error("call to {target} failed: it ended: {reason}")]
    Down {
        /// Who was called.
        target: Recipient,
        /// Why it ended.
        reason: ExitReason,
    },
    /// There is no such process, or nobody has that name.
    #[error("call to {target} failed: no such process")]
    NoProcess {
        /// Who was called.
        target: Recipient,
    },
    /// The server dropped the [`Reply`] and lives on.
    #[error("call to {target} failed: its reply was dropped unanswered")]
    Unanswered {
        /// Who was called.
        target: Recipient,
    },
    /// The server's mailbox has no room and rejects what it has no room for.
    #[error("call to {target} failed: its mailbox is full")]
    MailboxFull {
        /// Who was called.
        target: Recipient,
    },
    /// The server waits, itself or by way of others, for the process that called it, and has for a second: nobody will answer. Only
    /// debug builds find this out; in others the call times out.
    #[error("call to {target} failed: a deadlock: {}", chain(.circle))]
    Deadlock {
        /// Who was called.
        target: Recipient,
        /// Each waits for the next, and the last for the first, which is the caller.
        circle: Vec<Pid>,
    },
    /// What the process was asked is answered by behaviours only, and it is a plain process.
    #[error("call to {target} failed: it is not a behaviour")]
    NotABehaviour {
        /// Who was called.
        target: Recipient,
    },
    /// The process called itself, and would have waited for ever.
    #[error("call to {target} failed: a process cannot call itself")]
    CallingSelf {
        /// Who was called.
        target: Recipient,
    },
}

/// Who waits for whom, and the last for the first.
fn chain(circle: &[Pid]) -> String {
    let waits: Vec<_> = circle.iter().chain(circle.first()).map(ToString::to_string).collect();
    waits.join(" waits for ")
}

impl CallError {
    /// The request has not left the caller: to it a process that has ended since is none.
    #[cold]
    pub(crate) fn of_unsent(self) -> Self {
        match self {
            CallError::Down { target, .. } => CallError::NoProcess { target },
            error => error,
        }
    }

    /// Whether the request surely was not handled, because nobody was there to handle it.
    pub fn is_no_process(&self) -> bool {
        matches!(self, CallError::NoProcess { .. })
    }
}
