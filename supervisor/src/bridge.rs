//! A process that stands in a tree for what is none: a thread, a task of another runtime; OTP's `supervisor_bridge`.

use std::fmt;

use futures_lite::future;
use proscenium_runtime::{
    Address, Context, Event, ExitReason, InitAck, Parent, SpawnOptions, StartError, StartOptions, catch_panic,
    start_link,
};

use crate::child_spec::{StartChild, Starting};
use crate::typed_start::{TypedStart, TypedStarting};

/// What a bridge leads to: how it is started, how it is known to have ended, and how it is stopped.
///
/// The bridge's process does nothing but wait: it ends when the other side does, for the reason that
/// [`ended`](Self::ended) tells, and a supervisor may restart it; told to stop, it calls [`terminate`](Self::terminate). If
/// it is killed, the value is dropped: let that end the other side, too.
///
/// # Examples
///
/// A thread that works in small steps:
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::thread;
/// use proscenium_runtime::{Context, ExitReason, System};
/// use proscenium_supervisor::{Bridge, ChildSpec, Supervisor};
///
/// struct Poller {
///     stop: Arc<AtomicBool>,
///     /// Closed when the thread has ended.
///     alive: async_channel::Receiver<()>,
/// }
///
/// impl Bridge for Poller {
///     type Args = Arc<AtomicBool>;
///
///     async fn init(stop: Arc<AtomicBool>) -> Result<Self, ExitReason> {
///         let (guard, alive) = async_channel::bounded(1);
///         let asked = stop.clone();
///         thread::Builder::new().spawn(move || {
///             let _guard = guard;
///             while !asked.load(Ordering::Relaxed) {
///                 thread::yield_now(); // One step.
///             }
///         })?;
///         Ok(Poller { stop, alive })
///     }
///
///     async fn ended(&mut self) -> ExitReason {
///         let _ = self.alive.recv().await;
///         ExitReason::error("the thread has ended")
///     }
///
///     async fn terminate(&mut self, _reason: &ExitReason) {
///         self.stop.store(true, Ordering::Relaxed);
///         let _ = self.alive.recv().await;
///     }
/// }
///
/// let asked = Arc::new(AtomicBool::new(false));
/// let theirs = asked.clone();
/// let outcome = System::new("bridges").run(|mut ctx: Context<()>| async move {
///     let poller = ChildSpec::new("poller", Poller::start(theirs));
///     let tree = Supervisor::one_for_one().child(poller).start_link(&mut ctx).await?;
///     ctx.unlink(tree.pid().unwrap());
///     tree.stop(ExitReason::Shutdown, None).await?;
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// assert!(asked.load(Ordering::Relaxed));
/// ```
pub trait Bridge: Sized + Send + 'static {
    /// What `init` is given.
    type Args: Send + 'static;

    /// Starts the other side.
    ///
    /// # Errors
    /// The bridge does not start, and its starter gets the reason; [`ExitReason::Ignore`] if it need not.
    fn init(args: Self::Args) -> impl Future<Output = Result<Self, ExitReason>> + Send;

    /// Waits until the other side has ended by itself, and tells why. It may be dropped and called again.
    fn ended(&mut self) -> impl Future<Output = ExitReason> + Send;

    /// Stops the other side, and waits until it has.
    fn terminate(&mut self, reason: &ExitReason) -> impl Future<Output = ()> + Send;

    /// A start of this bridge with `args`, for a supervisor.
    fn start(args: Self::Args) -> BridgeStart<Self> {
        BridgeStart { args, options: StartOptions::new() }
    }
}

/// The start of a bridge; made by [`Bridge::start`].
///
/// # Examples
///
/// A bridge to whoever holds the other end of a channel, with a process that has a name:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, ExitReason, Restart};
/// use proscenium_supervisor::{Bridge, ChildSpec, Supervisor};
///
/// struct Line(async_channel::Receiver<()>);
///
/// impl Bridge for Line {
///     type Args = async_channel::Receiver<()>;
///
///     async fn init(line: async_channel::Receiver<()>) -> Result<Self, ExitReason> {
///         Ok(Line(line))
///     }
///
///     async fn ended(&mut self) -> ExitReason {
///         let _ = self.0.recv().await;
///         ExitReason::shutdown_with("they hung up")
///     }
///
///     async fn terminate(&mut self, _reason: &ExitReason) {
///         self.0.close();
///     }
/// }
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let (theirs, ours) = async_channel::bounded(1);
///     let start = Line::start(ours).options(|options| options.name("line"));
///     let spec = ChildSpec::new("line", start).restart(Restart::Transient);
///     Supervisor::one_for_one().child(spec).start_link(&mut ctx).await.unwrap();
///     let line = ctx.system().whereis("line").unwrap();
///     ctx.monitor(line);
///     drop(theirs);
///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!(down.reason, ExitReason::shutdown_with("they hung up"));
/// });
/// ```
pub struct BridgeStart<B: Bridge> {
    args: B::Args,
    options: StartOptions,
}

impl<B: Bridge> BridgeStart<B> {
    /// Sets name, label and what else a process may be given at its birth.
    #[must_use]
    pub fn options(mut self, change: impl FnOnce(SpawnOptions) -> SpawnOptions) -> Self {
        self.options = self.options.spawn(change);
        self
    }
}

impl<B: Bridge<Args: Clone + Sync>> StartChild for BridgeStart<B> {
    fn start_child<'a>(&'a self, parent: &'a Parent) -> Starting<'a> {
        Box::pin(async move { Ok(self.start_typed(parent).await?.0) })
    }
}

impl<B: Bridge<Args: Clone + Sync>> TypedStart for BridgeStart<B> {
    /// A bridge takes no messages: its address is good for waiting for its end.
    type Handle = Address<()>;

    fn start_typed<'a>(&'a self, parent: &'a Parent) -> TypedStarting<'a, Address<()>> {
        let args = self.args.clone();
        Box::pin(async move {
            let address = start_link(parent, self.options.clone(), |ctx, ack| stand::<B>(args, ctx, ack)).await?;
            Ok::<_, StartError>((address.pid().expect("it is the address of a process"), address))
        })
    }
}

/// The life of a bridge.
async fn stand<B: Bridge>(args: B::Args, mut ctx: Context<()>, ack: InitAck) -> Result<(), ExitReason> {
    ctx.trap_exit(true);
    let mut bridge = B::init(args).await?;
    ack.ready();
    let ended = catch_panic(async {
        let by_itself = async { Err(bridge.ended().await) };
        future::or(by_itself, async { Ok(told_to_stop(&mut ctx).await) }).await
    });
    match ended.await {
        // What has ended needs no stopping.
        Ok(Err(reason)) => Err(reason),
        Ok(Ok(reason)) | Err(reason) => {
            ctx.begin_exit();
            catch_panic(bridge.terminate(&reason)).await?;
            Err(reason)
        }
    }
}

/// Why whoever started it wants it to stop.
async fn told_to_stop(ctx: &mut Context<()>) -> ExitReason {
    loop {
        match ctx.receive().await {
            Event::Exit(exit) if ctx.is_from_parent(&exit) => return exit.reason,
            Event::Exit(_) | Event::Down(_) | Event::Message(()) => {}
        }
    }
}

impl<B: Bridge> fmt::Debug for BridgeStart<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeStart").field("bridge", &std::any::type_name::<B>()).finish_non_exhaustive()
    }
}
