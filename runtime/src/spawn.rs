//! How processes come to be.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;

use crate::address::Address;
use crate::ancestors::Ancestors;
use crate::any_process::{AnyProcess, WithControl};
use crate::context::Context;
use crate::exit::{ExitReason, Outcome};
use crate::key::RegistryKey;
use crate::links::{Control, Starter, Watching};
use crate::mailbox::Mailbox;
use crate::names::RegisterError;
use crate::observer::Moment;
use crate::pid::{MonitorRef, Pid};
use crate::process::Process;
use crate::rare::Rare;
use crate::registry::{Enrol, Enrolment, Registry};
use crate::running::Running;
use crate::scheduler::{Home, Priority, Runnable};
use crate::signal::{Exit, Signal};
use crate::system::{Shared, System, SystemHandle};

/// What a process may be given at its birth, beside its body.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, Mailbox, SpawnOptions, System, TrySendError};
///
/// let system = System::new("options");
/// let options = SpawnOptions::new().name("gate").mailbox(Mailbox::bounded(1));
/// let gate = system.spawn_with(options, |ctx: Context<u8>| async move {
///     ctx.sleep(std::time::Duration::from_secs(60)).await;
/// })?;
/// assert_eq!(system.whereis("gate"), gate.pid());
/// assert_eq!(gate.try_send(1), Ok(()));
/// assert_eq!(gate.try_send(2), Err(TrySendError::Full(2)));
/// # Ok::<(), proscenium_runtime::RegisterError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SpawnOptions {
    priority: Priority,
    own_thread: bool,
    behaviour: bool,
    /// How many times its supervisor had started this child before.
    pub(crate) restarts: u16,
    /// A supervisor keeps the options of each child: most take no room there.
    pub(crate) more: Rare<MoreOptions>,
}

/// What most processes are not given.
#[derive(Clone, Debug, Default)]
pub(crate) struct MoreOptions {
    name: Option<Arc<str>>,
    label: Option<Arc<str>>,
    mailbox: Mailbox,
    via: Option<Arc<dyn Enrol>>,
    /// Of a start that is waited for.
    pub(crate) init_timeout: Option<Duration>,
}

impl SpawnOptions {
    /// No name, no label, an unbounded mailbox.
    pub fn new() -> Self {
        SpawnOptions::default()
    }

