//! What clients hold of an actor.

use proscenium_runtime::{Call, Request, SendError};

use super::server::Dispatcher;
use super::{Actor, Dispatch, Handles};
use crate::handle::handle;
use crate::sys::SysError;

handle! {
    /// An actor, for messages that it handles; cheap to clone.
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
    pub async fn send<M: Send + 'static>(&self, message: M) -> Result<(), SendError<M>>
    where
        A: Handles<M>,
    {
        self.address().send(Dispatch::new(message)).await.map_err(|SendError(letter)| {
            SendError(letter.into_message().expect("what was not sent is the letter that was made of the message"))
        })
    }

    /// Sends a message, at once, and returns the reply to be.
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
    pub async fn replace(&self, replace: impl FnOnce(&A) -> A + Send + 'static) -> Result<(), SysError> {
        self.sys().with_state(|dispatcher: &mut Dispatcher<A>| dispatcher.actor = replace(&dispatcher.actor)).await
    }
}
