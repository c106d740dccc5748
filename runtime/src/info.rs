//! What can be told of a process from outside.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ancestors::Ancestors;
use crate::pid::{GroupName, Pid};

/// A process as it was when asked; OTP's `process_info`.
///
/// What its relations and its mailbox show is as fresh as the question: it reflects all that whoever asks has sent or done to
/// the process before. What it counts of its own doing, [`received`](Self::received), [`sent`](Self::sent) and
/// [`busy`](Self::busy), may lag behind by the stretch that it runs just now.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, Status};
///
/// let test = TestSystem::new(1);
/// let packer = test.spawn(|mut ctx: Context<u32>| async move {
///     ctx.set_label("packer");
///     ctx.receive_matching(|_| false).await;
/// });
/// packer.cast(7);
/// test.advance(std::time::Duration::ZERO);
/// let info = test.process_info(packer.pid().unwrap()).unwrap();
/// assert_eq!((info.label.as_deref(), info.queue_len, info.status), (Some("packer"), 1, Status::Waiting));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProcessInfo {
    /// Who.
    pub pid: Pid,
    /// Its registered name.
    pub name: Option<Arc<str>>,
    /// What it calls itself.
    pub label: Option<Arc<str>>,
    /// What it is doing.
    pub status: Status,
    /// Who started it.
    pub parent: Option<Pid>,
    /// Who started it, and who started that one, and so on.
    pub ancestors: Ancestors,
    /// Whether it traps exits.
    pub trap_exit: bool,
    /// The Rust type of its messages.
    pub message_type: Cow<'static, str>,
    /// How many messages and news wait in its mailbox.
    pub queue_len: usize,
    /// The most messages and news that have waited at a time, as far as the process or whoever asked has seen.
    pub queue_high_water: usize,
    /// How many messages its mailbox takes; `None` if any number.
    pub queue_bound: Option<usize>,
    /// How many messages it has received. Exits and downs do not count.
    pub received: u64,
    /// How many messages mailboxes have taken from it. Replies do not count.
    pub sent: u64,
    /// How long it has run, of the time in which that was measured; see
    /// [`SystemHandle::measure_busy_time`](crate::SystemHandle::measure_busy_time).
    pub busy: Duration,
    /// How long ago it was spawned.
    pub age: Duration,
    /// How many times its supervisor had started this child before: 0 in the first incarnation, and for what has no
    /// supervisor.
    pub restarts: u32,
    /// Who is linked to it.
    pub links: Vec<Pid>,
    /// Whom it monitors.
    pub monitors: Vec<Pid>,
    /// Who monitors it.
    pub monitored_by: Vec<Pid>,
    /// The groups that it is a member of.
    pub groups: Vec<GroupName>,
    /// How many timers of its are pending.
    pub timers: usize,
    /// The bytes that are known of: its record, its body with all that lives across an await, and what its mailbox has room for.
    /// What these point to, such as the contents of a `Vec`, is not known, and neither is what links, monitors and timers take.
    pub memory: usize,
}

/// What a process is doing, in OTP's words.
///
/// # Examples
///
/// ```
/// use std::future::pending;
/// use std::time::Duration;
///
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, ExitReason, Status};
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let child = ctx.spawn(|_ctx: Context<()>| pending::<()>());
///     let status = |pid| ctx.system().process_info(pid).unwrap().status;
///     let of_child = child.pid().unwrap();
///     assert_eq!((status(ctx.pid()), status(of_child)), (Status::Running, Status::Runnable));
///     ctx.sleep(Duration::from_secs(1)).await; // The child's turn.
///     assert_eq!(status(of_child), Status::Waiting);
///     ctx.exit(of_child, ExitReason::Kill);
///     assert_eq!(status(of_child), Status::Exiting);
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Status {
    /// It runs on a worker.
    Running,
    /// It has something to do, and no worker yet: it is new, or something has woken it.
    Runnable,
    /// It waits for something.
    Waiting,
    /// A signal has ended it, and it has only to notice; or it has ended, and has yet to tell.
    Exiting,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Running => "running",
            Status::Runnable => "runnable",
            Status::Waiting => "waiting",
            Status::Exiting => "exiting",
        })
    }
}