    /// Registers the process under `name` before its body begins.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.more.make().name = Some(name.into());
        self
    }

    /// Registers the process under a key before its body begins, as [`Registry::register`] does; OTP's `via`. What takes
    /// other messages than the registry's processes do is not started.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Registry, SpawnOptions};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let rooms: Registry<u32, &str, char> = Registry::unique(ctx.system());
    ///     let room = |mut ctx: Context<&'static str>| async move { drop(ctx.receive_message().await) };
    ///     let open = || SpawnOptions::new().via(&rooms, 7, 'b');
    ///     let address = ctx.spawn_link_with(open(), room).unwrap();
    ///     assert_eq!(rooms.whereis(&7), address.pid());
    ///     assert!(ctx.spawn_link_with(open(), room).is_err(), "there is one already, and no second body has run");
    /// });
    /// ```
    #[must_use]
    pub fn via<K, M, V>(mut self, registry: &Registry<K, M, V>, key: K, value: V) -> Self
    where
        K: RegistryKey,
        M: Send + 'static,
        V: Clone + Send + Sync + 'static,
    {
        self.more.make().via = Some(Arc::new(Enrolment { registry: registry.clone(), key, value }));
        self
    }

    /// Says what the process is, in a few words; see [`Context::set_label`].
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, SpawnOptions};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let options = SpawnOptions::new().label("session of Ann");
    ///     let session = ctx.spawn_link_with(options, |_ctx: Context<()>| pending::<()>()).unwrap();
    ///     let info = ctx.system().process_info(session.pid().unwrap()).unwrap();
    ///     assert_eq!(info.label.as_deref(), Some("session of Ann")); // Before its body has run.
    ///     ctx.unlink(&session);
    /// });
    /// ```
    #[must_use]
    pub fn label(mut self, label: &str) -> Self {
        self.more.make().label = Some(label.into());
        self
    }

    /// Sets the mailbox; unbounded by default.
    #[must_use]
    pub fn mailbox(mut self, mailbox: Mailbox) -> Self {
        self.more.make().mailbox = mailbox;
        self
    }

    /// Sets how urgent the process's work is; normal by default.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures_lite::future::block_on;
    /// use proscenium_runtime::{Context, ExitReason, Priority, SpawnOptions, System};
    ///
    /// let system = System::builder("clinic").workers(1).build()?;
    /// let options = SpawnOptions::new().priority(Priority::High);
    /// let heartbeat = system.spawn_with(options, |mut ctx: Context<()>| async move {
    ///     assert_eq!(ctx.set_priority(Priority::Normal), Priority::High);
    /// }).unwrap();
    /// assert_eq!(block_on(heartbeat.exited()), ExitReason::Normal);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Gives the process a thread of its own, on which it may block as long as it likes: nobody else waits for that. Its priority
    /// means nothing then. Messages between threads cost more than on one worker.
    ///
    /// If the operating system gives no thread, a warning is logged and the process runs on the workers. So it does in a simulated
    /// system.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::mpsc;
    ///
    /// use futures_lite::future::block_on;
    /// use proscenium_runtime::{Context, ExitReason, SpawnOptions, System};
    ///
    /// let system = System::builder("shop").workers(1).build()?;
    /// let (say, hear) = mpsc::channel();
    /// let options = SpawnOptions::new().own_thread();
    /// let clerk = system.spawn_with(options, |_ctx: Context<()>| async move {
    ///     assert_eq!(hear.recv(), Ok("hello"));
    /// }).unwrap();
    /// let polite = system.spawn(|_ctx: Context<()>| async move { say.send("hello").unwrap() });
    /// block_on(polite.exited()); // The only worker is free, though the clerk blocks.
    /// assert_eq!(block_on(clerk.exited()), ExitReason::Normal);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn own_thread(mut self) -> Self {
        self.own_thread = true;
        self
    }

    /// A loop will run the process that takes [system messages](Context::receive_incoming): from its birth on they wait for it. For
    /// behaviours.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Incoming, Reply, SpawnOptions, SystemMessage};
    ///
    /// struct Ping(Reply<()>);
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let options = SpawnOptions::new().behaviour();
    ///     let server = ctx.spawn_link_with(options, |mut ctx: Context<()>| async move {
    ///         ctx.sleep(Duration::from_secs(1)).await; // Busy. Who asks meanwhile is not turned away.
    ///         let Incoming::System(request) = ctx.receive_incoming().await else { return };
    ///         request.downcast::<Ping>().expect("nobody asks anything else").0.send(());
    ///     }).unwrap();
    ///     let pong = ctx.system().system_call(&server, None, |reply| SystemMessage::new(Ping(reply))).await;
    ///     assert_eq!(pong, Ok(()));
    /// });
    /// ```
    #[must_use]
    pub fn behaviour(mut self) -> Self {
        self.behaviour = true;
        self
    }
}

/// How a new process and the one that spawns it hang together from its first moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tie {
    None,
    Link,
    /// A link that carries no exit until the child's `init` is acknowledged; whether that of a supervisor, from then on.
    Start {
        supervised: bool,
    },
    Monitor(MonitorRef),
    /// As `Monitor`, but it has no parent: the one that starts it only watches.
    StartMonitor(MonitorRef),
}

impl System {
    /// Runs `body` as a process and blocks until it has ended, then shuts the system down in order.
    ///
    /// # Errors
    /// The exit reason, if the process ended with any other than [`ExitReason::Normal`].
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::{Context, ExitReason, System};
    ///
    /// let outcome = System::new("shop").run(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    /// assert_eq!(outcome, Err(ExitReason::error("no tea")));
    /// ```
    pub fn run<M, B, F>(self, body: B) -> Result<(), ExitReason>
    where
        M: Send + 'static,
        B: FnOnce(Context<M>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let main = self.spawn(body);
        let reason = future::block_on(main.exited());
        self.shutdown();
        if reason == ExitReason::Normal { Ok(()) } else { Err(reason) }
    }
}

