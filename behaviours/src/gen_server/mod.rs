//! A server: state, and callbacks on what arrives; OTP's `gen_server`.
//!
//! Invariants:
//! - Between two callbacks nothing else touches the state.
//! - `terminate` is the last callback. It is called whenever a callback stops the server, fails or panics, or the parent
//!   tells a server that traps exits to stop; never when a signal ends it.

mod server_loop;
mod source;

use std::any::type_name;
use std::fmt;

use proscenium_runtime::{Context, Down, Exit, ExitReason};

use crate::behaviour::Start;

pub use server_loop::ServerLoop;
pub(crate) use server_loop::{Live, run, serve};
pub(crate) use source::Source;

use source::MailboxOnly;

/// A server's callbacks.
///
/// Its protocol is one enum, `Message`, with a [`Reply`](proscenium_runtime::Reply) in every request that is answered.
/// A callback that returns `Err` stops the server with that reason: `?` on any error lets it crash, and
/// `Err(ExitReason::Normal)` ends it in peace.
///
/// # Examples
///
/// A cache that forgets what nobody has asked for in a minute:
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::GenServer;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// struct Cache(Option<String>);
///
/// enum Ask {
///     Put(String),
///     Get(Reply<Option<String>>),
///     Forget,
/// }
///
/// impl GenServer for Cache {
///     type Args = ();
///     type Message = Ask;
///
///     async fn init(_args: (), _ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
///         Ok(Cache(None))
///     }
///
///     async fn handle(&mut self, message: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
///         match message {
///             Ask::Put(text) => self.0 = Some(text),
///             Ask::Get(reply) => reply.send(self.0.clone()),
///             Ask::Forget => self.0 = None,
///         }
///         ctx.idle_timeout(Duration::from_secs(60), Ask::Forget);
///         Ok(())
///     }
/// }
///
/// let text = TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let cache = Cache::start(()).link(&mut ctx).await.unwrap();
///     cache.cast(Ask::Put("hot".into()));
///     ctx.sleep(Duration::from_secs(61)).await;
///     cache.call(Ask::Get).await.unwrap()
/// });
/// assert_eq!(text, None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a GenServer",
    note = "a server needs `type Args`, `type Message`, `async fn init` and `async fn handle`"
)]
pub trait GenServer: Sized + Send + 'static {
    /// What `init` is given.
    type Args: Send + 'static;

    /// What the server takes.
    type Message: Send + 'static;

    /// What the behaviour is called in [statuses](crate::Sys::get_status) and reports. Another name is for who makes a behaviour of
    /// their own out of servers, as [`EventManager`](crate::EventManager)s are: OTP, too, calls them `gen_event`.
    const BEHAVIOUR: &'static str = "gen_server";

    /// Whether what [`format_message`](Self::format_message) writes of the message handled last is kept for the report of a
    /// failure. It is written before each message is handled, and takes as long as that takes; so not by default. The
    /// [log](crate::Sys::log) can be switched on while the server runs, and is reported likewise.
    const KEEPS_LAST_MESSAGE: bool = false;

    /// Makes the state, in the new process. Whoever starts the server waits meanwhile.
    ///
    /// # Errors
    /// The server does not run, and its starter gets the reason; [`ExitReason::Ignore`] if it need not run. A failure is
    /// reported as a crash, unless it is an [`init_error`](ExitReason::init_error), which the starter alone hears of.
    fn init(
        args: Self::Args,
        ctx: &mut Context<Self::Message>,
    ) -> impl Future<Output = Result<Self, ExitReason>> + Send;

    /// Handles a message.
    ///
    /// # Errors
    /// The server stops with the reason; its crash is reported unless the reason is an orderly one.
    fn handle(
        &mut self,
        message: Self::Message,
        ctx: &mut Context<Self::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send;

    /// Hears of other processes' ends. By default a warning is logged.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    fn handle_info(
        &mut self,
        info: Info,
        ctx: &mut Context<Self::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        async move {
            slog::warn!(ctx.logger(), "unexpected news"; "info" => ?info);
            Ok(())
        }
    }

    /// Handles what a callback gave to [`Context::continue_with`], before anything from the mailbox. By default it is
    /// handled as any message.
    ///
    /// # Errors
    /// As [`handle`](Self::handle).
    ///
    /// # Examples
    ///
    /// A server that lets its starter go on before it has read what takes long:
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::GenServer;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Reply};
    ///
    /// struct Cache(Vec<u32>);
    ///
    /// enum Ask {
    ///     Fill,
    ///     Len(Reply<usize>),
    /// }
    ///
    /// impl GenServer for Cache {
    ///     type Args = ();
    ///     type Message = Ask;
    ///
    ///     async fn init(_args: (), ctx: &mut Context<Ask>) -> Result<Self, ExitReason> {
    ///         ctx.continue_with(Ask::Fill);
    ///         Ok(Cache(Vec::new()))
    ///     }
    ///
    ///     async fn handle_continue(&mut self, _fill: Ask, ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
    ///         ctx.sleep(Duration::from_secs(3)).await; // It reads.
    ///         self.0 = vec![1, 2, 3];
    ///         Ok(())
    ///     }
    ///
    ///     async fn handle(&mut self, ask: Ask, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
    ///         if let Ask::Len(reply) = ask {
    ///             reply.send(self.0.len());
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let cache = test.block_on(Cache::start(()).spawn(&test)).unwrap();
    /// assert_eq!(test.elapsed(), Duration::ZERO); // It runs, and nobody has waited.
    /// assert_eq!(test.block_on(cache.call(Ask::Len)), Ok(3)); // Who asks finds it filled.
    /// ```
    fn handle_continue(
        &mut self,
        message: Self::Message,
        ctx: &mut Context<Self::Message>,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        self.handle(message, ctx)
    }

    /// Cleans up. After a panic the state may be half changed: `reason` tells.
    ///
    /// Not called if a signal ends the server: one that must clean up when its supervisor stops it traps exits in `init`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{GenServer, Sys};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Address, Context, ExitReason};
    ///
    /// struct Till {
    ///     home: Address<String>,
    /// }
    ///
    /// impl GenServer for Till {
    ///     type Args = Address<String>;
    ///     type Message = u32;
    ///
    ///     async fn init(home: Address<String>, ctx: &mut Context<u32>) -> Result<Self, ExitReason> {
    ///         ctx.trap_exit(true);
    ///         Ok(Till { home })
    ///     }
    ///
    ///     async fn handle(&mut self, coin: u32, _ctx: &mut Context<u32>) -> Result<(), ExitReason> {
    ///         assert!(coin > 0, "a button");
    ///         Ok(())
    ///     }
    ///
    ///     async fn terminate(&mut self, reason: &ExitReason, _ctx: &mut Context<u32>) {
    ///         self.home.cast(if reason.is_crash() { "it jammed" } else { "it was closed" }.to_owned());
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let mut shop = test.probe();
    /// let till = test.block_on(Till::start(shop.address()).spawn(&test)).unwrap();
    /// till.cast(0); // A callback panics, and the till still says goodbye.
    /// shop.expect_message("it jammed".to_owned());
    /// let till = test.block_on(Till::start(shop.address()).spawn(&test)).unwrap();
    /// test.block_on(Sys::new(&test, &till).stop(ExitReason::Shutdown)).unwrap();
    /// shop.expect_message("it was closed".to_owned());
    /// ```
    fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Self::Message>) -> impl Future<Output = ()> + Send {
        let _ = (reason, ctx);
        async {}
    }

    /// A start of this server with `args`, to be given options and then carried out, by you or by a supervisor.
    fn start(args: Self::Args) -> Start<ServerLoop<Self>> {
        Start::new(args)
    }

    /// Makes the process of `ctx` this server, until it ends; OTP's `enter_loop`. What its body returns is the result of this.
    ///
    /// Whoever started the process is the server's parent.
    ///
    /// # Errors
    /// The reason with which the process ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::GenServer;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Reply};
    ///
    /// struct Oven {
    ///     degrees: u32,
    /// }
    ///
    /// impl GenServer for Oven {
    ///     type Args = ();
    ///     type Message = Reply<u32>;
    ///
    ///     async fn init(_args: (), _ctx: &mut Context<Reply<u32>>) -> Result<Self, ExitReason> {
    ///         Ok(Oven { degrees: 20 })
    ///     }
    ///
    ///     async fn handle(&mut self, ask: Reply<u32>, _ctx: &mut Context<Reply<u32>>) -> Result<(), ExitReason> {
    ///         ask.send(self.degrees);
    ///         Ok(())
    ///     }
    /// }
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let oven = ctx.spawn_link(|mut ctx: Context<Reply<u32>>| async move {
    ///         ctx.receive_message().await.send(0); // Not a server yet.
    ///         Oven { degrees: 200 }.enter_loop(ctx).await
    ///     });
    ///     assert_eq!(oven.call(|reply| reply).await, Ok(0));
    ///     assert_eq!(oven.call(|reply| reply).await, Ok(200));
    /// });
    /// ```
    fn enter_loop(self, mut ctx: Context<Self::Message>) -> impl Future<Output = Result<(), ExitReason>> + Send {
        ctx.become_behaviour();
        serve(Live(self), ctx, MailboxOnly)
    }

    /// Writes of the server what reports and [`Sys`](crate::Sys) may show; OTP's `format_status`. By default the name of its
    /// type: what is not chosen to be shown stays secret.
    ///
    /// # Errors
    /// If `f` fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{GenServer, Sys};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Login {
    ///     user: &'static str,
    ///     password: &'static str,
    /// }
    ///
    /// impl GenServer for Login {
    ///     # type Args = &'static str;
    ///     # type Message = ();
    ///     # async fn init(user: &'static str, _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
    ///     #     Ok(Login { user, password: "cheese" })
    ///     # }
    ///     # async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
    ///     #     Err(ExitReason::error(self.password.len().to_string()))
    ///     # }
    ///     // …
    ///
    ///     fn format_status(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(f, "user {}", self.user)
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let login = test.block_on(Login::start("Ann").spawn(&test)).unwrap();
    /// let status = test.block_on(Sys::new(&test, &login).get_status()).unwrap();
    /// assert_eq!(&*status.state, "user Ann"); // So reports of its crash will say, too.
    /// ```
    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(type_name::<Self>())
    }

    /// Writes of a message what reports and [`Sys`](crate::Sys) may show. By default the name of its type; where that is `Debug`,
    /// `write!(f, "{message:?}")` shows all of it.
    ///
    /// # Errors
    /// If `f` fails.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{GenServer, Sys};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Report};
    ///
    /// struct Till;
    ///
    /// impl GenServer for Till {
    ///     # type Args = ();
    ///     type Message = u32;
    ///     # async fn init(_args: (), _ctx: &mut Context<u32>) -> Result<Self, ExitReason> { Ok(Till) }
    ///     // …
    ///
    ///     async fn handle(&mut self, coin: u32, _ctx: &mut Context<u32>) -> Result<(), ExitReason> {
    ///         if coin == 0 { Err(ExitReason::error("a button")) } else { Ok(()) }
    ///     }
    ///
    ///     fn format_message(coin: &u32, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    ///         write!(f, "a coin of {coin} cents")
    ///     }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let till = test.block_on(Till::start(()).spawn(&test)).unwrap();
    /// test.block_on(Sys::new(&test, &till).log(10)).unwrap(); // Now it keeps what it handles.
    /// till.cast(50);
    /// till.cast(0);
    /// let report = test.expect_report(|report| matches!(report, Report::Terminate(_)));
    /// let Report::Terminate(report) = report else { unreachable!("it matches") };
    /// assert_eq!(report.last_message.as_deref(), Some("a coin of 0 cents"));
    /// assert!(report.log[0].contains("a coin of 50 cents"));
    /// ```
    fn format_message(message: &Self::Message, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _ = message;
        f.write_str(type_name::<Self::Message>())
    }
}

