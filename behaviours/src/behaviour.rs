//! What all behaviours share: how their processes are started; OTP's `gen`.

use std::any::type_name;
use std::fmt;
use std::time::Duration;

use proscenium_runtime::{
    Address, Context, ExitReason, InitAck, Mailbox, MonitorRef, Parent, Registry, RegistryKey, SpawnOptions,
    StartError, StartOptions, SystemHandle, start, start_link, start_monitor,
};

/// A loop that runs processes: a [`ServerLoop`](crate::ServerLoop), and its kin. For who writes behaviours.
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
    options: StartOptions,
}

impl<B: Behaviour> Start<B> {
    /// A start with `args`, and no options.
    pub fn new(args: B::Args) -> Self {
        Start { args, options: StartOptions::new().spawn(SpawnOptions::behaviour) }
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
    #[must_use]
    pub fn via<K, V>(self, registry: &Registry<K, B::Message, V>, key: K, value: V) -> Self
    where
        K: RegistryKey,
        V: Clone + Send + Sync + 'static,
    {
        self.options(|options| options.via(registry, key, value))
    }

    /// Says what the process is, in a few words, for reports.
    #[must_use]
    pub fn label(self, label: &str) -> Self {
        self.options(|options| options.label(label))
    }

    /// Sets the mailbox; unbounded by default.
    #[must_use]
    pub fn mailbox(self, mailbox: Mailbox) -> Self {
        self.options(|options| options.mailbox(mailbox))
    }

    /// Sets what else a process may be given at its birth: a priority, or a thread of its own.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(SpawnOptions) -> SpawnOptions) -> Self {
        self.options = self.options.spawn(change);
        self
    }

    /// Gives `init` this long; then the process is killed. By default it takes as long as it takes, as in OTP.
    #[must_use]
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.options = self.options.init_timeout(timeout);
        self
    }

    /// Starts the process without a parent; OTP's `start`.
    ///
    /// # Errors
    /// If its name or key is taken, or its `init` fails, ends or takes too long. Then nothing of it is left.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the process.
    pub async fn spawn(self, system: &SystemHandle) -> Result<B::Handle, StartError> {
        start(system, self.options, |ctx, ack| B::run(self.args, ctx, ack)).await.map(B::Handle::from)
    }

    /// Starts the process linked to that of `ctx`, its parent; OTP's `start_link`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn). A failed start sends the parent no exit signal.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the process.
    pub async fn link<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<B::Handle, StartError> {
        self.link_to(&ctx.as_parent()).await.map(B::Handle::from)
    }

    /// As [`link`](Self::link), for whoever has the parent's handle, such as a supervisor; with the bare address.
    ///
    /// # Errors
    /// As [`link`](Self::link).
    ///
    /// # Cancel safety
    /// As [`link`](Self::link).
    pub async fn link_to(self, parent: &Parent) -> Result<Address<B::Message>, StartError> {
        start_link(parent, self.options, |ctx, ack| B::run(self.args, ctx, ack)).await
    }

    /// Starts the process without a parent, and monitored by that of `ctx`; OTP's `start_monitor`.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn). A failed start brings no down.
    ///
    /// # Cancel safety
    /// Dropping the future before it is ready kills the process, and brings no down.
    pub async fn monitor<M: Send + 'static>(self, ctx: &mut Context<M>) -> Result<(B::Handle, MonitorRef), StartError> {
        let body = |ctx, ack| B::run(self.args, ctx, ack);
        let (address, monitor) = start_monitor(ctx, self.options, body).await?;
        Ok((address.into(), monitor))
    }
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
