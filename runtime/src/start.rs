//! Starting a process and waiting until it says that it is ready; OTP's `proc_lib`.
//!
//! Invariants:
//! - When a start returns an error, the process has ended, its name and key are free, and no exit or down of it will come.
//! - Until the start has returned, the parent's end ends the process, but its own end is told by the start alone: whether
//!   it was ready in time is known to nobody else.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::address::Address;
use crate::any_process::{AnyProcess, WithControl, wait_for_end};
use crate::context::Context;
use crate::exit::{ExitReason, Outcome};
use crate::links::Starter;
use crate::names::RegisterError;
use crate::pid::{MonitorRef, Pid};
use crate::signal::{Exit, Signal};
use crate::slot;
use crate::spawn::{SpawnOptions, Tie, spawn};
use crate::system::SystemHandle;

/// Why a process did not start.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, StartError, StartOptions};
///
/// let test = TestSystem::new(1);
/// let start = |options, init: fn() -> ExitReason| {
///     let body = move |_ctx: Context<()>, _ack| async move { Err(init()) };
///     test.block_on(proscenium_runtime::start(&test, options, body)).unwrap_err()
/// };
/// assert_eq!(start(StartOptions::new(), || ExitReason::Ignore), StartError::Ignored);
/// let failed = start(StartOptions::new(), || ExitReason::init_error("port 80 is taken"));
/// assert_eq!(failed.to_string(), "its init failed: port 80 is taken");
/// let panicked = start(StartOptions::new(), || panic!("no tea"));
/// assert!(matches!(panicked, StartError::Init(ExitReason::Panic(_))));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Its name or its key is taken; OTP's `already_started`.
    #[error("{0}")]
    Name(RegisterError),
    /// Its `init` decided that it need not run; OTP's `ignore`.
    #[error("its init chose not to run")]
    Ignored,
    /// Its `init` failed, panicked, or was ended by a signal.
    #[error("its init failed: {0}")]
    Init(ExitReason),
    /// Its `init` took too long, and it was killed.
    #[error("its init timed out after {0:?}")]
    Timeout(Duration),
}

/// What a start may be given beside the body.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Mailbox, StartError, StartOptions, start};
///
/// let test = TestSystem::new(1);
/// let options = StartOptions::new()
///     .spawn(|spawn| spawn.name("db").mailbox(Mailbox::bounded(100)))
///     .init_timeout(Duration::from_secs(10));
/// let slow = start(&test, options, |ctx: Context<()>, ack| async move {
///     ctx.sleep(Duration::from_secs(60)).await; // It opens its files.
///     ack.ready();
/// });
/// assert_eq!(test.block_on(slow).unwrap_err(), StartError::Timeout(Duration::from_secs(10)));
/// assert_eq!(test.whereis("db"), None); // Nothing of it is left.
/// ```
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    spawn: SpawnOptions,
}

impl StartOptions {
    /// No name, an unbounded mailbox, and as long for `init` as it takes.
    pub fn new() -> Self {
        StartOptions::default()
    }

    /// Sets name, key, label and mailbox.
    #[must_use]
    pub fn spawn(mut self, change: impl FnOnce(SpawnOptions) -> SpawnOptions) -> Self {
        self.spawn = change(self.spawn);
        self
    }

    /// Gives `init` this long; then the process is killed, and its end awaited. Without it, as long as it takes, as in OTP.
    #[must_use]
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.spawn.more.make().init_timeout = Some(timeout);
        self
    }
}