impl SystemHandle {
    /// Starts a process that runs `body`, linked to nobody.
    ///
    /// It ends when `body` returns, panics, or is ended by a signal. In a system that ends, the process is killed at once.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Reply};
    ///
    /// let test = TestSystem::new(1);
    /// let adder = test.spawn(|mut ctx: Context<(u32, u32, Reply<u32>)>| async move {
    ///     loop {
    ///         let (a, b, reply) = ctx.receive_message().await;
    ///         reply.send(a.checked_add(b).expect("the sum is small"));
    ///     }
    /// });
    /// assert_eq!(test.block_on(adder.call(|reply| (40, 2, reply))), Ok(42));
    /// assert!(test.block_on(adder.call(|reply| (u32::MAX, 1, reply))).is_err()); // Its panic is its own end only.
    /// ```
    pub fn spawn<M, B, F>(&self, body: B) -> Address<M>
    where
        M: Send + 'static,
        B: FnOnce(Context<M>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        self.spawn_with(SpawnOptions::new(), body).expect("no name, so none that is taken")
    }

    /// As [`spawn`](Self::spawn), with options.
    ///
    /// # Errors
    /// If the name or the key is taken. Then there is no process, and `body` was not called.
    pub fn spawn_with<M, B, F>(&self, options: SpawnOptions, body: B) -> Result<Address<M>, RegisterError>
    where
        M: Send + 'static,
        B: FnOnce(Context<M>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        spawn(&self.shared, None, Tie::None, options, body)
    }
}

impl<M: Send + 'static> Context<M> {
    /// Starts a process whose parent is this one, linked to nobody.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let shop = ctx.pid();
    ///     let clerk = ctx.spawn(move |ctx: Context<()>| async move {
    ///         assert_eq!(ctx.parent(), Some(shop));
    ///         Err(ExitReason::error("no tea"))
    ///     });
    ///     assert_eq!(clerk.exited().await, ExitReason::error("no tea")); // Which is nobody else's business.
    /// });
    /// ```
    pub fn spawn<N, B, F>(&mut self, body: B) -> Address<N>
    where
        N: Send + 'static,
        B: FnOnce(Context<N>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        self.spawn_tied(Tie::None, body)
    }

    /// Starts a process linked to this one. There is no moment at which it lives unlinked.
    ///
    /// # Examples
    ///
    /// They live and die together, unless one traps exits:
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let bee = test.spawn(|mut ctx: Context<()>| async move {
    ///     let flower = ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("wilted")) });
    ///     assert!(ctx.is_linked(flower.pid().unwrap()));
    ///     pending::<()>().await;
    /// });
    /// assert_eq!(test.block_on(bee.exited()), ExitReason::error("wilted"));
    /// ```
    pub fn spawn_link<N, B, F>(&mut self, body: B) -> Address<N>
    where
        N: Send + 'static,
        B: FnOnce(Context<N>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        self.spawn_tied(Tie::Link, body)
    }

    /// Starts a process that this one monitors. There is no moment at which it lives unmonitored.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, Event, ExitReason};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let (clerk, monitor) = ctx.spawn_monitor(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
    ///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
    ///     assert_eq!((down.monitor, Some(down.pid)), (monitor, clerk.pid()));
    ///     assert_eq!(down.reason, ExitReason::error("no tea")); // However soon it has ended.
    /// });
    /// ```
    pub fn spawn_monitor<N, B, F>(&mut self, body: B) -> (Address<N>, MonitorRef)
    where
        N: Send + 'static,
        B: FnOnce(Context<N>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        let monitor = self.system().shared.next_monitor();
        (self.spawn_tied(Tie::Monitor(monitor), body), monitor)
    }

    /// As [`spawn_link`](Self::spawn_link), with options.
    ///
    /// # Errors
    /// If the name or the key is taken. Then there is no process, and `body` was not called.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    ///
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, SpawnOptions};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let options = || SpawnOptions::new().name("clerk");
    ///     let clerk = ctx.spawn_link_with(options(), |_ctx: Context<()>| pending::<()>()).unwrap();
    ///     assert_eq!(ctx.system().whereis("clerk"), clerk.pid());
    ///     let second = ctx.spawn_link_with(options(), |_ctx: Context<()>| async { unreachable!("it is not called") });
    ///     assert!(second.is_err());
    ///     ctx.unlink(&clerk);
    /// });
    /// ```
    pub fn spawn_link_with<N, B, F>(&mut self, options: SpawnOptions, body: B) -> Result<Address<N>, RegisterError>
    where
        N: Send + 'static,
        B: FnOnce(Context<N>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        spawn(&self.system().shared, Some(&**self.process()), Tie::Link, options, body)
    }

    fn spawn_tied<N, B, F>(&mut self, tie: Tie, body: B) -> Address<N>
    where
        N: Send + 'static,
        B: FnOnce(Context<N>) -> F + Send + 'static,
        F: Future<Output: Outcome> + Send + 'static,
    {
        spawn(&self.system().shared, Some(&**self.process()), tie, SpawnOptions::new(), body)
            .expect("no name, so none that is taken")
    }
}

