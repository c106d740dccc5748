//! A whole system as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::dead_letters::DeadReason;
use crate::exit::ExitKind;
use crate::info::ProcessInfo;
use crate::pid::{GroupName, Pid};
use crate::system::SystemHandle;
use crate::vitals::Work;

/// Deeper down the lines of a printed tree are indented no further.
const MOST_INDENTED: usize = 32;

/// A system as it was when asked, every process in it; what OTP's `observer` shows. Prints as the tree of its processes.
///
/// With the feature `serde` it can be serialized, and read again elsewhere.
///
/// Processes go on while it is taken, so what it says of two of them need not have held at one moment.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.register("shop").unwrap();
///     let till = ctx.spawn_link(|mut ctx: Context<u32>| async move {
///         ctx.set_label("till 1");
///         ctx.receive_message().await;
///         std::future::pending::<()>().await;
///     });
///     till.cast(7);
///     ctx.sleep(std::time::Duration::from_secs(1)).await;
///     let snapshot = ctx.system().snapshot();
///     assert_eq!(snapshot.names["shop"], ctx.pid());
///     assert_eq!(snapshot.to_string(), "\
/// test, 1s old: 2 processes, 0 timers, 0 dead letters
/// <0.1.1> shop: running, 0 queued, 0 received, 1 sent
///   <0.2.1> till 1: waiting, 0 queued, 1 received, 0 sent
/// ");
/// });
/// ```
///
/// With the feature `serde`, as RON:
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
///
/// # #[cfg(feature = "serde")] {
/// let snapshot = TestSystem::new(1).snapshot();
/// assert_eq!(ron::to_string(&snapshot.counts.dead_letters).unwrap(), "\
/// {no_process:0,exited:0,dropped_at_exit:0,mailbox_full:0,inactive_alias:0,expired:0,not_carried:0}");
/// let text = ron::to_string(&snapshot).unwrap();
/// assert_eq!(ron::from_str(&text), Ok(snapshot));
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SystemSnapshot {
    /// The system's name.
    pub name: Arc<str>,
    /// How long ago it was started.
    pub age: Duration,
    /// How many processes it runs at a time.
    pub workers: usize,
    /// What it has counted.
    pub counts: SystemCounts,
    /// Who has which name.
    pub names: BTreeMap<Arc<str>, Pid>,
    /// The groups that have members, sorted.
    pub groups: Vec<GroupSnapshot>,
    /// Every process: each is followed by its children, the oldest first, and these by theirs. An orphan stands at the top.
    pub tree: Vec<TreeNode>,
}

/// The members of a group.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|ctx: Context<()>| async move {
///     ctx.system().groups().join(&ctx, "tenors").unwrap();
///     let snapshot = ctx.system().snapshot();
///     let [tenors] = &snapshot.groups[..] else { unreachable!("there is one group") };
///     assert_eq!(tenors.group.to_string(), r#""tenors""#);
///     assert!(tenors.members.contains(&ctx.pid()));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupSnapshot {
    /// The group.
    pub group: GroupName,
    /// Its members, each once.
    pub members: BTreeSet<Pid>,
}

/// A process and its place in the tree.
///
/// # Examples
///
/// ```
/// use std::future::pending;
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     ctx.register("shop").unwrap();
///     ctx.spawn_link(|mut ctx: Context<()>| async move {
///         ctx.set_label("till");
///         pending::<()>().await;
///     });
///     ctx.sleep(Duration::from_secs(1)).await;
///     let tree = ctx.system().snapshot().tree;
///     assert_eq!(tree.iter().map(|node| node.depth).collect::<Vec<_>>(), [0, 1]);
///     assert_eq!(tree[1].process.label.as_deref(), Some("till"));
///     assert_eq!(tree[1].to_string(), "  <0.2.1> till: waiting, 0 queued, 0 received, 0 sent");
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TreeNode {
    /// How many living ancestors stand above it.
    pub depth: usize,
    /// The process.
    pub process: ProcessInfo,
}

/// What a system has counted since its start.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{Context, DeadReason, ExitKind};
///
/// let test = TestSystem::new(1);
/// let clerk = test.spawn(|mut ctx: Context<&str>| async move {
///     ctx.receive_message().await;
///     panic!("no tea");
/// });
/// clerk.cast("good morning");
/// clerk.cast("hello?");
/// test.run_until_idle();
/// let counts = test.counts();
/// assert_eq!((counts.spawned, counts.processes, counts.crashes), (1, 0, 1));
/// assert_eq!((counts.received, counts.ended[&ExitKind::Panic]), (1, 1));
/// assert_eq!(counts.dead_letters[&DeadReason::DroppedAtExit], 1);
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SystemCounts {
    /// Processes that there are now.
    pub processes: usize,
    /// Processes that there have been.
    pub spawned: u64,
    /// Processes that have ended, by how.
    pub ended: BTreeMap<ExitKind, u64>,
    /// Crash reports.
    pub crashes: u64,
    /// Children that supervisors have started again.
    pub restarts: u64,
    /// Messages and news that wait in mailboxes now.
    pub queued: u64,
    /// Messages and news that wait in the fullest mailbox now.
    pub longest_queue: u64,
    /// Messages that processes have received.
    pub received: u64,
    /// Messages that mailboxes have taken from processes.
    pub sent: u64,
    /// How long processes have run while that was measured.
    pub busy: Duration,
    /// Timers that are pending now.
    pub timers: usize,
    /// Messages that reached nobody, by reason.
    pub dead_letters: BTreeMap<DeadReason, u64>,
}

