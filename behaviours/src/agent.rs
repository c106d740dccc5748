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
    ///
    /// Whoever has the name is found by each request, also after a restart:
    ///
    /// ```
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let stock = Agent::<u32>::named(ctx.system(), "stock"); // Nobody has the name yet.
    ///     assert_eq!(stock.pid(), None);
    ///     for beginning in [3, 30] {
    ///         let agent = Agent::start(move || beginning).name("stock").spawn(ctx.system()).await.unwrap();
    ///         assert_eq!(stock.pid(), agent.pid());
    ///         assert_eq!(stock.get(|left| *left).await, Ok(beginning));
    ///         stock.sys().stop(ExitReason::Normal).await.unwrap();
    ///     }
    ///     assert!(!ctx.system().is_alive(&stock) && stock.address().pid().is_none());
    /// });
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
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Agent;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{CallError, Context};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let list = Agent::start(Vec::<u32>::new).link(&mut ctx).await.unwrap();
    ///     list.update(|list| list.push(7)).await.unwrap(); // It is done when this is.
    ///     assert_eq!(list.get(Vec::len).await, Ok(1));
    ///     ctx.trap_exit(true);
    ///     let failed = list.update(|list| drop(list.remove(7))).await; // There is no eighth: it panics.
    ///     assert!(matches!(failed, Err(CallError::Down { .. })));
    /// });
    /// ```
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
///
/// # Examples
///
/// Nobody makes one but an agent's methods. The address that takes it is as good as the agent:
///
/// ```
/// use proscenium_behaviours::{Agent, AgentMessage};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, Context};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let stock = Agent::start(|| 3).link(&mut ctx).await.unwrap();
///     let address: Address<AgentMessage<i32>> = stock.address().clone();
///     let again = Agent::from(address); // An agent is its address.
///     again.cast(|left| *left -= 1);
///     assert_eq!(stock.get(|left| *left).await, Ok(2));
/// });
/// ```
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
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Agent, AgentState};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let stock = Agent::start(|| 3_u32).link(&mut ctx).await.unwrap();
///     let sys = stock.sys();
///     sys.suspend().await.unwrap(); // It serves nobody now, but this is no client:
///     assert_eq!(sys.get_state(|state: &AgentState<u32>| state.0).await, Ok(3));
/// });
/// ```
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
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use proscenium_behaviours::{Agent, AgentLoop, Start};
/// use proscenium_runtime::testing::TestSystem;
///
/// type StockStart = Start<AgentLoop<u32, fn() -> u32>>;
///
/// fn stock() -> StockStart {
///     Agent::start(|| 3)
/// }
///
/// let test = TestSystem::new(1);
/// let first = test.block_on(stock().spawn(&test)).unwrap();
/// let second = test.block_on(stock().clone().spawn(&test)).unwrap();
/// first.cast(|left| *left = 0);
/// assert_eq!(test.block_on(second.get(|left| *left)), Ok(3)); // Each start makes its own.
/// ```
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