/// Makes a process, ties it to its parent, names it, and only then lets it run.
pub(crate) fn spawn<M, B, F>(
    system: &Arc<Shared>,
    parent: Option<&dyn AnyProcess>,
    tie: Tie,
    mut options: SpawnOptions,
    body: B,
) -> Result<Address<M>, RegisterError>
where
    M: Send + 'static,
    B: FnOnce(Context<M>) -> F + Send + 'static,
    F: Future<Output: Outcome> + Send + 'static,
{
    let process = bear(system, parent, tie, &mut options)?;
    let context = Context::new(process.clone());
    let life = Box::pin(Running::new(process.clone(), move || body(context)));
    process.describe(size_of_val(&*life), options.priority, options.restarts);
    begin(system, &*process, life, &options);
    Ok(Address::of(process))
}

/// The process, which has not begun.
// Apart from `spawn`, which is compiled for each body. In optimized code it is part of that again, which is faster.
#[cfg_attr(not(debug_assertions), inline(always))]
fn bear<M: Send + 'static>(
    system: &Arc<Shared>,
    parent: Option<&dyn AnyProcess>,
    tie: Tie,
    options: &mut SpawnOptions,
) -> Result<Arc<Process<M>>, RegisterError> {
    let ancestors = match tie {
        Tie::StartMonitor(_) => Ancestors::default(),
        _ => parent.map(AnyProcess::ancestors_of_child).unwrap_or_default(),
    };
    let mut more = options.more.take();
    let mailbox = more.as_ref().map_or_else(Mailbox::unbounded, |more| more.mailbox);
    let mut control = tied_child(tie, parent.map(|parent| parent.pid()), system);
    if let Some(label) = more.as_mut().and_then(|more| more.label.take()) {
        control.seldom.make().label = Some(label);
    }
    let handle = SystemHandle { shared: system.clone() };
    let process = system.table.insert(|pid| Arc::new(Process::new(pid, ancestors, handle, mailbox, control)));
    if options.behaviour {
        process.become_behaviour();
    }
    system.observe(Moment::Spawned(&*process, more.as_ref().and_then(|more| more.name.as_deref())));
    if let Some(MoreOptions { name, via, .. }) = more.map(|more| *more)
        && (name.is_some() || via.is_some())
    {
        let unborn = Unborn(&process);
        let any: Arc<dyn AnyProcess> = process.clone();
        register(system, name.as_ref(), via.as_deref(), &any)?;
        // It holds what user code made, which may panic when it is dropped.
        drop(via);
        mem::forget(unborn);
    }
    if let Some(parent) = parent
        && tie != Tie::None
    {
        tie_parent(parent, tie, &*process);
    }
    Ok(process)
}

/// Queues its life; in a system that halts, ends it.
// As `bear`.
#[cfg_attr(not(debug_assertions), inline(always))]
fn begin(system: &Shared, process: &dyn AnyProcess, life: Runnable, options: &SpawnOptions) {
    if system.is_halting() {
        // To drop it is to kill it, here and now: the end of a system waits for nobody who goes on spawning.
        return drop(life);
    }
    let thread = if options.own_thread { give_thread(system, process) } else { None };
    thread.as_ref().unwrap_or(&system.home).begin(life, options.priority);
    if system.is_halting() {
        process.doom(ExitReason::Killed);
    }
}

