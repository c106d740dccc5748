//! A server: state, and callbacks on what arrives; OTP's `gen_server`.
//!
//! Invariants:
//! - Between two callbacks nothing else touches the state.
//! - `terminate` is the last callback. It is called whenever a callback stops the server, fails or panics, or the parent
//!   tells a server that traps exits to stop; never when a signal ends it.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use proscenium_runtime::{
    Address, Context, Down, Event, Exit, ExitReason, InitAck, Mailbox, Parent, Registry, RegistryKey, SpawnOptions,
    StartError, StartOptions, SystemHandle, catch_panic, start, start_link,
};

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
/// use proscenium_behaviours::{GenServer, Info};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// struct Cache(Option<String>);
///
/// enum Ask {
///     Put(String),
///     Get(Reply<Option<String>>),
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
///         }
///         ctx.idle_timeout(Duration::from_secs(60));
///         Ok(())
///     }
///
///     async fn handle_info(&mut self, info: Info, _ctx: &mut Context<Ask>) -> Result<(), ExitReason> {
///         assert_eq!(info, Info::Timeout);
///         self.0 = None;
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

    /// Makes the state, in the new process. Whoever starts the server waits meanwhile.
    ///
    /// # Errors
    /// The server does not run, and its starter gets the reason; [`ExitReason::Ignore`] if it need not run.
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

    /// Hears of other processes' ends, and of an idle timeout. By default a warning is logged.
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
    fn terminate(&mut self, reason: &ExitReason, ctx: &mut Context<Self::Message>) -> impl Future<Output = ()> + Send {
        let _ = (reason, ctx);
        async {}
    }

    /// A start of this server with `args`, to be given options and then carried out, by you or by a supervisor.
    fn start(args: Self::Args) -> Start<Self> {
        Start { args, options: StartOptions::new() }
    }
}

/// What a server hears beside its messages.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Info {
    /// A linked process ended, or somebody else than the parent asked this one to exit; only if it traps exits.
    Exit(Exit),
    /// A monitored process ended.
    Down(Down),
    /// Nothing came for as long as [`Context::idle_timeout`] asked for.
    Timeout,
}

/// A start of a server; made by [`GenServer::start`].
///
/// It is a value: a supervisor keeps it, and starts the server anew from it.
pub struct Start<S: GenServer> {
    args: S::Args,
    options: StartOptions,
}

impl<S: GenServer> Start<S> {
    /// Registers the server under `name` before `init` is called.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.options = self.options.spawn(|options| options.name(name));
        self
    }

    /// Registers the server under a key before `init` is called, as [`Registry::register`] does; OTP's `via`.
    #[must_use]
    pub fn via<K, V>(mut self, registry: &Registry<K, S::Message, V>, key: K, value: V) -> Self
    where
        K: RegistryKey,
        V: Clone + Send + Sync + 'static,
    {
        self.options = self.options.spawn(|options| options.via(registry, key, value));
        self
    }

    /// Says what the server is, in a few words, for reports.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.options = self.options.spawn(|options| options.label(label));
        self
    }

    /// Sets the mailbox; unbounded by default.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.options = self.options.spawn(|options| options.mailbox(mailbox));
        self
    }

    /// Sets what else a process may be given at its birth: a priority, or a thread of its own.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(SpawnOptions) -> SpawnOptions) -> Self {
        self.options = self.options.spawn(change);
        self
    }

    /// Gives `init` this long; then the server is killed. By default it takes as long as it takes, as in OTP.
    #[must_use]
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.init_timeout(timeout);
        self
    }

    /// Starts the server without a parent; OTP's `start`.
    ///
    /// # Errors
    /// If its name or key is taken, or its `init` fails, ends or takes too long. Then nothing of it is left.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the server.
    pub async fn spawn(self, system: &SystemHandle) -> Result<Address<S::Message>, StartError> {
        start(system, self.options, |ctx, ack| serve::<S>(self.args, ctx, ack)).await
    }

    /// Starts the server linked to the process of `ctx`, its parent; OTP's `start_link`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn). A failed start sends the parent no exit signal.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the server.
    pub async fn link<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<Address<S::Message>, StartError> {
        self.link_to(&ctx.as_parent()).await
    }

    /// As [`link`](Self::link), for whoever has the parent's handle.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    ///
    /// # Cancel safety
    /// As [`link`](Self::link).
    pub async fn link_to(self, parent: &Parent) -> Result<Address<S::Message>, StartError> {
        start_link(parent, self.options, |ctx, ack| serve::<S>(self.args, ctx, ack)).await
    }
}

