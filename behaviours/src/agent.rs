//! A server that is nothing but a state; Elixir's `Agent`.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

use proscenium_runtime::{Call, Context, ExitReason, InitAck};

use crate::behaviour::{Behaviour, Start};
use crate::gen_server::GenServer;
use crate::handle::handle;

handle! {
    /// A state in a process of its own, which functions that are sent there read and change; cheap to clone.
    ///
    /// A function runs within the agent, one at a time: it sees no half-done change, and while it runs nobody else is served.
    /// If it panics the agent ends, and its caller hears of that. Calls wait 5 s unless told otherwise.
    ///
    /// What needs more than a state (timers, news of other processes, work that waits) is a [`GenServer`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// let outcome = System::new("stock").run(|mut ctx: Context<()>| async move {
    ///     let stock = Agent::start(|| BTreeMap::from([("tea".to_owned(), 3)])).name("stock").link(&mut ctx).await?;
    ///     stock.cast(|stock| drop(stock.remove("coffee")));
    ///     let sold = stock.get_and_update(|stock| match stock.get_mut("tea") {
    ///         Some(left) if *left > 0 => {
    ///             *left -= 1;
    ///             true
    ///         }
    ///         _ => false,
    ///     });
    ///     assert!(sold.await?);
    ///     assert_eq!(stock.get(|stock| stock["tea"]).await?, 2);
    ///     Ok::<_, ExitReason>(())
    /// });
    /// assert_eq!(outcome, Ok(()));
    /// ```
    pub struct Agent<T: Send> = AgentMessage<T>;
}

impl<T: Send + 'static> Agent<T> {
    /// A start of an agent whose state `init` makes, in the agent. A supervisor wants an `init` that it can call again.
    pub fn start<F: FnOnce() -> T + Send + 'static>(init: F) -> Start<AgentLoop<T, F>> {
        Start::new(init)
    }

    /// What `look` returns of the state.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError).
    ///
    /// # Cancel safety
    /// Nothing is sent before the first poll. Dropping the future later leaves the function with the agent.
    pub fn get<R: Send + 'static>(&self, look: impl FnOnce(&T) -> R + Send + 'static) -> Call<'_, AgentMessage<T>, R> {
        self.get_and_update(|state| look(state))
    }

    /// Changes the state, and waits until that is done.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError).
    ///
    /// # Cancel safety
    /// As [`get`](Self::get).
    pub fn update(&self, change: impl FnOnce(&mut T) + Send + 'static) -> Call<'_, AgentMessage<T>, ()> {
        self.get_and_update(change)
    }

    /// Changes the state, and returns what `change` returns.
    ///
    /// # Errors
    /// See [`CallError`](proscenium_runtime::CallError).
    ///
    /// # Cancel safety
    /// As [`get`](Self::get).
    pub fn get_and_update<R: Send + 'static>(
        &self,
        change: impl FnOnce(&mut T) -> R + Send + 'static,
    ) -> Call<'_, AgentMessage<T>, R> {
        self.server.call(|reply| AgentMessage::new(|state| reply.send(change(state))))
    }

    /// Changes the state, at some time, and waits for nothing. If there is no agent, `change` is dropped as a dead letter.
    pub fn cast(&self, change: impl FnOnce(&mut T) + Send + 'static) {
        self.server.cast(AgentMessage::new(change));
    }
}

/// What an agent takes: a function of its state.
pub struct AgentMessage<T>(Box<dyn FnOnce(&mut T) + Send>);

impl<T> AgentMessage<T> {
    fn new(act: impl FnOnce(&mut T) + Send + 'static) -> Self {
        AgentMessage(Box::new(act))
    }
}

impl<T> fmt::Debug for AgentMessage<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgentMessage")
    }
}

/// The state of an agent, as [`Sys`](crate::Sys) finds it.
#[derive(Debug)]
pub struct AgentState<T>(pub T);

impl<T: Send + 'static> GenServer for AgentState<T> {
    type Args = T;
    type Message = AgentMessage<T>;

    async fn init(state: T, _ctx: &mut Context<Self::Message>) -> Result<Self, ExitReason> {
        Ok(AgentState(state))
    }

    async fn handle(&mut self, message: Self::Message, _ctx: &mut Context<Self::Message>) -> Result<(), ExitReason> {
        (message.0)(&mut self.0);
        Ok(())
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<T>())
    }
}

/// The behaviour that runs an [`Agent`].
pub struct AgentLoop<T, F>(PhantomData<fn(F) -> T>);

impl<T, F> Behaviour for AgentLoop<T, F>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    type Args = F;
    type Message = AgentMessage<T>;
    type Handle = Agent<T>;

    async fn run(init: F, ctx: Context<Self::Message>, ack: InitAck) -> Result<(), ExitReason> {
        let agent = AgentState(init());
        ack.ready();
        agent.enter_loop(ctx).await
    }
}

impl<T, F> fmt::Debug for AgentLoop<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgentLoop<{}>", type_name::<T>())
    }
}
