//! A server whose messages come from elsewhere, too.

use std::any::type_name;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::task::{self, Poll};
use std::time::Instant;

use futures_lite::future::or;
use proscenium_runtime::{Address, Context, ExitReason, InitAck, consume_budget};

use crate::behaviour::{Behaviour, Start};
use crate::gen_server::{GenServer, Live, ServerLoop, Source, serve};
use crate::sys::{Received, Subject, SysState};
use crate::then::then;

/// What gives a server messages beside its mailbox, one whenever the server has nothing else to do: for who writes pools.
///
/// What it gives is handled as any message. It is dropped when the server stops, however that comes about, before the
/// server's state is, and before `terminate`.
///
/// # Examples
///
/// A server that counts down, fed by numbers that nobody sends:
///
/// ```
/// use std::task::{Context as TaskContext, Poll};
/// use proscenium_behaviours::{Feed, GenServer};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, Context, ExitReason};
///
/// struct Rocket;
///
/// impl GenServer for Rocket {
///     type Args = ();
///     type Message = u32;
///
///     async fn init(_args: (), _ctx: &mut Context<u32>) -> Result<Self, ExitReason> {
///         Ok(Rocket)
///     }
///
///     async fn handle(&mut self, count: u32, _ctx: &mut Context<u32>) -> Result<(), ExitReason> {
///         if count == 0 { Err(ExitReason::Normal) } else { Ok(()) }
///     }
/// }
///
/// struct Countdown(u32);
///
/// impl Feed<u32> for Countdown {
///     fn started(&mut self, _server: &Address<u32>) {}
///
///     fn poll_next(&mut self, _cx: &mut TaskContext<'_>) -> Poll<u32> {
///         self.0 -= 1;
///         Poll::Ready(self.0)
///     }
///
///     fn handled(&mut self) {}
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let rocket = Rocket::start(()).feed(Countdown(3)).link(&mut ctx).await.unwrap();
///     assert_eq!(rocket.exited().await, ExitReason::Normal);
/// });
/// ```
pub trait Feed<M: Send + 'static>: Send + 'static {
    /// The server at this address is ready, and its start is about to return.
    fn started(&mut self, server: &Address<M>);

    /// The next message. If there is none, the waker is to be woken when there is.
    fn poll_next(&mut self, cx: &mut task::Context<'_>) -> Poll<M>;

    /// A callback has returned, for whichever message, and the server goes on.
    fn handled(&mut self);

    /// The server stops, because a callback has failed or panicked, or because it was told to. Not called if a signal ends it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::task::{Context as TaskContext, Poll};
    ///
    /// use proscenium_behaviours::{Feed, Sys};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Address, ExitReason};
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// /// A queue in which jobs wait, and whose clients want to know why they wait in vain.
    /// struct Queue(Address<String>);
    ///
    /// impl Feed<Count> for Queue {
    ///     # fn started(&mut self, _server: &Address<Count>) {}
    ///     # fn poll_next(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Count> { Poll::Pending }
    ///     # fn handled(&mut self) {}
    ///     // …
    ///
    ///     fn stopping(&mut self, reason: &ExitReason) {
    ///         self.0.cast(format!("no more: {reason}"));
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let mut client = test.probe();
    /// let counter = test.block_on(Counter::start(0).feed(Queue(client.address())).spawn(&test)).unwrap();
    /// test.block_on(Sys::new(&test, &counter).stop(ExitReason::shutdown_with("closing time"))).unwrap();
    /// client.expect_message("no more: shutdown: closing time".to_owned());
    /// ```
    fn stopping(&mut self, reason: &ExitReason) {
        let _ = reason;
    }
}

impl<S: GenServer> Start<ServerLoop<S>> {
    /// The start of the same server, with messages of `feed` beside those of its mailbox.
    ///
    /// # Examples
    ///
    /// See [`Feed`]. What comes by the mailbox comes first:
    ///
    /// ```
    /// use std::task::{Context as TaskContext, Poll};
    ///
    /// use proscenium_behaviours::Feed;
    /// use proscenium_runtime::Address;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// /// Adds one whenever the server has nothing else to do, ten times.
    /// struct Ones(u32);
    ///
    /// impl Feed<Count> for Ones {
    ///     fn started(&mut self, _server: &Address<Count>) {}
    ///
    ///     fn poll_next(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Count> {
    ///         match self.0.checked_sub(1) {
    ///             Some(left) => { self.0 = left; Poll::Ready(Count::Add(1)) }
    ///             None => Poll::Pending,
    ///         }
    ///     }
    ///
    ///     fn handled(&mut self) {}
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(0).feed(Ones(10)).spawn(&test)).unwrap();
    /// counter.cast(Count::Add(100));
    /// test.run_until_idle();
    /// assert_eq!(test.block_on(counter.call(Count::Get)), Ok(110));
    /// ```
    pub fn feed<F: Feed<S::Message>>(self, feed: F) -> Start<FedLoop<S, F>> {
        self.map(|args| (args, feed))
    }
}