/// Ends a process that will not run, because it got no name or key, or the code of its key panicked.
struct Unborn<'a, M: Send + 'static>(&'a Process<M>);

impl<M: Send + 'static> Drop for Unborn<'_, M> {
    fn drop(&mut self) {
        self.0.finish(Some(ExitReason::Normal), None);
    }
}

fn register(
    system: &Shared,
    name: Option<&Arc<str>>,
    via: Option<&dyn Enrol>,
    process: &Arc<dyn AnyProcess>,
) -> Result<(), RegisterError> {
    if let Some(name) = name {
        system.names.register(name, process)?;
    }
    if let Some(via) = via {
        via.enrol(process)?;
    }
    Ok(())
}

/// A thread that runs nothing but this process, if there is one to be had.
fn give_thread(system: &Shared, process: &dyn AnyProcess) -> Option<Home> {
    let thread = system.scheduler.thread(&process.pid().to_string());
    if thread.is_err() {
        slog::warn!(system.reports.logger(), "there is no thread for a process"; "pid" => %process.pid());
    }
    let thread = thread.ok()?;
    process.control(|control| control.seldom.make().thread = Some(thread.clone()));
    Some(thread)
}

fn tied_child(tie: Tie, parent: Option<Pid>, system: &Shared) -> Control {
    let mut control = Control::default();
    let Some(parent) = parent else { return control };
    match tie {
        Tie::None => {}
        Tie::Link => _ = control.links.insert(parent, ()),
        Tie::Start { .. } => {
            control.links.insert(parent, ());
            control.starter = Starter::Waits;
        }
        Tie::Monitor(monitor) | Tie::StartMonitor(monitor) => {
            // Otherwise it has ended, and the child will hear of that.
            if let Some(parent) = system.table.get(parent) {
                control.watch(monitor, parent);
            }
        }
    }
    control
}

fn tie_parent(parent: &dyn AnyProcess, tie: Tie, child: &dyn AnyProcess) {
    let parent_lives = parent.control(|control| {
        match tie {
            Tie::None => {}
            _ if control.closed().is_some() => return false,
            Tie::Link | Tie::Start { .. } => _ = control.links.insert(child.pid(), ()),
            Tie::Monitor(monitor) | Tie::StartMonitor(monitor) => {
                control.seldom.make().watching.insert(monitor, Watching::new(monitor, child.pid()));
            }
        }
        true
    });
    if !parent_lives {
        child.signal(Signal::Exit(Exit { pid: parent.pid(), reason: ExitReason::NoProcess, linked: true }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::Event;

    #[test]
    fn a_process_that_has_waited_is_gone_from_memory_when_it_has_ended() {
        let system = System::builder("memory").workers(1).build().expect("there is a thread");
        let process = system.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
        let kept = Arc::downgrade(&process.resolve().expect("it is one process's"));
        process.cast(());
        assert_eq!(future::block_on(process.exited()), ExitReason::Normal);
        drop((process, system));
        assert_eq!(kept.strong_count(), 0, "neither its task nor what wakes that keeps it");
    }

    #[test]
    fn processes_that_monitor_each_other_are_gone_from_memory_when_both_have_ended() {
        let system = System::builder("memory").workers(1).build().expect("there is a thread");
        let first = system.spawn(|mut ctx: Context<Pid>| async move {
            let second = ctx.receive_message().await;
            ctx.monitor(second);
        });
        let watched = first.clone();
        let second = system.spawn(|mut ctx: Context<()>| async move {
            ctx.monitor(&watched);
            watched.cast(ctx.pid());
            assert!(matches!(ctx.receive().await, Event::Down(_)));
        });
        let kept_first = Arc::downgrade(&first.resolve().expect("it is one process's"));
        let kept_second = Arc::downgrade(&second.resolve().expect("it is one process's"));
        assert_eq!(future::block_on(second.exited()), ExitReason::Normal);
        drop((first, second, system));
        assert_eq!((kept_first.strong_count(), kept_second.strong_count()), (0, 0));
    }
}
