//! A server with a callback for each type of message; Thespian's `ActorTypeDispatcher`, in types.
//!
//! Invariants:
//! - What an actor does not handle cannot be sent to it: it does not compile.
//! - Until an actor is ready it handles what makes it so, and nothing else. What came meanwhile it handles then, in order, before
//!   anything newer.

mod actor_ref;
mod envelope;
mod lifetime;
mod server;
mod spare;
mod stash;

use std::any::type_name;
use std::fmt;
use std::future::Future;

use proscenium_runtime::{Context, ExitReason};

use crate::behaviour::Start;
use crate::gen_server::Info;

pub use actor_ref::ActorRef;
pub use envelope::Dispatch;
pub use server::ActorArgs;

/// A server that takes messages of several types: those for which it [`Handles`].
///
/// A [`GenServer`](crate::GenServer) has one enum for its protocol, and one `match` that the compiler knows to be complete. An
/// actor has a type and an `impl` for each message, so that its protocol can grow without a place that knows all of it. That
/// costs up to two allocations for each message.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{Actor, Dispatch, Handles};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// struct Account {
///     cents: u64,
/// }
///
/// impl Actor for Account {
///     type Args = ();
///
///     async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
///         Ok(Account { cents: 0 })
///     }
/// }
///
/// struct Deposit(u64);
///
/// #[derive(Debug, PartialEq)]
/// struct Balance(u64);
///
/// impl Handles<Deposit> for Account {
///     type Reply = Balance;
///
///     async fn handle(&mut self, deposit: Deposit, _ctx: &mut Context<Dispatch<Self>>) -> Result<Balance, ExitReason> {
///         self.cents += deposit.0;
///         Ok(Balance(self.cents))
///     }
/// }
///
/// struct Withdraw(u64);
///
/// #[derive(Debug, PartialEq)]
/// struct Overdrawn;
///
/// impl Handles<Withdraw> for Account {
///     type Reply = Result<Balance, Overdrawn>;
///
///     async fn handle(
///         &mut self,
///         withdraw: Withdraw,
///         _ctx: &mut Context<Dispatch<Self>>,
///     ) -> Result<Result<Balance, Overdrawn>, ExitReason> {
///         let Some(left) = self.cents.checked_sub(withdraw.0) else { return Ok(Err(Overdrawn)) };
///         self.cents = left;
///         Ok(Ok(Balance(left)))
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let account = Account::start(()).name("account").link(&mut ctx).await?;
///     account.cast(Deposit(5));
///     assert_eq!(account.call(Deposit(5)).await?, Balance(10));
///     assert_eq!(account.call(Withdraw(50)).await?, Err(Overdrawn));
///     Ok::<_, ExitReason>(())
/// })?;
/// # Ok::<(), ExitReason>(())
/// ```
///
/// What an account does not handle is refused:
///
/// ```compile_fail,E0277
/// # use proscenium_behaviours::{Actor, ActorRef, Dispatch};
/// # use proscenium_runtime::{Context, ExitReason};
/// # struct Account;
/// # impl Actor for Account {
/// #     type Args = ();
/// #     async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
/// #         Ok(Account)
/// #     }
/// # }
/// struct Steal;
///
/// fn rob(account: &ActorRef<Account>) {
///     account.cast(Steal); // error: `Account` does not handle `Steal`
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an Actor",
    note = "an actor needs `type Args` and `async fn init`, and an `impl Handles<M>` for each message `M`"
)]
pub trait Actor: Sized + Send + 'static {
    /// What `init` is given.
    type Args: Send + 'static;

    /// Makes the state, in the new process. Whoever starts the actor waits meanwhile.
    ///
    /// # Errors
    /// The actor does not run, and its starter gets the reason; [`ExitReason::Ignore`] if it need not run.
    fn init(
        args: Self::Args,
        ctx: &mut Context<Dispatch<Self>>,
    ) -> impl Future<Output = Result<Self, ExitReason>> + Send;

    /// Whether the actor has all that it needs to begin; yes by default.
    ///
    /// Until it has, only messages that [initialize](Handles::INITIALIZES) it are handled, and the others wait. It is asked after
    /// `init` and after each of those, until it once says yes. Thespian's `initializing_messages`.
    ///
    /// # Examples
    ///
    /// A shop that opens when it has its stock, and lets customers wait until then:
    ///
    /// ```
    /// use proscenium_behaviours::{Actor, Dispatch, Handles};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Shop {
    ///     stock: Option<u32>,
    ///     opened: bool,
    /// }
    ///
    /// struct Stock(u32);
    /// struct Buy;
    ///
    /// impl Actor for Shop {
    ///     type Args = ();
    ///
    ///     async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
    ///         Ok(Shop { stock: None, opened: false })
    ///     }
    ///
    ///     fn is_ready(&self) -> bool {
    ///         self.stock.is_some()
    ///     }
    ///
    ///     async fn ready(&mut self, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
    ///         self.opened = true;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl Handles<Stock> for Shop {
    ///     type Reply = ();
    ///     const INITIALIZES: bool = true;
    ///
    ///     async fn handle(&mut self, stock: Stock, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
    ///         self.stock = Some(stock.0);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// impl Handles<Buy> for Shop {
    ///     type Reply = Option<u32>;
    ///
    ///     async fn handle(&mut self, _: Buy, _ctx: &mut Context<Dispatch<Self>>) -> Result<Option<u32>, ExitReason> {
    ///         assert!(self.opened);
    ///         self.stock = self.stock.map(|left| left - 1);
    ///         Ok(self.stock)
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = Shop::start(()).link(&mut ctx).await.unwrap();
    ///     let early = shop.send_request(Buy);
    ///     shop.cast(Stock(3));
    ///     assert_eq!(early.await, Ok(Some(2)));
    /// });
    /// ```
    fn is_ready(&self) -> bool {
        true
    }

    /// Begins, when the actor is ready, before what has waited for that is handled; Thespian's `initdone`. By default nothing is
    /// to be done.
    ///
    /// # Errors
    /// The actor stops with the reason, or does not start if it is ready at once.
    ///
    /// # Examples
    ///
    /// See [`is_ready`](Self::is_ready). An actor that needs nothing begins at once:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::{Actor, Dispatch};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    /// # use proscenium_behaviours::Handles;
    ///
    /// struct Clock;
    /// struct Tick;
    ///
    /// impl Actor for Clock {
    ///     type Args = ();
    ///     # async fn init(_: (), _: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> { Ok(Clock) }
    ///     // …
    ///
    ///     async fn ready(&mut self, ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
    ///         ctx.send_after(Duration::from_secs(1), Dispatch::new(Tick));
    ///         Ok(())
    ///     }
    /// }
    /// # impl Handles<Tick> for Clock {
    /// #     type Reply = ();
    /// #     async fn handle(&mut self, _tick: Tick, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
    /// #         Err(ExitReason::shutdown_with("it has ticked"))
    /// #     }
    /// # }
    ///
    /// let test = TestSystem::new(1);
    /// let clock = test.block_on(Clock::start(()).spawn(&test)).unwrap();
    /// assert_eq!(test.block_on(clock.address().exited()).to_string(), "shutdown: it has ticked");
    /// ```
    fn ready(&mut self, ctx: &mut Context<Dispatch<Self>>) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let _ = ctx;
        async { Ok(()) }
    }

    /// Hears of other processes' ends. By default a warning is logged.
    ///
    /// # Errors
    /// The actor stops with the reason; its crash is reported unless the reason is an orderly one.
    fn handle_info(
        &mut self,
        info: Info,
        ctx: &mut Context<Dispatch<Self>>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        async move {
            slog::warn!(ctx.logger(), "unexpected news"; "info" => ?info);
            Ok(())
        }
    }

    /// Cleans up, as a server's [`terminate`](crate::GenServer::terminate).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Actor, Dispatch};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Address, Context, ExitReason};
    ///
    /// struct Till {
    ///     home: Address<&'static str>,
    /// }
    ///
    /// impl Actor for Till {
    ///     type Args = Address<&'static str>;
    ///
    ///     async fn init(home: Address<&'static str>, ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
    ///         ctx.trap_exit(true); // Or a signal would end it without this.
    ///         Ok(Till { home })
    ///     }
    ///
    ///     async fn terminate(&mut self, reason: &ExitReason, _ctx: &mut Context<Dispatch<Self>>) {
    ///         self.home.cast(if reason.is_crash() { "count it again" } else { "all is counted" });
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let mut shop = test.probe();
    /// let till = test.block_on(Till::start(shop.address()).spawn(&test)).unwrap();
    /// test.exit(&till, ExitReason::Shutdown);
    /// # test.block_on(till.sys().stop(ExitReason::Shutdown)).unwrap();
    /// shop.expect_message("all is counted");
    /// ```
    fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Dispatch<Self>>) -> impl Future<Output = ()> + Send {
        let _ = (reason, ctx);
        async {}
    }

    /// Writes of the actor what reports and [`Sys`](crate::Sys) may show. By default the name of its type.
    ///
    /// # Errors
    /// If `f` fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Actor, Dispatch};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Account {
    ///     cents: u64,
    ///     pin: u16,
    /// }
    ///
    /// impl Actor for Account {
    ///     # type Args = u64;
    ///     # async fn init(cents: u64, _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> {
    ///     #     Ok(Account { cents, pin: 1234 })
    ///     # }
    ///     // …
    ///
    ///     fn format_status(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(f, "{} cents", self.cents) // Of the pin nobody learns.
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let account = test.block_on(Account::start(500).spawn(&test)).unwrap();
    /// let status = test.block_on(account.sys().get_status()).unwrap();
    /// assert_eq!(&*status.state, "500 cents");
    /// # assert_eq!(test.block_on(account.inspect(|account| account.pin)), Ok(1234));
    /// ```
    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<Self>())
    }

    /// A start of this actor with `args`, to be given options and then carried out, by you or by a supervisor.
    fn start(args: Self::Args) -> Start<ActorRef<Self>> {
        Start::new(ActorArgs::new(args))
    }
}