/// A process on whose behalf others are started; made by [`Context::as_parent`].
///
/// # Examples
///
/// So starts can be written that know nothing of their parent's messages:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Address, Context, Parent, StartError, StartOptions, start_link};
///
/// async fn start_clerk(parent: &Parent) -> Result<Address<&'static str>, StartError> {
///     start_link(parent, StartOptions::new(), |mut ctx: Context<&str>, ack| async move {
///         ack.ready();
///         ctx.receive_message().await;
///     })
///     .await
/// }
///
/// TestSystem::new(1).run(|ctx: Context<u32>| async move {
///     let parent = ctx.as_parent();
///     assert_eq!((parent.pid(), parent.system().name()), (ctx.pid(), "test"));
///     let clerk = start_clerk(&parent).await.unwrap();
///     assert!(ctx.is_linked(clerk.pid().unwrap()));
/// });
/// ```
#[derive(Clone)]
pub struct Parent {
    process: Arc<dyn AnyProcess>,
    system: SystemHandle,
    /// If it is a supervisor, how many times it has started the child before.
    starts: Option<u16>,
}

impl Parent {
    /// Who it is.
    pub fn pid(&self) -> Pid {
        self.process.pid()
    }

    /// The system it lives in.
    pub fn system(&self) -> &SystemHandle {
        &self.system
    }

    #[cfg(feature = "crossing")]
    pub(crate) fn process(&self) -> &Arc<dyn AnyProcess> {
        &self.process
    }

    /// The same parent as a supervisor, which has started the child that it is about to start so many times before.
    ///
    /// The child can remove its own half of their link, not the supervisor's: whatever it does, the supervisor gets the exit of
    /// its end. [`ProcessInfo::restarts`](crate::ProcessInfo::restarts) of the child tells how many times it was started before;
    /// more than 65,535 count as so many.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, StartOptions, start_link};
    ///
    /// TestSystem::new(1).run(|ctx: Context<()>| async move {
    ///     let parent = ctx.as_parent().as_supervisor(3);
    ///     let child = start_link(&parent, StartOptions::new(), |_ctx: Context<()>, ack| async move {
    ///         ack.ready();
    ///         pending::<()>().await;
    ///     });
    ///     let pid = child.await.unwrap().pid().unwrap();
    ///     assert_eq!(ctx.system().process_info(pid).unwrap().restarts, 3); // It is the fourth of its kind.
    /// });
    /// ```
    #[must_use]
    pub fn as_supervisor(mut self, starts: u32) -> Self {
        self.starts = Some(u16::try_from(starts).unwrap_or(u16::MAX));
        self
    }
}

impl fmt::Debug for Parent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parent").field(&self.pid()).finish()
    }
}

impl<M: Send + 'static> Context<M> {
    /// This process as the parent of those it starts, whatever its messages are.
    pub fn as_parent(&self) -> Parent {
        Parent { process: self.process().clone(), system: self.system().clone(), starts: None }
    }
}

/// A process tells with it, once, that its start has succeeded; OTP's `init_ack`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, InitAck, StartOptions, start};
///
/// async fn printer(mut ctx: Context<String>, ack: InitAck, port: &str) -> Result<(), ExitReason> {
///     if port != "usb0" {
///         return Err(ExitReason::init_error(format!("no printer on {port}")));
///     }
///     ack.ready(); // Whoever has started it goes on.
///     loop {
///         let _label = ctx.receive_message().await;
///     }
/// }
///
/// let test = TestSystem::new(1);
/// let error = test.block_on(start(&test, StartOptions::new(), |ctx, ack| printer(ctx, ack, "usb7"))).unwrap_err();
/// assert!(error.to_string().ends_with("no printer on usb7"));
/// assert!(test.block_on(start(&test, StartOptions::new(), |ctx, ack| printer(ctx, ack, "usb0"))).is_ok());
/// ```
pub struct InitAck {
    ready: slot::Sender<()>,
}

impl InitAck {
    /// The process is ready: its start returns, and from then on its link to its parent carries exits.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, StartOptions, start};
    ///
    /// let test = TestSystem::new(1);
    /// let db = start(&test, StartOptions::new(), |ctx: Context<()>, ack| async move {
    ///     ctx.sleep(Duration::from_secs(3)).await; // It opens its files.
    ///     ack.ready();
    ///     pending::<()>().await;
    /// });
    /// assert!(test.block_on(db).is_ok());
    /// assert_eq!(test.elapsed(), Duration::from_secs(3)); // So long was waited for it.
    /// ```
    pub fn ready(self) {
        // If nobody waits any more, the start was given up, and the process will be killed.
        let _ = self.ready.send(());
    }
}

