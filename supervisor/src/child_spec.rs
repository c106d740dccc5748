//! What a supervisor knows of a child before it lives.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proscenium_behaviours::{Behaviour, Start};
use proscenium_runtime::{
    Address, Context, InitAck, Mailbox, Outcome, Parent, Pid, Registry, RegistryKey, SpawnOptions, StartError,
    StartOptions, start_link,
};
pub use proscenium_runtime::{ChildKind, Restart, Shutdown};

use crate::child_id::ChildId;

/// A child: its id, how it is started, when it is restarted, how it is stopped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_runtime::Context;
/// use proscenium_supervisor::{ChildSpec, Restart, Shutdown, process};
///
/// let spec = ChildSpec::new("clock", process(|ctx: Context<()>| async move {
///     loop {
///         ctx.sleep(Duration::from_secs(1)).await;
///     }
/// }))
/// .restart(Restart::Transient)
/// .shutdown(Shutdown::BrutalKill);
/// assert_eq!(spec.id(), "clock");
/// ```
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) id: ChildId,
    pub(crate) start: Arc<dyn StartChild>,
    pub(crate) policy: ChildPolicy,
}

/// How a child is treated by its supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChildPolicy {
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) significant: bool,
}

impl ChildSpec {
    /// A permanent child. Workers have 5 s to shut down, supervisors as long as it takes.
    ///
    /// `start` is a server's [`Start`], a [`Supervisor`](crate::Supervisor), a [`process`], or a closure that returns a
    /// `Start` where its arguments must be made anew each time.
    pub fn new(id: &str, start: impl StartChild) -> Self {
        let shutdown = default_shutdown(start.kind());
        let policy = ChildPolicy { restart: Restart::Permanent, shutdown, significant: false };
        ChildSpec { id: id.into(), start: start.into_shared(), policy }
    }

    /// Sets when it is restarted; always by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Restart};
    /// use proscenium_supervisor::Supervisor;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let job = worker("job").restart(Restart::Temporary);
    ///     let shop = Supervisor::one_for_one().child(job).start_link(&mut ctx).await.unwrap();
    ///     fail(ctx.system(), "job").await;
    ///     assert_eq!(shop.count_children().await.unwrap().specs, 0); // It is not started again, and forgotten.
    /// });
    /// ```
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.policy.restart = restart;
        self
    }

    /// Sets how it is stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Shutdown};
    /// use proscenium_supervisor::{ChildSpec, Supervisor, process};
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let deaf = process(|mut ctx: Context<()>| async move {
    ///         ctx.trap_exit(true);
    ///         std::future::pending::<()>().await;
    ///     });
    ///     let patience = Shutdown::Timeout(Duration::from_secs(60)); // Workers have 5 s otherwise.
    ///     let spec = ChildSpec::new("deaf", deaf).shutdown(patience);
    ///     let shop = Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
    ///     ctx.sleep(Duration::from_secs(1)).await;
    ///     shop.terminate_child("deaf").await.unwrap();
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(61));
    /// ```
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Sets whether its end counts for [`Supervisor::auto_shutdown`](crate::Supervisor::auto_shutdown); it does not by
    /// default, and cannot for a permanent child.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Restart;
    /// use proscenium_supervisor::{AutoShutdown, SpecError, Supervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// let permanent = worker("import").significant(true); // Its end could mean nothing, as it is always restarted.
    /// let error = Supervisor::one_for_one().auto_shutdown(AutoShutdown::AnySignificant).child(permanent).check();
    /// assert_eq!(error, Err(SpecError::SignificantPermanent { id: "import".into() }));
    /// let transient = worker("import").restart(Restart::Transient).significant(true);
    /// let checked = Supervisor::one_for_one().auto_shutdown(AutoShutdown::AnySignificant).child(transient).check();
    /// assert_eq!(checked, Ok(()));
    /// ```
    #[must_use]
    pub fn significant(mut self, significant: bool) -> Self {
        self.policy.significant = significant;
        self
    }

    /// Its id, unique among its siblings.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::{ChildKind, Restart, Shutdown};
    /// use proscenium_supervisor::{ChildSpec, Supervisor};
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// let spec = worker("db");
    /// assert_eq!((spec.id(), spec.kind()), ("db", ChildKind::Worker));
    /// assert_eq!((spec.restart_type(), spec.is_significant()), (Restart::Permanent, false));
    /// assert_eq!(spec.shutdown_type(), Shutdown::Timeout(Duration::from_secs(5)));
    /// let above = ChildSpec::new("dbs", Supervisor::one_for_one().child(spec));
    /// assert_eq!((above.kind(), above.shutdown_type()), (ChildKind::Supervisor, Shutdown::Infinity));
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether it is a supervisor.
    pub fn kind(&self) -> ChildKind {
        self.start.kind()
    }

    /// When it is restarted.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Restart;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// assert_eq!(worker("db").restart_type(), Restart::Permanent);
    /// assert_eq!(worker("db").restart(Restart::Temporary).restart_type(), Restart::Temporary);
    /// ```
    pub fn restart_type(&self) -> Restart {
        self.policy.restart
    }

    /// How it is stopped.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::Shutdown;
    ///
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// assert_eq!(worker("db").shutdown_type(), Shutdown::Timeout(Duration::from_secs(5)));
    /// assert_eq!(worker("db").shutdown(Shutdown::BrutalKill).shutdown_type(), Shutdown::BrutalKill);
    /// ```
    pub fn shutdown_type(&self) -> Shutdown {
        self.policy.shutdown
    }

    /// Whether its end counts for [`Supervisor::auto_shutdown`](crate::Supervisor::auto_shutdown).
    ///
    /// # Examples
    ///
    /// ```
    /// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
    /// # use worker::*;
    /// assert!(!worker("db").is_significant() && worker("db").significant(true).is_significant());
    /// ```
    pub fn is_significant(&self) -> bool {
        self.policy.significant
    }
}