/// What a server hears beside its messages.
///
/// # Examples
///
/// ```
/// use proscenium_behaviours::{GenServer, Info};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Pid, Reply};
///
/// /// Counts who is inside.
/// struct Door(u32);
///
/// enum Knock {
///     Enter(Pid),
///     Inside(Reply<u32>),
/// }
///
/// impl GenServer for Door {
///     type Args = ();
///     type Message = Knock;
///
///     async fn init(_args: (), _ctx: &mut Context<Knock>) -> Result<Self, ExitReason> {
///         Ok(Door(0))
///     }
///
///     async fn handle(&mut self, knock: Knock, ctx: &mut Context<Knock>) -> Result<(), ExitReason> {
///         match knock {
///             Knock::Enter(pid) => {
///                 ctx.monitor(pid);
///                 self.0 += 1;
///             }
///             Knock::Inside(reply) => reply.send(self.0),
///         }
///         Ok(())
///     }
///
///     async fn handle_info(&mut self, info: Info, _ctx: &mut Context<Knock>) -> Result<(), ExitReason> {
///         if let Info::Down(_) = info {
///             self.0 -= 1;
///         }
///         Ok(())
///     }
/// }
///
/// let test = TestSystem::new(1);
/// let door = test.block_on(Door::start(()).spawn(&test)).unwrap();
/// let guest = test.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
/// door.cast(Knock::Enter(guest.pid().unwrap()));
/// assert_eq!(test.block_on(door.call(Knock::Inside)), Ok(1));
/// test.exit(&guest, ExitReason::Kill);
/// test.block_on(guest.exited());
/// assert_eq!(test.block_on(door.call(Knock::Inside)), Ok(0));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Info {
    /// A linked process ended, or somebody else than the parent asked this one to exit; only if it traps exits.
    Exit(Exit),
    /// A monitored process ended.
    Down(Down),
}
