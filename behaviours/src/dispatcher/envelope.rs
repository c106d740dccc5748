//! A message of any type that an actor handles, as its mailbox holds it.

use std::any::{Any, type_name};
use std::fmt;
use std::pin::Pin;

use proscenium_runtime::{Context, ExitReason, Reply};

use super::server::{Dispatcher, Pace};
use super::{Actor, Handles, spare};

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
pub struct Dispatch<A: Actor>(pub(super) Box<dyn Envelope<A>>);

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
        let sealed = Some((message, reply));
        let Some(mut letter) = spare::take::<Letter<A, M>>() else {
            return Dispatch(Box::new(Letter::<A, M> { sealed }));
        };
        letter.sealed = sealed;
        Dispatch(letter)
    }

    /// The message that was made a letter, if it was of that type.
    pub(super) fn into_message<M: Send + 'static>(self) -> Option<M>
    where
        A: Handles<M>,
    {
        self.unseal().ok().map(|(message, _reply)| message)
    }

    /// What is in it, if it is a letter of that type. Its room is used again.
    fn unseal<M: Send + 'static>(mut self) -> Result<Content<A, M>, Self>
    where
        A: Handles<M>,
    {
        let envelope: &mut dyn Any = &mut *self.0;
        let Some(letter) = envelope.downcast_mut::<Letter<A, M>>() else { return Err(self) };
        let content = letter.take();
        spare::give_back(self.0);
        Ok(content)
    }
}

impl<A: Actor> fmt::Debug for Dispatch<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.message_type())
    }
}

/// What its actor is to do, as only the `impl` of a message's type knows.
pub(super) trait Envelope<A: Actor>: Any + Send {
    /// The Rust type of the message.
    fn message_type(&self) -> &'static str;

    /// Whether it is opened before the actor is ready.
    fn initializes(&self) -> bool;

    /// Lets the actor handle it. Boxed, what that takes has room whatever the type: so, if the pace allows it, the next of the
    /// same type are handled in the same room.
    fn open<'a>(
        self: Box<Self>,
        dispatcher: &'a mut Dispatcher<A>,
        ctx: &'a mut Context<Dispatch<A>>,
        pace: Pace,
    ) -> Opened<'a, A>;
}

/// Ready once all is handled, with what came then.
pub(super) type Opened<'a, A> = Pin<Box<dyn Future<Output = Result<Option<Dispatch<A>>, ExitReason>> + Send + 'a>>;

/// A message, and whom to answer.
type Content<A, M> = (M, Option<Reply<<A as Handles<M>>::Reply>>);

struct Letter<A: Handles<M>, M: Send + 'static> {
    /// Gone once the letter is opened.
    sealed: Option<Content<A, M>>,
}

impl<A: Handles<M>, M: Send + 'static> Letter<A, M> {
    fn take(&mut self) -> Content<A, M> {
        self.sealed.take().expect("a letter is opened once")
    }
}

impl<A: Handles<M>, M: Send + 'static> Envelope<A> for Letter<A, M> {
    fn message_type(&self) -> &'static str {
        type_name::<M>()
    }

    fn initializes(&self) -> bool {
        A::INITIALIZES
    }

    fn open<'a>(
        self: Box<Self>,
        dispatcher: &'a mut Dispatcher<A>,
        ctx: &'a mut Context<Dispatch<A>>,
        pace: Pace,
    ) -> Opened<'a, A> {
        let mut letter = self;
        Box::pin(async move {
            let mut content = letter.take();
            spare::give_back(letter);
            loop {
                let (message, reply) = content;
                let value = dispatcher.actor.handle(message, ctx).await?;
                if let Some(reply) = reply {
                    reply.send(value);
                }
                match dispatcher.next(ctx, pace).map(Dispatch::unseal) {
                    Some(Ok(next)) => content = next,
                    Some(Err(other)) => return Ok(Some(other)),
                    None => return Ok(None),
                }
            }
        })
    }
}
