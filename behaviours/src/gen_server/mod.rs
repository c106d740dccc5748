//! A server: state, and callbacks on what arrives; OTP's `gen_server`.
//!
//! Invariants:
//! - Between two callbacks nothing else touches the state.
//! - `terminate` is the last callback. It is called whenever a callback stops the server, fails or panics, or the parent
//!   tells a server that traps exits to stop; never when a signal ends it.

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::time::Instant;

use proscenium_runtime::{
    Address, Context, Down, Event, Exit, ExitReason, IdleTimeout, Incoming, InitAck, Wishes, catch_panic,
};

use crate::behaviour::{Behaviour, Start};
use crate::sys::{Received, Subject, SysEventKind, SysState};
use crate::then::then;

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

/// The behaviour that runs a [`GenServer`]; what [`Start`] starts.
///
/// # Examples
///
/// A type to be named where a start is kept:
///
/// ```
/// use proscenium_behaviours::{ServerLoop, Start};
/// use proscenium_runtime::testing::TestSystem;
///
/// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
/// # use counter::*;
/// struct Shop {
///     visits: Start<ServerLoop<Counter>>,
/// }
///
/// let test = TestSystem::new(1);
/// let shop = Shop { visits: Counter::start(40).name("visits") };
/// let visits = test.block_on(shop.visits.clone().spawn(&test)).unwrap(); // And again, after its end.
/// assert_eq!(test.block_on(visits.call(Count::Get)), Ok(40));
/// ```
pub struct ServerLoop<S>(PhantomData<fn() -> S>);

impl<S: GenServer> Behaviour for ServerLoop<S> {
    type Args = S::Args;
    type Message = S::Message;
    type Handle = Address<S::Message>;

    fn type_name() -> &'static str {
        type_name::<S>()
    }

    fn run(
        args: S::Args,
        mut ctx: Context<S::Message>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send {
        let init = async move {
            let live = Live(S::init(args, &mut ctx).await?);
            ack.ready();
            Ok((live, ctx))
        };
        then(init, |(live, ctx)| serve(live, ctx, MailboxOnly))
    }
}

impl<S> fmt::Debug for ServerLoop<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerLoop<{}>", type_name::<S>())
    }
}

/// Where a server's messages come from.
pub(crate) trait Source<M: Send + 'static>: Send {
    /// Waits for what comes next.
    fn receive(&mut self, ctx: &mut Context<M>) -> impl Future<Output = Incoming<M>> + Send;

    /// As [`SysState::receive_deadline`].
    fn receive_deadline(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<M>,
        subject: &mut impl Subject,
        deadline: Instant,
    ) -> impl Future<Output = Option<Received<M>>> + Send;

    /// A callback has returned, and the server goes on.
    fn handled(&mut self) {}

    /// The server stops, by itself or because it was told to.
    fn stopping(&mut self, reason: &ExitReason) {
        let _ = reason;
    }
}

/// Messages come from the mailbox, and from nowhere else.
struct MailboxOnly;

impl<M: Send + 'static> Source<M> for MailboxOnly {
    fn receive(&mut self, ctx: &mut Context<M>) -> impl Future<Output = Incoming<M>> + Send {
        ctx.receive_incoming()
    }

    fn receive_deadline(
        &mut self,
        sys: &mut SysState,
        ctx: &mut Context<M>,
        subject: &mut impl Subject,
        deadline: Instant,
    ) -> impl Future<Output = Option<Received<M>>> + Send {
        sys.receive_deadline(ctx, subject, deadline)
    }
}

/// A server that runs.
pub(crate) struct Live<S>(pub(crate) S);

impl<S: GenServer> Subject for Live<S> {
    fn behaviour(&self) -> &'static str {
        "gen_server"
    }

    fn state(&mut self) -> &mut dyn Any {
        &mut self.0
    }

    fn type_name(&self) -> &'static str {
        type_name::<S>()
    }

    fn format_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.format_status(f)
    }
}

/// What a server is made of, in the order in which it goes.
struct Server<S: GenServer, Q> {
    source: Q,
    live: Live<S>,
    ctx: Context<S::Message>,
}

