//! What all behaviours share: how their processes are started; OTP's `gen`.

use std::any::type_name;
use std::fmt;
use std::time::Duration;

use proscenium_runtime::{
    Address, Context, ExitReason, InitAck, Mailbox, MonitorRef, Parent, Registry, RegistryKey, SpawnOptions,
    StartError, StartOptions, SystemHandle, start, start_link, start_monitor,
};

/// A loop that runs processes: a [`ServerLoop`](crate::ServerLoop), and its kin. For who writes behaviours.
///
/// # Examples
///
/// A behaviour whose callbacks are functions of a state and a message:
///
/// ```
/// use proscenium_behaviours::{Behaviour, Start};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, Context, ExitReason, InitAck, Reply};
///
/// enum Fold {}
///
/// impl Behaviour for Fold {
///     type Args = (u64, fn(u64, u64) -> u64);
///     type Message = (u64, Reply<u64>);
///     type Handle = Address<(u64, Reply<u64>)>;
///
///     fn type_name() -> &'static str {
///         "fold"
///     }
///
///     async fn run(
///         (mut state, step): (u64, fn(u64, u64) -> u64),
///         mut ctx: Context<(u64, Reply<u64>)>,
///         ack: InitAck,
///     ) -> Result<(), ExitReason> {
///         ack.ready();
///         loop {
///             let (n, reply) = ctx.receive_message().await;
///             state = step(state, n);
///             reply.send(state);
///         }
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let product = Start::<Fold>::new((1, |product, n| product * n)).name("product").link(&mut ctx).await.unwrap();
///     assert_eq!(product.call(|reply| (6, reply)).await, Ok(6));
///     assert_eq!(product.call(|reply| (7, reply)).await, Ok(42));
/// });
/// ```
pub trait Behaviour: Sized + 'static {
    /// What the process is given.
    type Args: Send + 'static;

    /// What it takes.
    type Message: Send + 'static;

    /// How others reach the process; its [`Address`], or what wraps that.
    type Handle: From<Address<Self::Message>> + Send + 'static;

    /// What reports call it: the type of its user's by which it is this behaviour, such as that of a server.
    fn type_name() -> &'static str {
        type_name::<Self>()
    }

    /// The life of the process. It calls [`InitAck::ready`] when its start may return, and takes system messages from then on, by
    /// [`SysState`](crate::SysState).
    ///
    /// # Errors
    /// The reason with which the process ends.
    fn run(
        args: Self::Args,
        ctx: Context<Self::Message>,
        ack: InitAck,
    ) -> impl Future<Output = Result<(), ExitReason>> + Send;
}

/// A start of a behaviour's process; made by [`GenServer::start`](crate::GenServer::start) and the like.
///
/// It is a value: a supervisor keeps it, and starts the process anew from it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::GenServer;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Reply};
///
/// struct Greeter(String);
///
/// impl GenServer for Greeter {
///     type Args = String;
///     type Message = Reply<String>;
///
///     async fn init(name: String, _ctx: &mut Context<Reply<String>>) -> Result<Self, ExitReason> {
///         Ok(Greeter(name))
///     }
///
///     async fn handle(&mut self, reply: Reply<String>, _ctx: &mut Context<Reply<String>>) -> Result<(), ExitReason> {
///         reply.send(format!("Hello, {}!", self.0));
///         Ok(())
///     }
/// }
///
/// let test = TestSystem::new(1);
/// let start = Greeter::start("World".into()).name("greeter").init_timeout(Duration::from_secs(10));
/// test.block_on(start.spawn(&test)).unwrap();
/// let greeter = test.named::<Reply<String>>("greeter");
/// assert_eq!(test.block_on(greeter.call(|reply| reply)), Ok("Hello, World!".into()));
/// ```
pub struct Start<B: Behaviour> {
    pub(crate) args: B::Args,
    /// None but those that every behaviour has, if nothing was said.
    options: Option<Box<StartOptions>>,
}

impl<B: Behaviour> Start<B> {
    /// A start with `args`, and no options.
    pub fn new(args: B::Args) -> Self {
        Start { args, options: None }
    }