impl SystemHandle {
    /// The whole system as a value. With a hundred thousand processes that is some hundred milliseconds' work; it holds up
    /// nobody else: each process is looked at by itself.
    pub fn snapshot(&self) -> SystemSnapshot {
        let shared = &self.shared;
        let age = shared.age();
        // Of what ends meanwhile nothing is counted twice.
        let mut counts = self.counts_of_ended();
        let processes: Vec<ProcessInfo> = shared.table.all().iter().filter_map(|process| process.info()).collect();
        counts.processes = processes.len();
        for process in &processes {
            let ProcessInfo { queue_len, received, sent, busy, .. } = *process;
            counts.add(queue_len, Work { received, sent, busy });
        }
        SystemSnapshot {
            name: shared.name.clone(),
            age,
            workers: shared.scheduler.workers(),
            counts,
            names: processes.iter().filter_map(|process| Some((process.name.clone()?, process.pid))).collect(),
            groups: groups(&processes),
            tree: tree(processes),
        }
    }

    /// What the system has counted. Cheaper than a [`snapshot`](Self::snapshot), though each process is looked at.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// (0..3).for_each(|_| drop(test.spawn(|_ctx: Context<()>| async {})));
    /// test.run_until_idle();
    /// assert_eq!((test.counts().spawned, test.counts().processes), (3, 0));
    /// ```
    pub fn counts(&self) -> SystemCounts {
        let mut counts = self.counts_of_ended();
        for process in self.shared.table.all() {
            let vitals = process.vitals();
            counts.add(vitals.queue_len, vitals.work);
        }
        counts
    }

    fn counts_of_ended(&self) -> SystemCounts {
        let shared = &self.shared;
        let tally = shared.table.ended();
        SystemCounts {
            processes: shared.table.len(),
            spawned: shared.table.births(),
            ended: ExitKind::ALL.into_iter().zip(tally.ended).collect(),
            crashes: tally.crashes,
            restarts: shared.restarts.load(Ordering::Relaxed),
            queued: 0,
            longest_queue: 0,
            received: tally.work.received,
            sent: tally.work.sent,
            busy: tally.work.busy,
            timers: self.timer_count(),
            dead_letters: DeadReason::ALL.map(|reason| (reason, self.dead_letter_count_of(reason))).into(),
        }
    }
}

impl SystemCounts {
    /// Adds a process that lives.
    fn add(&mut self, queue_len: usize, work: Work) {
        self.queued += queue_len as u64;
        self.longest_queue = self.longest_queue.max(queue_len as u64);
        self.received += work.received;
        self.sent += work.sent;
        self.busy += work.busy;
    }
}

fn groups(processes: &[ProcessInfo]) -> Vec<GroupSnapshot> {
    let mut groups = BTreeMap::<_, BTreeSet<_>>::new();
    for process in processes {
        for group in &process.groups {
            groups.entry(group).or_default().insert(process.pid);
        }
    }
    groups.into_iter().map(|(group, members)| GroupSnapshot { group: group.clone(), members }).collect()
}

/// Puts the processes, oldest first, into the order of the tree. A tree may be as high as there are processes, so nothing
/// here calls itself.
fn tree(processes: Vec<ProcessInfo>) -> Vec<TreeNode> {
    let living: BTreeSet<Pid> = processes.iter().map(|process| process.pid).collect();
    let mut families = BTreeMap::<Option<Pid>, Vec<ProcessInfo>>::new();
    for process in processes {
        let parent = process.parent.filter(|parent| living.contains(parent));
        families.entry(parent).or_default().push(process);
    }
    let mut tree = Vec::with_capacity(living.len());
    let mut next = Vec::new();
    let mut push_children = |next: &mut Vec<TreeNode>, parent, depth| {
        let children = families.remove(&parent).unwrap_or_default();
        next.extend(children.into_iter().rev().map(|process| TreeNode { depth, process }));
    };
    push_children(&mut next, None, 0);
    while let Some(node) = next.pop() {
        push_children(&mut next, Some(node.process.pid), node.depth + 1);
        tree.push(node);
    }
    tree
}

impl fmt::Display for SystemSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SystemCounts { processes, timers, dead_letters, .. } = &self.counts;
        let dead_letters: u64 = dead_letters.values().sum();
        write!(f, "{}, {:.0?} old: ", self.name, self.age)?;
        writeln!(f, "{processes} processes, {timers} timers, {dead_letters} dead letters")?;
        self.tree.iter().try_for_each(|node| writeln!(f, "{node}"))
    }
}

/// Prints on one line, indented by its depth as far as anybody wants to scroll.
impl fmt::Display for TreeNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TreeNode { depth, process } = self;
        let what = process.name.as_deref().or(process.label.as_deref()).unwrap_or(&process.message_type);
        let ProcessInfo { pid, status, queue_len, received, sent, restarts, .. } = process;
        write!(
            f,
            "{:indent$}{pid} {what}: {status}, {queue_len} queued, ",
            "",
            indent = 2 * depth.min(&MOST_INDENTED)
        )?;
        write!(f, "{received} received, {sent} sent")?;
        if *restarts > 0 {
            write!(f, ", restart {restarts}")?;
        }
        Ok(())
    }
}
