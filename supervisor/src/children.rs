//! A supervisor's children, in the order in which they start.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proscenium_runtime::{Offender, Pid};

use crate::child_spec::{ChildKind, ChildSpec, Restart};

/// Names a child among its siblings; a greater one starts later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u64);

#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) spec: ChildSpec,
    pub(crate) state: ChildState,
    /// How many times it was started.
    pub(crate) starts: u32,
    /// How many times it was to be restarted later: a retry of an earlier time is none.
    pub(crate) delays: u32,
}

/// Where a child is in its life.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{Backoff, ChildState, Supervisor};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let pause = Backoff::new(Duration::from_secs(10));
///     let top = Supervisor::one_for_one().backoff(pause).child(worker("db")).start_link(&mut ctx).await.unwrap();
///     let pid = ctx.system().whereis("db").unwrap();
///     assert_eq!(top.which_child("db").await.unwrap().state, ChildState::Running(pid));
///     fail(ctx.system(), "db").await;
///     assert_eq!(top.which_child("db").await.unwrap().state, ChildState::Restarting); // In ten seconds.
///     top.terminate_child("db").await.unwrap();
///     assert_eq!(top.which_child("db").await.unwrap().state, ChildState::Stopped);
/// });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildState {
    /// It lives.
    Running(Pid),
    /// Its restart failed and will be tried again, or waits for a while as [`Backoff`](crate::Backoff) says.
    Restarting,
    /// It does not live: it was stopped, ended in peace, or chose not to run.
    Stopped,
}

/// A child as its supervisor lists it.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::{ChildKind, Context};
/// use proscenium_supervisor::{ChildInfo, ChildSpec, Supervisor};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let cache = ChildSpec::new("cache", Supervisor::one_for_one());
///     let top = Supervisor::one_for_one().child(worker("db")).child(cache).start_link(&mut ctx).await.unwrap();
///     let children: Vec<ChildInfo> = top.which_children().await.unwrap();
///     assert_eq!((&*children[0].id, children[0].kind), ("cache", ChildKind::Supervisor)); // The youngest first.
///     assert_eq!((&*children[1].id, children[1].kind), ("db", ChildKind::Worker));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildInfo {
    /// Its id.
    pub id: Arc<str>,
    /// Where it is in its life.
    pub state: ChildState,
    /// Whether it is a supervisor.
    pub kind: ChildKind,
}

/// How many children a supervisor has.
///
/// # Examples
///
/// ```
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::{ChildCount, ChildSpec, Supervisor};
///
/// # mod worker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/worker.rs")); }
/// # use worker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let cache = ChildSpec::new("cache", Supervisor::one_for_one());
///     let top = Supervisor::one_for_one().child(worker("db")).child(cache).start_link(&mut ctx).await.unwrap();
///     top.terminate_child("db").await.unwrap();
///     let count: ChildCount = top.count_children().await.unwrap();
///     assert_eq!((count.specs, count.active, count.supervisors, count.workers), (2, 1, 1, 1));
/// });
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChildCount {
    /// All it knows of.
    pub specs: usize,
    /// Those that live.
    pub active: usize,
    /// Those that are supervisors, alive or not.
    pub supervisors: usize,
    /// Those that are not.
    pub workers: usize,
}

impl Child {
    pub(crate) fn info(&self) -> ChildInfo {
        ChildInfo { id: self.spec.id.clone(), state: self.state, kind: self.spec.kind() }
    }
}