impl<S: GenServer<Args: Clone>> Clone for Start<S> {
    fn clone(&self) -> Self {
        Start { args: self.args.clone(), options: self.options.clone() }
    }
}

impl<S: GenServer> fmt::Debug for Start<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("server", &std::any::type_name::<S>()).finish_non_exhaustive()
    }
}

/// The life of a server.
#[expect(clippy::manual_async_fn, reason = "an async function would keep room for each of its arguments twice")]
fn serve<S: GenServer>(
    args: S::Args,
    mut ctx: Context<S::Message>,
    ack: InitAck,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    async move {
        let mut server = S::init(args, &mut ctx).await?;
        ack.ready();
        let reason = loop {
            let next = next(&mut ctx).await;
            let handled = catch_panic(handle(&mut server, &mut ctx, next)).await;
            if let Err(reason) = handled.and_then(|outcome| outcome) {
                break reason;
            }
        };
        ctx.begin_exit();
        catch_panic(server.terminate(&reason, &mut ctx)).await?;
        Err(reason)
    }
}

/// What a server shall handle next.
enum Next<M> {
    Continue(M),
    Message(M),
    Info(Info),
}

/// Calls the callback for what is next. What its parent tells it to do it does without one.
fn handle<S: GenServer>(
    server: &mut S,
    ctx: &mut Context<S::Message>,
    next: Next<S::Message>,
) -> impl Future<Output = Result<(), ExitReason>> + Send {
    match next {
        Next::Continue(message) => Handling::Continue { future: server.handle_continue(message, ctx) },
        Next::Message(message) => Handling::Message { future: server.handle(message, ctx) },
        Next::Info(Info::Exit(exit)) if ctx.is_from_parent(&exit) => Handling::Stop { reason: exit.reason },
        Next::Info(info) => Handling::Info { future: Box::pin(server.handle_info(info, ctx)) },
    }
}

pin_project! {
    // One future for all callbacks, so that a server has room for one of them, and none for the arguments of others.
    #[project = HandlingProjection]
    enum Handling<C, H, I> {
        Continue { #[pin] future: C },
        Message { #[pin] future: H },
        // News is rare, and large: what handles it takes no room meanwhile.
        Info { future: Pin<Box<I>> },
        Stop { reason: ExitReason },
    }
}

impl<C, H, I> Future for Handling<C, H, I>
where
    C: Future<Output = Result<(), ExitReason>>,
    H: Future<Output = Result<(), ExitReason>>,
    I: Future<Output = Result<(), ExitReason>>,
{
    type Output = Result<(), ExitReason>;

    // What stands between a panic and who catches it is unwound, which costs more than all else here.
    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            HandlingProjection::Continue { future } => future.poll(cx),
            HandlingProjection::Message { future } => future.poll(cx),
            HandlingProjection::Info { future } => future.as_mut().poll(cx),
            HandlingProjection::Stop { reason } => Poll::Ready(Err(reason.clone())),
        }
    }
}

async fn next<M: Send + 'static>(ctx: &mut Context<M>) -> Next<M> {
    let idle_timeout = ctx.take_idle_timeout();
    if let Some(message) = ctx.take_continuation() {
        return Next::Continue(message);
    }
    let event = match idle_timeout {
        // Boxed, so that servers without a timeout have no room for it.
        Some(timeout) => Box::pin(ctx.receive_timeout(timeout)).await,
        None => Some(ctx.receive().await),
    };
    match event {
        Some(Event::Message(message)) => Next::Message(message),
        Some(Event::Exit(exit)) => Next::Info(Info::Exit(exit)),
        Some(Event::Down(down)) => Next::Info(Info::Down(down)),
        None => Next::Info(Info::Timeout),
    }
}