/// How a child is stopped if nothing else is said.
pub(crate) fn default_shutdown(kind: ChildKind) -> Shutdown {
    match kind {
        ChildKind::Worker => Shutdown::Timeout(Duration::from_secs(5)),
        ChildKind::Supervisor => Shutdown::Infinity,
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("id", &self.id)
            .field("restart", &self.policy.restart)
            .field("shutdown", &self.policy.shutdown)
            .field("significant", &self.policy.significant)
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}

/// A start under way.
///
/// # Examples
///
/// What a [`StartChild`] of one's own returns; here one that looks first whether there is anything to be started:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Parent, StartError};
/// use proscenium_supervisor::{ChildSpec, ChildState, StartChild, Starting, Supervisor};
///
/// #[derive(Clone)]
/// struct Optional<S>(Option<S>);
///
/// impl<S: StartChild> StartChild for Optional<S> {
///     fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
///         match &self.0 {
///             Some(start) => start.start_child(parent),
///             None => Box::pin(async { Err(StartError::Ignored) }),
///         }
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let nothing: Optional<Supervisor> = Optional(None);
///     let top = Supervisor::one_for_one().child(ChildSpec::new("extra", nothing)).start_link(&mut ctx).await.unwrap();
///     assert_eq!(top.which_child("extra").await.unwrap().state, ChildState::Stopped);
/// });
/// ```
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Pid, StartError>> + Send + 'a>>;

/// How a child is started, any number of times.
///
/// # Examples
///
/// A child that is started with what its parent's system has, and counts its starts:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Parent};
/// use proscenium_supervisor::{ChildSpec, StartChild, Starting, Supervisor, process};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// struct Counted(Arc<AtomicU32>);
///
/// impl StartChild for Counted {
///     fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
///         self.0.fetch_add(1, Ordering::Relaxed);
///         let start = process(|mut ctx: Context<()>| async move { ctx.receive_message().await; panic!("again") });
///         Box::pin(async move { start.name("counted").start_child(parent).await })
///     }
/// }
///
/// let starts = Arc::new(AtomicU32::new(0));
/// let counted = ChildSpec::new("counted", Counted(starts.clone()));
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let top = Supervisor::one_for_one().child(counted).start_link(&mut ctx).await.unwrap();
///     fail(ctx.system(), "counted").await;
///     assert_eq!(top.count_children().await.unwrap().active, 1);
/// });
/// assert_eq!(starts.load(Ordering::Relaxed), 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "a supervisor cannot start `{Self}`",
    note = "give it `Server::start(args)` with args that are `Clone + Sync`, a closure that returns that, a `Supervisor`, \
            or `process(body)`"
)]
pub trait StartChild: Send + Sync + 'static {
    /// Starts it, linked to `parent`, and waits until it is ready.
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a>;

    /// Whether it is a supervisor; a worker by default.
    fn kind(&self) -> ChildKind {
        ChildKind::Worker
    }

    /// As a supervisor keeps it for each child, which may be something smaller that starts the same.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_supervisor::{ChildKind, StartChild, process};
    ///
    /// let start = process(|_ctx: Context<()>| async {}).into_shared();
    /// assert_eq!(start.kind(), ChildKind::Worker);
    /// ```
    fn into_shared(self) -> Arc<dyn StartChild>
    where
        Self: Sized,
    {
        Arc::new(self)
    }
}

impl<B: Behaviour<Args: Clone + Sync>> StartChild for Start<B> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        link(self.clone(), parent)
    }

    fn into_shared(self) -> Arc<dyn StartChild> {
        match self.into_args() {
            Ok(args) => Arc::new(OfArgs::<B>(args)),
            Err(start) => Arc::new(start),
        }
    }
}

/// A start of which nothing was said but the arguments, as most are: there may be very many.
struct OfArgs<B: Behaviour>(B::Args);

impl<B: Behaviour<Args: Clone + Sync>> StartChild for OfArgs<B> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        link(Start::<B>::new(self.0.clone()), parent)
    }
}

impl<F, B> StartChild for F
where
    F: Fn() -> Start<B> + Send + Sync + 'static,
    B: Behaviour,
{
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { link(self(), parent).await })
    }
}

fn link<B: Behaviour>(start: Start<B>, parent: &Parent) -> Starting<'_> {
    Box::pin(async move {
        let address = start.link_to(parent).await?;
        Ok(address.pid().expect("it is the address of a process"))
    })
}