impl fmt::Debug for InitAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InitAck")
    }
}

/// Starts a process without a parent, and waits until its body calls [`InitAck::ready`].
///
/// # Errors
/// If the name or the key is taken, or the process ends or takes too long before it is ready.
///
/// # Cancel safety
/// Dropping the future before it is ready kills the process.
///
/// # Examples
///
/// ```
/// use std::future::pending;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, InitAck, RegisterError, StartError, StartOptions, start};
///
/// let test = TestSystem::new(1);
/// let named = || StartOptions::new().spawn(|spawn| spawn.name("db"));
/// let body = |_ctx: Context<()>, ack: InitAck| async { ack.ready(); pending::<()>().await };
/// let db = test.block_on(start(&test, named(), body)).unwrap();
/// let second = test.block_on(start(&test, named(), body)).unwrap_err();
/// assert!(matches!(second, StartError::Name(RegisterError::Taken { owner, .. }) if Some(owner) == db.pid()));
/// ```
pub async fn start<M, B, F>(system: &SystemHandle, options: StartOptions, body: B) -> Result<Address<M>, StartError>
where
    M: Send + 'static,
    B: FnOnce(Context<M>, InitAck) -> F + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    start_tied(system, None, Tie::None, options, body).await
}

/// Starts a process linked to `parent`, and waits until its body calls [`InitAck::ready`].
///
/// # Errors
/// As [`start`]. A failed start sends the parent no exit signal.
///
/// # Cancel safety
/// Dropping the future before it is ready kills the process.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, StartError, StartOptions, start_link};
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     let parent = ctx.as_parent();
///     let failed = start_link(&parent, StartOptions::new(), |_ctx: Context<()>, _ack| async {
///         Err(ExitReason::error("no disk"))
///     });
///     assert_eq!(failed.await.unwrap_err(), StartError::Init(ExitReason::error("no disk")));
///     // We hear of it once, and go on: the link has carried nothing.
/// });
/// ```
pub async fn start_link<M, B, F>(parent: &Parent, mut options: StartOptions, body: B) -> Result<Address<M>, StartError>
where
    M: Send + 'static,
    B: FnOnce(Context<M>, InitAck) -> F + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    options.spawn.restarts = parent.starts.unwrap_or_default();
    let tie = Tie::Start { supervised: parent.starts.is_some() };
    start_tied(&parent.system, Some(&*parent.process), tie, options, body).await
}

/// Starts a process without a parent, monitored by the process of `ctx`, and waits until its body calls [`InitAck::ready`].
///
/// # Errors
/// As [`start`]. A failed start brings no down.
///
/// # Cancel safety
/// Dropping the future before it is ready kills the process, and brings no down.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, ExitReason, StartOptions, start_monitor};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let job = start_monitor(&mut ctx, StartOptions::new(), |_ctx: Context<()>, ack| async move {
///         ack.ready();
///         Err(ExitReason::error("it does not fit"))
///     });
///     let (_job, monitor) = job.await.unwrap(); // It has begun.
///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!((down.monitor, down.reason), (monitor, ExitReason::error("it does not fit")));
/// });
/// ```
pub async fn start_monitor<N, M, B, F>(
    ctx: &mut Context<N>,
    options: StartOptions,
    body: B,
) -> Result<(Address<M>, MonitorRef), StartError>
where
    N: Send + 'static,
    M: Send + 'static,
    B: FnOnce(Context<M>, InitAck) -> F + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let monitor = ctx.system().shared.next_monitor();
    let watch = Watch { ctx, monitor: Some(monitor) };
    let watcher = watch.ctx.process().clone();
    let address = start_tied(watch.ctx.system(), Some(&*watcher), Tie::StartMonitor(monitor), options, body).await?;
    watch.keep();
    Ok((address, monitor))
}

