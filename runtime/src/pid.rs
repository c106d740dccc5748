//! What things are called: processes, groups, monitors, timers.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The identity of a process, unique within its [`System`](crate::System) for as long as the system lives.
///
/// A pid names one incarnation: a restarted process has another one. It is a slot in the system's table and the slot's
/// generation, and prints as Erlang's do: `<0.42.1>`.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::{Context, Pid, System};
///
/// let outcome = System::new("shop").run(|ctx: Context<()>| async move {
///     let read: Pid = ctx.pid().to_string().parse().unwrap();
///     assert_eq!(read, ctx.pid());
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid {
    slot: u32,
    generation: u32,
}

impl Pid {
    /// The sender of what no process sends: an exit signal from outside, or the system's own at its shutdown.
    pub const SYSTEM: Pid = Pid::new(0, 0);

    /// Who a name leads to that nobody has.
    pub const NOBODY: Pid = Pid::new(1, 0);

    pub(crate) const fn new(slot: u32, generation: u32) -> Self {
        Pid { slot, generation }
    }

    pub(crate) const fn slot(self) -> u32 {
        self.slot
    }

    pub(crate) const fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<0.{}.{}>", self.slot, self.generation)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text is no pid.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Pid;
///
/// let error = "<42>".parse::<Pid>().unwrap_err();
/// assert_eq!(error.to_string(), r#""<42>" is no pid: one looks like <0.42.1>"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no pid: one looks like <0.42.1>")]
pub struct ParsePidError(String);

/// Reads what a pid prints. Nobody need be there.
impl FromStr for Pid {
    type Err = ParsePidError;

    fn from_str(text: &str) -> Result<Self, ParsePidError> {
        let parts = text.strip_prefix("<0.").and_then(|rest| rest.strip_suffix('>')?.split_once('.'));
        let numbers = parts.and_then(|(slot, generation)| Some((slot.parse().ok()?, generation.parse().ok()?)));
        let (slot, generation) = numbers.ok_or_else(|| ParsePidError(text.to_owned()))?;
        Ok(Pid { slot, generation })
    }
}

/// A process, or whoever has a name: whom a message was for, or whom a signal is for.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Recipient};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let clerk = ctx.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
///     assert_eq!(Recipient::from(&clerk), clerk.pid().unwrap().into());
///     ctx.exit(&clerk, ExitReason::Shutdown); // By address, by pid, or by name.
///     assert_eq!(clerk.exited().await, ExitReason::Shutdown);
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Recipient {
    /// A process.
    Process(Pid),
    /// Whoever would have that name.
    Name(Arc<str>),
    /// Whoever would have that key of a [`Registry`](crate::Registry), which is told as its `Debug` does. No signal finds it by
    /// that: make the recipient of an address ([`Registry::via`](crate::Registry::via)) whenever you need it.
    Key(Arc<str>),
    /// Somebody in another OS process, as the process or the name is called there. No signal finds it by that.
    Elsewhere(Arc<str>),
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recipient::Process(pid) => write!(f, "{pid}"),
            Recipient::Name(name) => write!(f, "{name:?}"),
            Recipient::Key(key) => write!(f, "key {key}"),
            Recipient::Elsewhere(whom) => f.write_str(whom),
        }
    }
}

impl From<Pid> for Recipient {
    fn from(pid: Pid) -> Self {
        Recipient::Process(pid)
    }
}

impl From<&str> for Recipient {
    fn from(name: &str) -> Self {
        Recipient::Name(name.into())
    }
}

/// A group's name, within its scope.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     ctx.system().groups().join(&ctx, "tenors").unwrap();
///     ctx.system().scope("choir").join(&ctx, "altos").unwrap();
///     let groups = ctx.system().process_info(ctx.pid()).unwrap().groups;
///     let mut names: Vec<String> = groups.iter().map(ToString::to_string).collect();
///     names.sort();
///     assert_eq!(names, [r#""altos" of "choir""#, r#""tenors""#]);
/// });
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupName {
    pub(crate) scope: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scope.is_empty() {
            write!(f, "{:?}", self.name)
        } else {
            write!(f, "{:?} of {:?}", self.name, self.scope)
        }
    }
}

impl fmt::Debug for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names one monitor; unique within its system.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::Context;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let clerk = ctx.spawn(|mut ctx: Context<()>| async move { ctx.receive_message().await });
///     let monitor = ctx.monitor(&clerk);
///     assert!(ctx.demonitor(monitor), "it stood");
///     assert!(!ctx.demonitor(monitor), "and does so no more");
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MonitorRef(pub(crate) u64);

impl fmt::Debug for MonitorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<{}>", self.0)
    }
}

/// Names one timer; unique within its system.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::Context;
///
/// TestSystem::new(1).run(|mut ctx: Context<&str>| async move {
///     let alarm = ctx.send_after(Duration::from_secs(60), "wake up");
///     ctx.sleep(Duration::from_secs(20)).await;
///     assert_eq!(ctx.read_timer(alarm), Some(Duration::from_secs(40)));
///     assert_eq!(ctx.cancel_timer(alarm), Some(Duration::from_secs(40)));
///     assert_eq!(ctx.cancel_timer(alarm), None);
/// });
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerRef {
    pub(crate) number: u64,
    /// Which of the system's stores has it, and where.
    pub(crate) store: u16,
    pub(crate) index: u32,
}

impl TimerRef {
    /// No timer has that name.
    pub(crate) const NONE: TimerRef = TimerRef { number: 0, store: 0, index: 0 };
}

impl fmt::Debug for TimerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Timer<{}.{}>", self.store, self.number)
    }
}

/// Names one watch on a file descriptor; unique within its system.
///
/// # Examples
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// use proscenium_runtime::{Context, Interest, Ready, System};
///
/// # #[cfg(unix)] {
///
/// let outcome = System::new("shop").run(|mut ctx: Context<Ready>| async move {
///     let (door, _visitor) = UnixStream::pair()?;
///     let to_read = ctx.watch(&door, Interest::Readable, |ready| ready)?;
///     let to_write = ctx.watch(&door, Interest::Writable, |ready| ready)?;
///     assert_eq!(ctx.receive_message().await.watch, to_write); // Nobody has said anything to read.
///     assert!(ctx.cancel_watch(to_read) && !ctx.cancel_watch(to_read));
///     Ok(())
/// });
/// assert_eq!(outcome, Ok(()));
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchRef(pub(crate) u64);

impl fmt::Debug for WatchRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Watch<{}>", self.0)
    }
}

/// Names one alias; unique within its system.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AliasRef(pub(crate) u64);

impl fmt::Debug for AliasRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Alias<{}>", self.0)
    }
}