/// A plain process as a child: it counts as started as soon as it runs.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{ChildSpec, ChildState, Supervisor, process};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let clock = process(|ctx: Context<()>| async move {
///         loop {
///             ctx.sleep(Duration::from_secs(1)).await;
///         }
///     });
///     let top = Supervisor::one_for_one().child(ChildSpec::new("clock", clock)).start_link(&mut ctx).await.unwrap();
///     assert!(matches!(top.which_child("clock").await.unwrap().state, ChildState::Running(_)));
/// });
/// ```
pub fn process<M, B, F>(body: B) -> Process<M, B>
where
    M: Send + 'static,
    B: Fn(Context<M>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    Process { body, options: StartOptions::new(), message: PhantomData }
}

/// The start of a plain process; made by [`process`].
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{ChildSpec, Supervisor, process};
///
/// async fn clerk(mut ctx: Context<u32>) {
///     while ctx.receive_message().await != 0 {}
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let start = process(clerk).name("clerk").label("behind the counter");
///     Supervisor::one_for_one().child(ChildSpec::new("clerk", start)).start_link(&mut ctx).await.unwrap();
///     let clerk = ctx.system().whereis("clerk").unwrap();
///     let label = ctx.system().process_info(clerk).and_then(|info| info.label);
///     assert_eq!(label.as_deref(), Some("behind the counter"));
/// });
/// ```
pub struct Process<M, B> {
    body: B,
    options: StartOptions,
    message: PhantomData<fn(M)>,
}

impl<M, B> Process<M, B> {
    /// Registers the process under `name` before its body begins.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.options = self.options.spawn(|options| options.name(name));
        self
    }

    /// Registers the process under a key before its body begins, as [`Registry::register`] does; OTP's `via`.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Registry};
    /// use proscenium_supervisor::{ChildSpec, Supervisor, process};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let tills: Registry<u32, ()> = Registry::unique(ctx.system());
    ///     let till = process(|mut ctx: Context<()>| async move { ctx.receive_message().await }).via(&tills, 7, ());
    ///     Supervisor::one_for_one().child(ChildSpec::new("till", till)).start_link(&mut ctx).await.unwrap();
    ///     let first = tills.whereis(&7).unwrap();
    ///     tills.via(7).cast(()); // It ends, and is started again under its key.
    ///     ctx.monitor(first);
    ///     ctx.receive().await;
    ///     assert_ne!(tills.when_registered(&7).await.pid(), first);
    /// });
    /// ```
    #[must_use]
    pub fn via<K, V>(mut self, registry: &Registry<K, M, V>, key: K, value: V) -> Self
    where
        K: RegistryKey,
        M: Send + 'static,
        V: Clone + Send + Sync + 'static,
    {
        self.options = self.options.spawn(|options| options.via(registry, key, value));
        self
    }

    /// Says what the process is, in a few words, for reports.
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.options = self.options.spawn(|options| options.label(label));
        self
    }

    /// Sets the mailbox; unbounded by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Mailbox};
    /// use proscenium_supervisor::{ChildSpec, Supervisor, process};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let slow = process(|_ctx: Context<u32>| std::future::pending::<()>());
    ///     let spec = ChildSpec::new("slow", slow.name("slow").mailbox(Mailbox::bounded(1)));
    ///     Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
    ///     let slow = ctx.system().lookup::<u32>("slow").unwrap();
    ///     assert_eq!(slow.try_send(1), Ok(()));
    ///     assert!(slow.try_send(2).is_err());
    /// });
    /// ```
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.options = self.options.spawn(|options| options.mailbox(mailbox));
        self
    }

    /// Sets what else a process may be given at its birth: a priority, or a thread of its own.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Priority};
    /// use proscenium_supervisor::{ChildSpec, Supervisor, process};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let pump = process(|_ctx: Context<()>| std::future::pending::<()>());
    ///     let urgent = pump.options(|options| options.priority(Priority::High).name("pump"));
    ///     Supervisor::one_for_one().child(ChildSpec::new("pump", urgent)).start_link(&mut ctx).await.unwrap();
    ///     assert!(ctx.system().whereis("pump").is_some());
    /// });
    /// ```
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(SpawnOptions) -> SpawnOptions) -> Self {
        self.options = self.options.spawn(change);
        self
    }
}

impl<M, B, F> StartChild for Process<M, B>
where
    M: Send + 'static,
    B: Fn(Context<M>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move {
            let address = self.link(parent).await?;
            Ok(address.pid().expect("it is the address of a process"))
        })
    }
}

impl<M, B, F> Process<M, B>
where
    M: Send + 'static,
    B: Fn(Context<M>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    pub(crate) async fn link(&self, parent: &Parent) -> Result<Address<M>, StartError> {
        let body = self.body.clone();
        let ready = move |ctx, ack: InitAck| {
            ack.ready();
            body(ctx)
        };
        start_link(parent, self.options.clone(), ready).await
    }
}

impl<M, B> fmt::Debug for Process<M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Process").field("options", &self.options).finish_non_exhaustive()
    }
}