    /// Its arguments, if nothing else was said of it: who keeps very many needs to keep no more.
    ///
    /// # Errors
    /// The start, if it has a name or other options.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::GenServer;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// struct Till;
    ///
    /// impl GenServer for Till {
    ///     type Args = u32;
    ///     type Message = ();
    ///
    ///     async fn init(_cents: u32, _ctx: &mut Context<()>) -> Result<Self, ExitReason> {
    ///         Ok(Till)
    ///     }
    ///
    ///     async fn handle(&mut self, _message: (), _ctx: &mut Context<()>) -> Result<(), ExitReason> {
    ///         Ok(())
    ///     }
    /// }
    ///
    /// assert_eq!(Till::start(500).into_args().ok(), Some(500));
    /// assert!(Till::start(500).name("till").into_args().is_err());
    /// ```
    pub fn into_args(self) -> Result<B::Args, Self> {
        if self.options.is_none() { Ok(self.args) } else { Err(self) }
    }

    /// The start of another behaviour, with the same options.
    pub(crate) fn map<C: Behaviour>(self, args: impl FnOnce(B::Args) -> C::Args) -> Start<C>
    where
        B: Behaviour<Message = C::Message>,
    {
        Start { args: args(self.args), options: self.options }
    }

    /// Registers the process under `name` before its `init` is called.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.options(|options| options.name(name))
    }

    /// Registers the process under a key before its `init` is called, as [`Registry::register`] does; OTP's `via`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Registry};
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let counters: Registry<&str, Count> = Registry::unique(ctx.system());
    ///     let visits = Counter::start(0).via(&counters, "visits", ()).link(&mut ctx).await.unwrap();
    ///     assert_eq!(counters.whereis("visits"), visits.pid());
    ///     let second = Counter::start(0).via(&counters, "visits", ()).link(&mut ctx).await;
    ///     assert!(second.is_err(), "that key is taken");
    /// });
    /// ```
    #[must_use]
    pub fn via<K, V>(self, registry: &Registry<K, B::Message, V>, key: K, value: V) -> Self
    where
        K: RegistryKey,
        V: Clone + Send + Sync + 'static,
    {
        self.options(|options| options.via(registry, key, value))
    }

    /// Says what the process is, in a few words, for reports.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let visits = Counter::start(0).label("visits of the front page").link(&mut ctx).await.unwrap();
    ///     let info = ctx.system().process_info(visits.pid().unwrap()).unwrap();
    ///     assert_eq!(info.label.as_deref(), Some("visits of the front page"));
    /// });
    /// ```
    #[must_use]
    pub fn label(self, label: &str) -> Self {
        self.options(|options| options.label(label))
    }

    /// Sets the mailbox; unbounded by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Mailbox};
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let counter = Counter::start(0).mailbox(Mailbox::bounded(2)).link(&mut ctx).await.unwrap();
    ///     let refused = (0..5).filter(|n| counter.try_send(Count::Add(*n)).is_err()).count();
    ///     assert_eq!(refused, 3);
    ///     assert_eq!(counter.call(Count::Get).await, Ok(1)); // The call waits for room.
    /// });
    /// ```
    #[must_use]
    pub fn mailbox(self, mailbox: Mailbox) -> Self {
        self.options(|options| options.mailbox(mailbox))
    }

    /// Sets what else a process may be given at its birth: a priority, or a thread of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Priority};
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let start = Counter::start(0).options(|options| options.priority(Priority::High).label("urgent"));
    ///     let urgent = start.link(&mut ctx).await.unwrap();
    ///     let info = ctx.system().process_info(urgent.pid().unwrap()).unwrap();
    ///     assert_eq!(info.label.as_deref(), Some("urgent"));
    /// });
    /// ```
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(SpawnOptions) -> SpawnOptions) -> Self {
        self.options = Some(Box::new(options_of(self.options).spawn(change)));
        self
    }

    /// Gives `init` this long; then the process is killed. By default it takes as long as it takes, as in OTP.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::GenServer;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, StartError};
    ///
    /// struct Slow;
    ///
    /// impl GenServer for Slow {
    ///     type Args = ();
    ///     type Message = ();
    ///
    ///     async fn init(_args: (), ctx: &mut Context<()>) -> Result<Self, ExitReason> {
    ///         ctx.sleep(Duration::from_secs(60)).await;
    ///         Ok(Slow)
    ///     }
    ///     # async fn handle(&mut self, (): (), _ctx: &mut Context<()>) -> Result<(), ExitReason> { Ok(()) }
    /// }
    ///
    /// let test = TestSystem::new(1);
    /// let limit = Duration::from_secs(10);
    /// let error = test.block_on(Slow::start(()).init_timeout(limit).spawn(&test)).unwrap_err();
    /// assert_eq!(error, StartError::Timeout(limit));
    /// assert_eq!(test.process_count(), 0);
    /// ```
    #[must_use]
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.options = Some(Box::new(options_of(self.options).init_timeout(timeout)));
        self
    }

    /// Starts the process without a parent; OTP's `start`.
    ///
    /// # Errors
    /// If its name or key is taken, or its `init` fails, ends or takes too long. Then nothing of it is left.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the process.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let counter = test.block_on(Counter::start(40).spawn(&test)).unwrap();
    /// counter.cast(Count::Add(2));
    /// assert_eq!(test.block_on(counter.call(Count::Get)), Ok(42));
    /// ```
    // These say that they are `Send`, for then the compiler need not look into them for that: there it would forget that what a
    // generic behaviour is made of, such as a `&'static str`, lives for ever.
    pub fn spawn(self, system: &SystemHandle) -> impl Future<Output = Result<B::Handle, StartError>> + Send {
        let body = |ctx, ack| B::run(self.args, ctx, ack);
        async move { start(system, options_of(self.options), body).await.map(B::Handle::from) }
    }

    /// Starts the process linked to that of `ctx`, its parent; OTP's `start_link`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn). A failed start sends the parent no exit signal.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the process.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// let test = TestSystem::new(1);
    /// let mut parent = test.probe::<()>();
    /// let child = parent.spawn_link(|mut ctx: Context<()>| async move {
    ///     let counter = Counter::start(u64::MAX).link(&mut ctx).await.unwrap();
    ///     counter.cast(Count::Add(1)); // It does not fit, and both end of that.
    ///     counter.call(Count::Get).await
    ///         .map(drop)
    ///         .map_err(ExitReason::from)
    /// });
    /// let exit = parent.expect_exit_matching(|exit| Some(exit.pid) == child.pid());
    /// assert!(exit.reason.is_crash());
    /// ```
    pub fn link<M: Send + 'static>(
        self,
        ctx: &mut Context<M>,
    ) -> impl Future<Output = Result<B::Handle, StartError>> + Send {
        let parent = ctx.as_parent();
        async move { self.link_to(&parent).await.map(B::Handle::from) }
    }

    /// As [`link`](Self::link), for whoever has the parent's handle, such as a supervisor; with the bare address.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    ///
    /// # Cancel safety
    /// As [`link`](Self::link).
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let parent = ctx.as_parent(); // What a supervisor holds of itself.
    ///     let counter = Counter::start(40).link_to(&parent).await.unwrap();
    ///     assert!(ctx.is_linked(counter.pid().unwrap()));
    ///     assert_eq!(counter.call(Count::Get).await, Ok(40));
    /// });
    /// ```
    pub fn link_to(self, parent: &Parent) -> impl Future<Output = Result<Address<B::Message>, StartError>> + Send {
        start_link(parent, options_of(self.options), |ctx, ack| B::run(self.args, ctx, ack))
    }

    /// Starts the process without a parent, and monitored by that of `ctx`; OTP's `start_monitor`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn). A failed start brings no down.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the process, and brings no down.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// # mod counter { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/counter.rs")); }
    /// # use counter::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let (counter, monitor) = Counter::start(u64::MAX).monitor(&mut ctx).await.unwrap();
    ///     counter.cast(Count::Add(1)); // It does not fit.
    ///     let proscenium_runtime::Event::Down(down) = ctx.receive().await else { unreachable!() };
    ///     assert_eq!(down.monitor, monitor);
    ///     assert!(down.reason.to_string().ends_with("the total fits"));
    /// });
    /// ```
    pub fn monitor<M: Send + 'static>(
        self,
        ctx: &mut Context<M>,
    ) -> impl Future<Output = Result<(B::Handle, MonitorRef), StartError>> + Send {
        let body = |ctx, ack| B::run(self.args, ctx, ack);
        async move {
            let (address, monitor) = start_monitor(ctx, options_of(self.options), body).await?;
            Ok((address.into(), monitor))
        }
    }
}

/// The options of a start, or those that every behaviour has.
fn options_of(said: Option<Box<StartOptions>>) -> StartOptions {
    said.map_or_else(|| StartOptions::new().spawn(SpawnOptions::behaviour), |options| *options)
}

impl<B: Behaviour<Args: Clone>> Clone for Start<B> {
    fn clone(&self) -> Self {
        Start { args: self.args.clone(), options: self.options.clone() }
    }
}

impl<B: Behaviour> fmt::Debug for Start<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Start").field("behaviour", &B::type_name()).finish_non_exhaustive()
    }
}
