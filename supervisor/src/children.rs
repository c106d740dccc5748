//! A supervisor's children, in the order in which they start.

use std::sync::Arc;

use proscenium_runtime::{Offender, Pid};

use crate::child_spec::{ChildKind, ChildSpec, Restart};
use crate::index::Index;

/// Names a child among its siblings; a greater one starts later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u64);

#[derive(Clone, Debug)]
pub(crate) struct Child {
    pub(crate) spec: ChildSpec,
    pub(crate) state: ChildState,
    /// How many times it was started, if that is no more than fits.
    pub(crate) starts: u16,
    /// How many times it was to be restarted later: a retry of an earlier time is none.
    pub(crate) delays: u16,
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
        ChildInfo { id: self.spec.id.to_shared(), state: self.state, kind: self.spec.kind() }
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

/// One list, in the order of the keys, and where each child is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Children {
    /// Who is gone leaves a gap, until there are more gaps than children.
    places: Vec<Place>,
    gaps: usize,
    by_id: Index,
    by_pid: Index,
    last: u64,
}

#[derive(Clone, Debug)]
struct Place {
    key: Key,
    child: Option<Child>,
}

impl Place {
    fn id(&self) -> Option<&str> {
        self.child.as_ref().map(|child| &*child.spec.id)
    }

    fn pid(&self) -> Option<Pid> {
        match self.child.as_ref()?.state {
            ChildState::Running(pid) => Some(pid),
            ChildState::Restarting | ChildState::Stopped => None,
        }
    }
}

