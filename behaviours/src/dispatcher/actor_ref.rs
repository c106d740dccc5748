//! What clients hold of an actor.

use proscenium_runtime::{Call, Request, SendError};

use super::server::Dispatcher;
use super::{Actor, Dispatch, Handles};
use crate::handle::handle;
use crate::sys::SysError;

handle! {
    /// An actor, for messages that it handles; cheap to clone.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::ActorRef;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let savings = ActorRef::<Account>::named(ctx.system(), "savings"); // Whoever has the name when it is used.
    ///     let account = Account::start(()).name("savings").link(&mut ctx).await.unwrap();
    ///     savings.cast(Deposit(5));
    ///     assert_eq!(savings.call(Deposit(1)).await, Ok(Balance(6)));
    ///     assert_eq!((savings.pid(), savings.address().pid()), (account.pid(), account.pid()));
    ///     savings.sys().stop(ExitReason::Normal).await.unwrap();
    ///     assert!(account.call(Deposit(1)).await.unwrap_err().is_no_process());
    /// });
    /// ```
    pub struct ActorRef<A: Actor> = Dispatch<A>;
}

impl<A: Actor> ActorRef<A> {
    /// Sends a message and waits for the reply to it; 5 s unless [`timeout`](Call::timeout) says otherwise. Thespian's `ask`.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError).
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the message with the actor.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let account = Account::start(()).link(&mut ctx).await.unwrap();
    ///     let balance = account.call(Deposit(5)).timeout(Duration::from_secs(60)).await; // Not the usual 5 s.
    ///     assert_eq!(balance, Ok(Balance(5)));
    /// });
    /// ```
    // Always: it is made where it is awaited, and not moved there.
    #[inline(always)]
    pub fn call<M: Send + 'static>(&self, message: M) -> Call<'_, Dispatch<A>, <A as Handles<M>>::Reply>
    where
        A: Handles<M>,
    {
        self.address().call(|reply| Dispatch::letter(message, Some(reply)))
    }

    /// Sends a message and waits for nothing; the reply to it is dropped. Thespian's `tell`. What nobody can receive is a dead
    /// letter.
    pub fn cast<M: Send + 'static>(&self, message: M)
    where
        A: Handles<M>,
    {
        self.address().cast(Dispatch::new(message));
    }

    /// Sends a message, and waits for room if the mailbox is full and makes its senders wait. The reply to it is dropped.
    ///
    /// # Errors
    /// [`SendError`] with the message, if there is no such actor, it ends meanwhile, or its mailbox rejects it.
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the message was not sent and is dropped with it.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Mailbox, SendError};
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let account = Account::start(()).mailbox(Mailbox::bounded(1)).link(&mut ctx).await.unwrap();
    ///     for _ in 0..100 {
    ///         account.send(Deposit(1)).await.unwrap(); // It waits for room: none is lost.
    ///     }
    ///     assert_eq!(account.call(Deposit(0)).await, Ok(Balance(100)));
    ///     account.sys().stop(ExitReason::Normal).await.unwrap();
    ///     let Err(SendError(Deposit(cents))) = account.send(Deposit(7)).await else { unreachable!("it has ended") };
    ///     assert_eq!(cents, 7); // Here it is again.
    /// });
    /// ```
    pub async fn send<M: Send + 'static>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handles<M>,
    {
        self.address().send(Dispatch::new(message)).await.map_err(|SendError(letter)| {
            SendError(letter.into_message().expect("what was not sent is the letter that was made of the message"))
        })
    }

    /// Sends a message, at once, and returns the reply to be.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let account = Account::start(()).link(&mut ctx).await.unwrap();
    ///     let [first, second] = [5, 6].map(|cents| account.send_request(Deposit(cents)));
    ///     assert_eq!(second.await, Ok(Balance(11))); // In whichever order we want them.
    ///     assert_eq!(first.await, Ok(Balance(5)));
    /// });
    /// ```
    pub fn send_request<M: Send + 'static>(&self, message: M) -> Request<<A as Handles<M>>::Reply>
    where
        A: Handles<M>,
    {
        self.address().send_request(|reply| Dispatch::letter(message, Some(reply)))
    }

    /// What `look` returns of the actor's state; OTP's `sys:get_state`.
    ///
    /// # Errors
    /// As [`Sys::get_state`](crate::Sys::get_state).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the look with the actor.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let account = Account::start(()).link(&mut ctx).await.unwrap();
    ///     account.cast(Deposit(5));
    ///     assert_eq!(account.inspect(|account| account.cents).await, Ok(5)); // There is no message for that.
    /// });
    /// ```
    pub async fn inspect<T: Send + 'static>(&self, look: impl FnOnce(&A) -> T + Send + 'static) -> Result<T, SysError> {
        self.sys().with_state(|dispatcher: &mut Dispatcher<A>| look(&dispatcher.actor)).await
    }

    /// Puts what `replace` makes of the actor's state in its place; OTP's `sys:replace_state`. If `replace` panics, the state is
    /// what it was.
    ///
    /// # Errors
    /// As [`Sys::replace_state`](crate::Sys::replace_state).
    ///
    /// # Cancel safety
    /// Dropping the future leaves the exchange with the actor.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod account { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/account.rs")); }
    /// # use account::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let account = Account::start(()).link(&mut ctx).await.unwrap();
    ///     account.cast(Deposit(5));
    ///     account.replace(|account| Account { cents: 2 * account.cents }).await.unwrap();
    ///     assert_eq!(account.call(Deposit(0)).await, Ok(Balance(10)));
    ///     assert!(account.replace(|_| panic!("a slip")).await.is_err());
    ///     assert_eq!(account.call(Deposit(0)).await, Ok(Balance(10))); // It is what it was.
    /// });
    /// ```
    pub async fn replace(&self, replace: impl FnOnce(&A) -> A + Send + 'static) -> Result<(), SysError> {
        self.sys().with_state(|dispatcher: &mut Dispatcher<A>| dispatcher.actor = replace(&dispatcher.actor)).await
    }
}
