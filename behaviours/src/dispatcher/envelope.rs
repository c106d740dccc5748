//! A message of any type that an actor handles, as its mailbox holds it.

use std::any::{Any, type_name};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use pin_project_lite::pin_project;
use proscenium_runtime::{Context, ExitReason, Reply};

use super::{Actor, Handles};

/// What an actor takes: a message of any type that it handles.
///
/// # Examples
///
/// What goes to an actor by other ways than its [`ActorRef`](super::ActorRef), here by a timer:
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::Dispatch;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
/// # use account::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let account = Account::start(()).link(&mut ctx).await.unwrap();
///     ctx.send_after_to(Duration::from_secs(1), account.address(), Dispatch::new(Deposit(5)));
///     assert_eq!(account.inspect(|account| account.cents).await, Ok(0));
///     ctx.sleep(Duration::from_secs(2)).await;
///     assert_eq!(account.inspect(|account| account.cents).await, Ok(5));
/// });
/// ```
pub struct Dispatch<A: Actor>(pub(super) Content<A>);

pub(super) enum Content<A: Actor> {
    Message(Box<dyn Envelope<A>>),
    /// The time of a transient actor is over, it seems.
    Retire,
    /// What has waited until the actor was ready is handled next.
    Replay,
}

impl<A: Actor> Dispatch<A> {
    /// The message that [`ActorRef::cast`](super::ActorRef::cast) sends: for timers, monitors and groups that send it, and for
    /// [`Context::continue_with`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use proscenium_behaviours::{Actor, Dispatch, Handles};
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Clock;
    /// struct Tick;
    ///
    /// impl Actor for Clock {
    ///     type Args = ();
    ///
    ///     async fn init(_args: (), ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
    ///         ctx.send_interval(Duration::from_secs(1), || Dispatch::new(Tick));
    ///         Ok(Clock)
    ///     }
    /// }
    ///
    /// impl Handles<Tick> for Clock {
    ///     type Reply = ();
    ///
    ///     async fn handle(&mut self, _tick: Tick, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
    ///         Ok(())
    ///     }
    /// }
    /// ```
    pub fn new<M: Send + 'static>(message: M) -> Self
    where
        A: Handles<M>,
    {
        Dispatch::letter(message, None)
    }

    pub(super) fn letter<M: Send + 'static>(message: M, reply: Option<Reply<A::Reply>>) -> Self
    where
        A: Handles<M>,
    {
        Dispatch(Content::Message(Box::new(Letter::<A, M> { message, reply })))
    }

    /// The message that was made a letter, if it was of that type.
    pub(super) fn into_message<M: Send + 'static>(self) -> Option<M>
    where
        A: Handles<M>,
    {
        let Content::Message(envelope) = self.0 else { return None };
        envelope.into_any().downcast::<Letter<A, M>>().ok().map(|letter| letter.message)
    }
}

impl<A: Actor> fmt::Debug for Dispatch<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Content::Message(envelope) => envelope.message_type(),
            Content::Retire => "retire",
            Content::Replay => "replay",
        })
    }
}

/// A message whose type only its actor's `impl` knows.
pub(super) trait Envelope<A: Actor>: Send {
    /// The Rust type of the message.
    fn message_type(&self) -> &'static str;

    /// Whether it is handled before the actor is ready.
    fn initializes(&self) -> bool;

    /// Lets the actor handle it.
    fn open<'a>(self: Box<Self>, actor: &'a mut A, ctx: &'a mut Context<Dispatch<A>>) -> Opened<'a>;

    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

type Opened<'a> = Pin<Box<dyn Future<Output = Result<(), ExitReason>> + Send + 'a>>;

struct Letter<A: Handles<M>, M: Send + 'static> {
    message: M,
    reply: Option<Reply<A::Reply>>,
}

impl<A: Handles<M>, M: Send + 'static> Envelope<A> for Letter<A, M> {
    fn message_type(&self) -> &'static str {
        type_name::<M>()
    }

    fn initializes(&self) -> bool {
        A::INITIALIZES
    }

    fn open<'a>(self: Box<Self>, actor: &'a mut A, ctx: &'a mut Context<Dispatch<A>>) -> Opened<'a> {
        let Letter { message, reply } = *self;
        Box::pin(Answering { handling: actor.handle(message, ctx), reply })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

pin_project! {
    // It is boxed anew for each message, and an async block would keep room for the message twice.
    struct Answering<H, T>
    where
        T: Send,
        T: 'static,
    {
        #[pin]
        handling: H,
        reply: Option<Reply<T>>,
    }
}

impl<H, T> Future for Answering<H, T>
where
    H: Future<Output = Result<T, ExitReason>>,
    T: Send + 'static,
{
    type Output = Result<(), ExitReason>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let value = ready!(this.handling.poll(cx))?;
        if let Some(reply) = this.reply.take() {
            reply.send(value);
        }
        Poll::Ready(Ok(()))
    }
}
