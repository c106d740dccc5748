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
/// costs two allocations for each message.
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
    fn is_ready(&self) -> bool {
        true
    }

    /// Begins, when the actor is ready, before what has waited for that is handled; Thespian's `initdone`. By default nothing is
    /// to be done.
    ///
    /// # Errors
    /// The actor stops with the reason, or does not start if it is ready at once.
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
    fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Dispatch<Self>>) -> impl Future<Output = ()> + Send {
        let _ = (reason, ctx);
        async {}
    }

    /// Writes of the actor what reports and [`Sys`](crate::Sys) may show. By default the name of its type.
    ///
    /// # Errors
    /// If `f` fails.
    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<Self>())
    }

    /// A start of this actor with `args`, to be given options and then carried out, by you or by a supervisor.
    fn start(args: Self::Args) -> Start<ActorRef<Self>> {
        Start::new(ActorArgs::new(args))
    }
}

/// What an actor does about messages of type `M`.
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