impl Children {
    /// None yet, but room for so many.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Children {
            places: Vec::with_capacity(capacity),
            by_id: Index::with_capacity(capacity),
            by_pid: Index::with_capacity(capacity),
            ..Children::default()
        }
    }

    /// Adds a child behind the others, not yet started; its key, or the one that has its id already.
    pub(crate) fn add(&mut self, spec: ChildSpec) -> Result<Key, Key> {
        self.put(Child { spec, state: ChildState::Stopped, starts: 0, delays: 0 })
    }

    /// Puts a child behind the others, under a new key; that of the one that has its id already, if one has.
    fn put(&mut self, child: Child) -> Result<Key, Key> {
        let key = Key(self.last + 1);
        self.push(Place { key, child: Some(child) })?;
        self.last = key.0;
        Ok(key)
    }

    fn push(&mut self, place: Place) -> Result<(), Key> {
        let number = self.places.len();
        if let Some(id) = place.id() {
            let inserted = self.by_id.insert(id, number, |number| self.places[number].id());
            inserted.map_err(|number| self.places[number].key)?;
        }
        if let Some(pid) = place.pid() {
            self.note_pid(pid, number);
        }
        self.places.push(place);
        Ok(())
    }

    fn note_pid(&mut self, pid: Pid, number: usize) {
        // A start of the user's own making may tell of somebody who is a child already: then that one hears of the end.
        let _ = self.by_pid.insert(pid, number, |number| self.places[number].pid());
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.stopped(key);
        let Some(number) = self.number(key) else { return };
        let places = &self.places;
        if let Some(id) = places[number].id() {
            self.by_id.remove(id, |number| places[number].id());
            self.places[number].child = None;
            self.gaps += 1;
        }
        if self.gaps > self.places.len() / 2 {
            self.close_gaps();
        }
    }

    /// Those that are left move up, and give back what room the others had.
    fn close_gaps(&mut self) {
        let places = std::mem::take(&mut self.places);
        *self = Children { last: self.last, ..Children::with_capacity(places.len() - self.gaps) };
        places.into_iter().filter(|place| place.child.is_some()).for_each(|place| _ = self.push(place));
    }

    /// Takes specs and order from `like`, where both have a child; what only these have comes behind. Every child gets a
    /// new key. Returns those of children whose restart is put off.
    pub(crate) fn update(&mut self, like: &Children) -> Vec<Key> {
        let mut before = std::mem::take(self);
        self.last = before.last;
        let mut take = |spec: &ChildSpec| {
            let number = before.by_id.find(&*spec.id, |number| before.places[number].id())?;
            Some(Child { spec: spec.clone(), ..before.places[number].child.take()? })
        };
        let mut children: Vec<Child> = like.iter().filter_map(|child| take(&child.spec)).collect();
        children.extend(before.places.into_iter().filter_map(|place| place.child));
        let waits = |child: &Child| child.state == ChildState::Restarting;
        children.into_iter().filter_map(|child| waits(&child).then_some(self.put(child).ok()?)).collect()
    }

    pub(crate) fn started(&mut self, key: Key, pid: Pid) {
        self.set_state(key, ChildState::Running(pid));
        if let Some(child) = self.get_mut(key) {
            child.starts = child.starts.saturating_add(1);
        }
    }

    /// The child is to be restarted later. Which time this is.
    pub(crate) fn delayed(&mut self, key: Key) -> u16 {
        self.set_state(key, ChildState::Restarting);
        let Some(child) = self.get_mut(key) else { return 0 };
        child.delays = child.delays.wrapping_add(1);
        child.delays
    }

    /// The child does not live, and is not to be restarted.
    pub(crate) fn stopped(&mut self, key: Key) {
        self.set_state(key, ChildState::Stopped);
    }

    fn set_state(&mut self, key: Key, state: ChildState) {
        let Some(number) = self.number(key) else { return };
        if let Some(pid) = self.places[number].pid() {
            self.by_pid.remove(pid, |number| self.places[number].pid());
        }
        let Some(child) = &mut self.places[number].child else { return };
        child.state = state;
        if let ChildState::Running(pid) = state {
            self.note_pid(pid, number);
        }
    }

    /// The child no longer lives: its spec stays, unless it is temporary.
    pub(crate) fn ended(&mut self, key: Key) {
        match self.get(key).map(|child| child.spec.restart) {
            Some(Restart::Temporary) => self.remove(key),
            _ => self.stopped(key),
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Child> {
        self.places[self.number(key)?].child.as_ref()
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut Child> {
        let number = self.number(key)?;
        self.places[number].child.as_mut()
    }

    pub(crate) fn find(&self, id: &str) -> Option<(Key, &Child)> {
        self.at(self.by_id.find(id, |number| self.places[number].id())?)
    }

    pub(crate) fn by_pid(&self, pid: Pid) -> Option<(Key, &Child)> {
        self.at(self.by_pid.find(pid, |number| self.places[number].pid())?)
    }

    fn at(&self, number: usize) -> Option<(Key, &Child)> {
        let Place { key, child } = &self.places[number];
        Some((*key, child.as_ref()?))
    }

    /// Where the place is that has the key.
    fn number(&self, key: Key) -> Option<usize> {
        let first = self.places.first()?.key;
        // Keys count up: it is as far from the first as its key tells, or nearer if gaps were closed.
        let farthest = usize::try_from(key.0.checked_sub(first.0)?).ok()?;
        match self.places.get(farthest) {
            Some(place) if place.key == key => Some(farthest),
            _ => self.places.binary_search_by_key(&key, |place| place.key).ok(),
        }
    }

    /// Oldest first.
    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = Key> {
        self.places.iter().filter(|place| place.child.is_some()).map(|place| place.key)
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Child> {
        self.places.iter().filter_map(|place| place.child.as_ref())
    }

    /// The id of a child that is there.
    pub(crate) fn id(&self, key: Key) -> Arc<str> {
        self.spec(key).id.to_shared()
    }

    fn spec(&self, key: Key) -> &ChildSpec {
        &self.get(key).expect("what is told of is a child that is there").spec
    }

    /// The child as reports name it.
    pub(crate) fn offender(&self, key: Key, pid: Option<Pid>) -> Offender {
        let spec = self.spec(key);
        Offender::new(spec.id.to_shared(), pid, spec.restart, spec.shutdown, spec.significant, spec.kind())
    }
}

#[cfg(test)]
mod tests;