/// The life of a server. When it stops, the source goes first.
///
/// What is rare is boxed: an idle server has no room for it.
pub(crate) fn serve<S: GenServer, Q: Source<S::Message>>(
    live: Live<S>,
    ctx: Context<S::Message>,
    source: Q,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    let mut server = Server { source, live, ctx };
    async move {
        // So that it is taken in whole: parts would go in any order.
        let _ = &server;
        let mut sys = SysState::new();
        let reason = loop {
            // In a block of its own, or there would be room for what is next while the message is handled.
            let message = {
                let next = if let Some(wishes) = server.ctx.take_wishes() {
                    Box::pin(grant(wishes, &mut sys, &mut server)).await
                } else {
                    match server.source.receive(&mut server.ctx).await {
                        Incoming::Event(Event::Message(message)) => {
                            show_message::<S>(&message, SysEventKind::In, &mut sys, &server.ctx);
                            Next::Message(message)
                        }
                        news => Box::pin(attend(news, &mut sys, &mut server)).await,
                    }
                };
                match next {
                    Next::Message(message) => message,
                    Next::Nothing => continue,
                    Next::Handled(Ok(())) => {
                        server.source.handled();
                        continue;
                    }
                    Next::Handled(Err(reason)) => break reason,
                }
            };
            let handled = catch_panic(server.live.0.handle(message, &mut server.ctx)).await;
            if let Err(reason) = handled.and_then(|outcome| outcome) {
                break reason;
            }
            server.source.handled();
        };
        server.source.stopping(&reason);
        drop(server.source);
        server.ctx.begin_exit();
        Err(Box::pin(end(reason, &mut sys, &mut server.live, &mut server.ctx)).await)
    }
}

/// Cleans up, reports, then sends the answer that waits for that; also after a panic, as in OTP. Returns why the server ends.
async fn end<S: GenServer>(
    reason: ExitReason,
    sys: &mut SysState,
    live: &mut Live<S>,
    ctx: &mut Context<S::Message>,
) -> ExitReason {
    let answer = ctx.take_wishes().and_then(|wishes| wishes.answer_at_end);
    let terminated = catch_panic(live.0.terminate(&reason, ctx)).await;
    let reason = terminated.err().unwrap_or(reason);
    sys.report(ctx, live, &reason);
    if let Some(answer) = answer {
        answer.send();
    }
    reason
}

/// What there is for a server to do.
enum Next<M> {
    /// It shall handle this.
    Message(M),
    /// It has handled something; with an error, it stops.
    Handled(Result<(), ExitReason>),
    Nothing,
}

/// What comes next after a callback that has wished for something.
async fn grant<S: GenServer, Q: Source<S::Message>>(
    wishes: Box<Wishes<S::Message>>,
    sys: &mut SysState,
    server: &mut Server<S, Q>,
) -> Next<S::Message> {
    let Server { source, live, ctx } = server;
    if let Some(message) = wishes.continue_with {
        show_message::<S>(&message, SysEventKind::Continue, sys, ctx);
        return Next::Handled(catch_panic(live.0.handle_continue(message, ctx)).await.and_then(|outcome| outcome));
    }
    let Some(IdleTimeout { at, message }) = wishes.idle_timeout else { return Next::Nothing };
    let received = match at {
        Some(at) => source.receive_deadline(sys, ctx, live, at).await,
        None => None,
    };
    match received {
        Some(received) => take_in(received, sys, live, ctx).await,
        None => {
            show_message::<S>(&message, SysEventKind::Timeout, sys, ctx);
            Next::Message(message)
        }
    }
}

/// Sees to what is no message.
async fn attend<S: GenServer, Q: Source<S::Message>>(
    news: Incoming<S::Message>,
    sys: &mut SysState,
    server: &mut Server<S, Q>,
) -> Next<S::Message> {
    let Server { live, ctx, .. } = server;
    match sys.sort(news, ctx, live).await {
        Some(received) => take_in(received, sys, live, ctx).await,
        None => Next::Nothing,
    }
}

/// Tells whoever watches of what was received, and handles it unless it is a message.
async fn take_in<S: GenServer>(
    received: Received<S::Message>,
    sys: &mut SysState,
    live: &mut Live<S>,
    ctx: &mut Context<S::Message>,
) -> Next<S::Message> {
    let info = match received {
        Received::Event(Event::Message(message)) => {
            show_message::<S>(&message, SysEventKind::In, sys, ctx);
            return Next::Message(message);
        }
        Received::Event(Event::Exit(exit)) => Info::Exit(exit),
        Received::Event(Event::Down(down)) => Info::Down(down),
        Received::Stop(reason) => return Next::Handled(Err(reason)),
    };
    sys.note(ctx, SysEventKind::Info, |f| write!(f, "{info:?}"));
    Next::Handled(catch_panic(live.0.handle_info(info, ctx)).await.and_then(|outcome| outcome))
}

fn show_message<S: GenServer>(message: &S::Message, kind: SysEventKind, sys: &mut SysState, ctx: &Context<S::Message>) {
    sys.note(ctx, kind, |f| S::format_message(message, f));
    if S::KEEPS_LAST_MESSAGE {
        sys.keep_message(|f| S::format_message(message, f));
    }
}