/// The monitor of a start, which ends with it if it is given up.
struct Watch<'a, N: Send + 'static> {
    ctx: &'a mut Context<N>,
    monitor: Option<MonitorRef>,
}

impl<N: Send + 'static> Watch<'_, N> {
    fn keep(mut self) {
        self.monitor = None;
    }
}

impl<N: Send + 'static> Drop for Watch<'_, N> {
    fn drop(&mut self) {
        if let Some(monitor) = self.monitor.take() {
            self.ctx.demonitor(monitor);
        }
    }
}

async fn start_tied<M, B, F>(
    system: &SystemHandle,
    parent: Option<&dyn AnyProcess>,
    tie: Tie,
    options: StartOptions,
    body: B,
) -> Result<Address<M>, StartError>
where
    M: Send + 'static,
    B: FnOnce(Context<M>, InitAck) -> F + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let is_restart = options.spawn.restarts > 0;
    let init_timeout = options.spawn.more.get().and_then(|more| more.init_timeout);
    let (sender, ready) = slot::slot();
    let with_ack = move |ctx: Context<M>| body(ctx, InitAck { ready: sender });
    let address = spawn(&system.shared, parent, tie, options.spawn, with_ack).map_err(StartError::Name)?;
    let process = address.resolve().expect("it is of a process, not a name");
    let started = Started { process, system, parent, tie, is_restart, init_timeout };
    started.wait(ready).await?;
    Ok(address)
}

/// A process that was started, and has not said yet that it is ready.
// Apart from `start_tied`, which is compiled for each body.
struct Started<'a> {
    process: Arc<dyn AnyProcess>,
    system: &'a SystemHandle,
    parent: Option<&'a dyn AnyProcess>,
    tie: Tie,
    is_restart: bool,
    init_timeout: Option<Duration>,
}

impl Started<'_> {
    /// Waits until it is ready; if it will not be, until it has ended.
    async fn wait(self, ready: slot::Receiver<()>) -> Result<(), StartError> {
        let Started { process, system, parent, tie, is_restart, init_timeout } = self;
        let mut undo = KillOnDrop(Some(process.clone()));
        let acknowledged = async { ready.await.is_ok() };
        let outcome = match init_timeout {
            None => Some(acknowledged.await),
            Some(limit) => system.sleep(limit).limit(acknowledged).await,
        };
        if outcome == Some(true) {
            undo.0 = None;
            if is_restart {
                system.shared.restarts.fetch_add(1, Ordering::Relaxed);
            }
            if let (Tie::Start { supervised }, Some(parent)) = (tie, parent) {
                hand_over(&*process, parent, supervised).await;
            }
            return Ok(());
        }
        drop(undo);
        let reason = wait_for_end(&*process).await;
        Err(match (outcome, reason) {
            (None, _) => StartError::Timeout(init_timeout.unwrap_or_default()),
            (Some(_), ExitReason::Ignore) => StartError::Ignored,
            (Some(_), ExitReason::InitError(cause)) => StartError::Init(ExitReason::Error(cause)),
            (Some(_), reason) => StartError::Init(reason),
        })
    }
}

/// From here on the link carries exits; one that it should have carried since the process was ready is made up for.
async fn hand_over(process: &dyn AnyProcess, parent: &dyn AnyProcess, supervised: bool) {
    let starter = if supervised { Starter::Supervises } else { Starter::Nobody };
    let ended = process.control(|control| {
        let ended = control.closed().cloned();
        if ended.is_none() {
            control.starter = starter;
        }
        ended
    });
    let Some(reason) = ended else { return };
    // Its end unlinks it from the parent: not after us.
    let _ = wait_for_end(process).await;
    parent.signal(Signal::Link(process.pid()));
    parent.signal(Signal::Exit(Exit { pid: process.pid(), reason: reason.to_others(), linked: true }));
}

/// Kills the process of a start that was given up.
struct KillOnDrop(Option<Arc<dyn AnyProcess>>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            process.doom(ExitReason::Killed);
        }
    }
}
