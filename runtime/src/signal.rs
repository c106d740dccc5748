//! What one process can do to another.

use std::sync::Arc;

use crate::exit::ExitReason;
use crate::pid::{MonitorRef, Pid};

/// What a process receives: a message of its own type, or news of another process.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, ExitReason};
///
/// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
///     ctx.trap_exit(true);
///     let home = ctx.address();
///     let (_, monitor) = ctx.spawn_monitor(|_ctx: Context<()>| async move { home.cast("done") });
///     ctx.spawn_link(|_ctx: Context<()>| async { Err(ExitReason::error("no tea")) });
///     for _ in 0..3 {
///         match ctx.receive().await {
///             Event::Message(message) => assert_eq!(message, "done"),
///             Event::Down(down) => assert_eq!((down.monitor, down.reason), (monitor, ExitReason::Normal)),
///             Event::Exit(exit) => assert_eq!(exit.reason, ExitReason::error("no tea")),
///         }
///     }
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<M> {
    /// Somebody sent this.
    Message(M),
    /// A linked process ended, or somebody asked this one to exit. Only a process that traps exits receives it.
    Exit(Exit),
    /// A monitored process ended.
    Down(Down),
}

/// A trapped exit signal; OTP's `{'EXIT', Pid, Reason}`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, ExitReason};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.trap_exit(true);
///     ctx.exit(ctx.pid(), ExitReason::Shutdown);
///     let Event::Exit(exit) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!((exit.pid, exit.reason, exit.linked), (ctx.pid(), ExitReason::Shutdown, false));
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Who ended, or who asked.
    pub pid: Pid,
    /// Why it ended, or why this process shall.
    pub reason: ExitReason,
    /// Whether a link brought it; otherwise somebody called `exit`.
    pub linked: bool,
}

/// A monitored process ended; OTP's `{'DOWN', Ref, process, Pid, Reason}`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, ExitReason};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let monitor = ctx.monitor("printer");
///     let Event::Down(down) = ctx.receive().await else { unreachable!("nobody sends a message") };
///     assert_eq!((down.monitor, down.name.as_deref()), (monitor, Some("printer")));
///     assert_eq!(down.reason, ExitReason::NoProcess); // Nobody has that name.
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// The monitor, which is gone with this.
    pub monitor: MonitorRef,
    /// Who ended; [`Pid::NOBODY`] if a name or a key was monitored that nobody had.
    pub pid: Pid,
    /// The name by which it was monitored, if it was.
    pub name: Option<Arc<str>>,
    /// Why; [`ExitReason::NoProcess`] if it was not there to be monitored.
    pub reason: ExitReason,
}

/// An [`Event`] that is looked at and left where it is.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Event, EventRef};
///
/// TestSystem::new(1).run(|mut ctx: Context<u32>| async move {
///     let child = ctx.spawn(|_ctx: Context<()>| async {});
///     ctx.monitor(&child);
///     child.exited().await;
///     [3, 40].map(|n| ctx.address().cast(n));
///     let large = |event: EventRef<'_, u32>| matches!(event, EventRef::Message(n) if *n > 10);
///     assert_eq!(ctx.receive_matching(large).await, Event::Message(40));
///     let down = |event: EventRef<'_, u32>| matches!(event, EventRef::Down(down) if Some(down.pid) == child.pid());
///     assert!(ctx.try_receive_matching(down).is_some());
///     assert_eq!(ctx.receive_message().await, 3);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub enum EventRef<'a, M> {
    /// A message.
    Message(&'a M),
    /// A trapped exit signal.
    Exit(&'a Exit),
    /// A monitored process ended.
    Down(&'a Down),
}

/// What is received, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Message,
    ExitOf(Pid),
    DownOf(Pid),
    System,
}

impl<M> EventRef<'_, M> {
    pub(crate) fn kind(&self) -> EventKind {
        match self {
            EventRef::Message(_) => EventKind::Message,
            EventRef::Exit(exit) => EventKind::ExitOf(exit.pid),
            EventRef::Down(down) => EventKind::DownOf(down.pid),
        }
    }
}

/// Where a message or news goes in the mailbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Behind all that waits.
    #[default]
    Ordinary,
    /// Before all that has no priority; OTP's priority messages.
    Priority,
}

/// What changes a process by itself. A [`Down`] is none: all that it can do is to be received.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Asks the receiver to exit, or tells it that a linked process did.
    Exit(Exit),
    /// As `Exit`, sent by way of an alias: if it is trapped, it has priority.
    UrgentExit(Exit),
    Link(Pid),
    Unlink(Pid),
    Demonitor(MonitorRef),
}