impl ChildCount {
    /// Counts one more, of that kind.
    pub(crate) fn add(&mut self, kind: ChildKind, active: bool) {
        self.specs += 1;
        self.active += usize::from(active);
        match kind {
            ChildKind::Supervisor => self.supervisors += 1,
            ChildKind::Worker => self.workers += 1,
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Children {
    by_key: BTreeMap<Key, Child>,
    by_id: HashMap<Arc<str>, Key>,
    by_pid: HashMap<Pid, Key>,
    last: u64,
}

impl Children {
    /// Adds a child behind the others, not yet started; its key, or the one that has its id already.
    pub(crate) fn add(&mut self, spec: ChildSpec) -> Result<Key, Key> {
        if let Some(key) = self.by_id.get(&spec.id) {
            return Err(*key);
        }
        self.last += 1;
        let key = Key(self.last);
        self.by_id.insert(spec.id.clone(), key);
        let child = Child { spec, state: ChildState::Stopped, starts: 0, delays: 0 };
        self.by_key.insert(key, child);
        Ok(key)
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.stopped(key);
        if let Some(child) = self.by_key.remove(&key) {
            self.by_id.remove(&child.spec.id);
        }
    }

    /// Takes specs and order from `like`, where both have a child; what only these have comes behind. Every child gets a
    /// new key. Returns those of children whose restart is put off.
    pub(crate) fn update(&mut self, like: &Children) -> Vec<Key> {
        let mut before = std::mem::take(&mut self.by_key);
        let wanted = like.iter().filter_map(|child| {
            let key = self.by_id.get(&child.spec.id)?;
            Some(Child { spec: child.spec.clone(), ..before.remove(key)? })
        });
        let mut children: Vec<Child> = wanted.collect();
        children.extend(before.into_values());
        *self = Children { last: self.last, ..Children::default() };
        children.into_iter().filter_map(|child| self.put(child)).collect()
    }

    /// Puts a child behind the others. Returns its key if its restart is put off.
    fn put(&mut self, child: Child) -> Option<Key> {
        self.last += 1;
        let key = Key(self.last);
        self.by_id.insert(child.spec.id.clone(), key);
        if let ChildState::Running(pid) = child.state {
            self.by_pid.insert(pid, key);
        }
        let waits = child.state == ChildState::Restarting;
        self.by_key.insert(key, child);
        waits.then_some(key)
    }

    pub(crate) fn started(&mut self, key: Key, pid: Pid) {
        self.set_state(key, ChildState::Running(pid));
        if let Some(child) = self.by_key.get_mut(&key) {
            self.by_pid.insert(pid, key);
            child.starts = child.starts.saturating_add(1);
        }
    }

    /// The child is to be restarted later. Which time this is.
    pub(crate) fn delayed(&mut self, key: Key) -> u32 {
        self.set_state(key, ChildState::Restarting);
        let Some(child) = self.by_key.get_mut(&key) else { return 0 };
        child.delays = child.delays.wrapping_add(1);
        child.delays
    }

    /// The child does not live, and is not to be restarted.
    pub(crate) fn stopped(&mut self, key: Key) {
        self.set_state(key, ChildState::Stopped);
    }

    fn set_state(&mut self, key: Key, state: ChildState) {
        let Some(child) = self.by_key.get_mut(&key) else { return };
        if let ChildState::Running(pid) = child.state {
            self.by_pid.remove(&pid);
        }
        child.state = state;
    }

    /// The child no longer lives: its spec stays, unless it is temporary.
    pub(crate) fn ended(&mut self, key: Key) {
        match self.get(key).map(|child| child.spec.restart) {
            Some(Restart::Temporary) => self.remove(key),
            _ => self.stopped(key),
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Child> {
        self.by_key.get(&key)
    }

    pub(crate) fn find(&self, id: &str) -> Option<(Key, &Child)> {
        let key = *self.by_id.get(id)?;
        Some((key, self.by_key.get(&key)?))
    }

    pub(crate) fn by_pid(&self, pid: Pid) -> Option<(Key, &Child)> {
        let key = *self.by_pid.get(&pid)?;
        Some((key, self.by_key.get(&key)?))
    }

    /// Oldest first.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.by_key.keys().copied()
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Child> {
        self.by_key.values()
    }

    /// The child as reports name it.
    pub(crate) fn offender(&self, key: Key, pid: Option<Pid>) -> Offender {
        let spec = &self.get(key).expect("what is reported is a child that is there").spec;
        Offender::new(spec.id.clone(), pid, spec.restart, spec.shutdown, spec.significant, spec.kind())
    }
}