/// What an actor does about messages of type `M`.
///
/// # Examples
///
/// An `impl` for each message, with a reply of its own:
///
/// ```
/// use proscenium_behaviours::{Actor, Dispatch, Handles};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason};
///
/// struct Till(u64);
/// struct Open;
/// struct Sold { cents: u64 }
///
/// impl Actor for Till {
///     # type Args = ();
///     # async fn init(_args: (), _ctx: &mut Context<Dispatch<Self>>) -> Result<Self, ExitReason> { Ok(Till(0)) }
///     // …
/// }
///
/// impl Handles<Sold> for Till {
///     type Reply = ();
///
///     async fn handle(&mut self, sold: Sold, _ctx: &mut Context<Dispatch<Self>>) -> Result<(), ExitReason> {
///         self.0 += sold.cents;
///         Ok(())
///     }
/// }
///
/// impl Handles<Open> for Till {
///     type Reply = u64;
///
///     async fn handle(&mut self, _open: Open, _ctx: &mut Context<Dispatch<Self>>) -> Result<u64, ExitReason> {
///         Ok(self.0)
///     }
/// }
///
/// let test = TestSystem::new(1);
/// let till = test.block_on(Till::start(()).spawn(&test)).unwrap();
/// till.cast(Sold { cents: 150 });
/// assert_eq!(test.block_on(till.call(Open)), Ok(150));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle `{M}`",
    label = "`{Self}` has no `impl Handles<{M}>`",
    note = "an actor is sent only what it handles: write `impl Handles<{M}> for {Self}`"
)]
pub trait Handles<M: Send + 'static>: Actor {
    /// What a call with such a message returns; `()` if nothing.
    type Reply: Send + 'static;

    /// Whether such messages are handled before the actor is [ready](Actor::is_ready); no by default.
    const INITIALIZES: bool = false;

    /// Handles a message, and returns the reply, which is dropped if nobody waits for one.
    ///
    /// # Errors
    /// The actor stops with the reason, and a caller hears that; the crash is reported unless the reason is an orderly one.
    fn handle(
        &mut self,
        message: M,
        ctx: &mut Context<Dispatch<Self>>,
    ) -> impl Future<Output = Result<Self::Reply, ExitReason>> + Send;
}