/// The behaviour that runs a [`GenServer`] with a [`Feed`].
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use std::task::{Context as TaskContext, Poll};
///
/// use proscenium_behaviours::{FedLoop, Start};
/// use proscenium_runtime::testing::TestSystem;
/// # use proscenium_runtime::Address;
/// # use proscenium_behaviours::Feed;
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// #[derive(Clone)]
/// struct Idle;
/// #
/// # impl Feed<Count> for Idle {
/// #     fn started(&mut self, _server: &Address<Count>) {}
/// #     fn poll_next(&mut self, _cx: &mut TaskContext<'_>) -> Poll<Count> { Poll::Pending }
/// #     fn handled(&mut self) {}
/// # }
///
/// struct Pool {
///     worker: Start<FedLoop<Counter, Idle>>,
/// }
///
/// let test = TestSystem::new(1);
/// let pool = Pool { worker: Counter::start(7).feed(Idle) };
/// let workers = [(); 2].map(|()| test.block_on(pool.worker.clone().spawn(&test)).unwrap());
/// assert_eq!(test.block_on(workers[1].call(Count::Get)), Ok(7));
/// ```
pub struct FedLoop<S, F>(PhantomData<fn(F) -> S>);

impl<S: GenServer, F: Feed<S::Message>> Behaviour for FedLoop<S, F> {
    type Args = (S::Args, F);
    type Message = S::Message;
    type Handle = Address<S::Message>;

    fn type_name() -> &'static str {
        type_name::<S>()
    }

    fn run(
        (args, mut feed): Self::Args,
        mut ctx: Context<S::Message>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let init = async move {
            let live = Live(S::init(args, &mut ctx).await?);
            feed.started(&ctx.address());
            ack.ready();
            Ok((live, ctx, feed))
        };
        then(init, |(live, ctx, feed)| serve(live, ctx, MailboxAnd(feed)))
    }
}

impl<S, F> fmt::Debug for FedLoop<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FedLoop<{}>", type_name::<S>())
    }
}

/// Messages come from the mailbox, and when that is empty from the feed.
struct MailboxAnd<F>(F);

impl<S: GenServer, F: Feed<S::Message>> Source<S> for MailboxAnd<F> {
    async fn receive_message(&mut self, ctx: &mut Context<S::Message>) -> Option<S::Message> {
        // What comes from elsewhere is paid for here, what is in the mailbox there.
        consume_budget().await;
        or(ctx.receive_if_message(), poll_fn(|cx| self.0.poll_next(cx).map(Some))).await
    }

    async fn receive(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<S::Message>,
        subject: &mut impl Subject,
    ) -> Received<S::Message> {
        let received = sys.receive_or(ctx, subject, None, |cx| self.0.poll_next(cx)).await;
        received.expect("without a deadline nothing is overdue")
    }

    async fn receive_deadline(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<S::Message>,
        subject: &mut impl Subject,
        deadline: Instant,
    ) -> Option<Received<S::Message>> {
        sys.receive_or(ctx, subject, Some(deadline), |cx| self.0.poll_next(cx)).await
    }

    fn handled(&mut self) {
        self.0.handled();
    }

    fn stopping(&mut self, reason: &ExitReason) {
        self.0.stopping(reason);
    }
}
