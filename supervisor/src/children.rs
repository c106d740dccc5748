//! A supervisor's children, in the order in which they start.

use std::sync::Arc;

use proscenium_runtime::{Offender, Pid};

use crate::child_id::ChildId;
use crate::child_spec::{ChildKind, ChildPolicy, ChildSpec, Restart, StartChild};
use crate::index::{Index, PidIndex};

/// Names a child among its siblings; a greater one starts later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(pub(crate) u64);

// Its key and how it is treated are not here: those of siblings that follow one another are told at once.
#[derive(Clone)]
pub(crate) struct Child {
    pub(crate) id: ChildId,
    pub(crate) start: Arc<dyn StartChild>,
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
        ChildInfo { id: self.id.to_shared(), state: self.state, kind: self.start.kind() }
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
#[derive(Clone, Default)]
pub(crate) struct Children {
    /// Who is gone leaves a gap, until there are more gaps than children.
    places: Vec<Option<Child>>,
    runs: Vec<Run>,
    gaps: usize,
    by_id: Index,
    by_pid: PidIndex,
    last: u64,
    /// Whose id was told last, and the text.
    told: Option<(Key, Arc<str>)>,
}

/// Children that follow one another by their keys, too, and are treated alike: from a place on, until that of the next run.
#[derive(Clone, Copy)]
struct Run {
    number: usize,
    key: Key,
    policy: ChildPolicy,
}

const IS_THERE: &str = "what is told of is a child that is there";

impl Child {
    fn pid(&self) -> Option<Pid> {
        match self.state {
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
            by_pid: PidIndex::with_capacity(capacity),
            ..Children::default()
        }
    }

    /// Adds a child behind the others, not yet started; its key, or the one that has its id already.
    pub(crate) fn add(&mut self, spec: ChildSpec) -> Result<Key, Key> {
        let ChildSpec { id, start, policy } = spec;
        self.put(Child { id, start, state: ChildState::Stopped, starts: 0, delays: 0 }, policy)
    }

    /// Puts a child behind the others, under a new key; that of the one that has its id already, if one has.
    fn put(&mut self, child: Child, policy: ChildPolicy) -> Result<Key, Key> {
        let key = Key(self.last + 1);
        self.push(key, child, policy)?;
        self.last = key.0;
        Ok(key)
    }

    fn push(&mut self, key: Key, child: Child, policy: ChildPolicy) -> Result<(), Key> {
        let number = self.places.len();
        let inserted = self.by_id.insert(&*child.id, number, |number| id_at(&self.places, number));
        inserted.map_err(|known| self.key_at(known))?;
        if let Some(pid) = child.pid() {
            self.note_pid(pid, number);
        }
        if self.runs.last().is_none_or(|run| run.policy != policy || run.key_at(number) != key) {
            self.runs.push(Run { number, key, policy });
        }
        self.places.push(Some(child));
        Ok(())
    }

    fn note_pid(&mut self, pid: Pid, number: usize) {
        // A start of the user's own making may tell of somebody who is a child already: then that one hears of the end.
        let _ = self.by_pid.insert(pid, number, |number| pid_at(&self.places, number));
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.stopped(key);
        let Some(number) = self.number(key) else { return };
        let places = &self.places;
        if let Some(id) = id_at(places, number) {
            self.by_id.remove(id, |number| id_at(places, number));
            self.places[number] = None;
            self.gaps += 1;
        }
        if self.gaps > self.places.len() / 2 {
            self.close_gaps();
        }
    }

    /// Those that are left move up, and give back what room the others had.
    fn close_gaps(&mut self) {
        let left = Children { last: self.last, ..Children::with_capacity(self.places.len() - self.gaps) };
        let mut before = std::mem::replace(self, left);
        for (number, place) in std::mem::take(&mut before.places).into_iter().enumerate() {
            if let Some(child) = place {
                let _ = self.push(before.key_at(number), child, before.run_of(number).policy);
            }
        }
    }

    /// Takes specs and order from `like`, where both have a child; what only these have comes behind. Every child gets a
    /// new key. Returns those of children whose restart is put off.
    pub(crate) fn update(&mut self, like: &Children) -> Vec<Key> {
        let mut before = std::mem::take(self);
        self.last = before.last;
        let mut take = |(new, policy): (&Child, ChildPolicy)| {
            let number = before.by_id.find(&*new.id, |number| id_at(&before.places, number))?;
            let known = before.places[number].take()?;
            Some((Child { start: new.start.clone(), ..known }, policy))
        };
        let mut children: Vec<(Child, ChildPolicy)> = like.with_policies().filter_map(&mut take).collect();
        children.extend(before.with_policies().map(|(child, policy)| (child.clone(), policy)));
        let waits = |child: &Child| child.state == ChildState::Restarting;
        let put = |(child, policy)| waits(&child).then_some(self.put(child, policy).ok()?);
        children.into_iter().filter_map(put).collect()
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
        if let Some(pid) = pid_at(&self.places, number) {
            self.by_pid.remove(pid, |number| pid_at(&self.places, number));
        }
        let Some(child) = &mut self.places[number] else { return };
        child.state = state;
        if let ChildState::Running(pid) = state {
            self.note_pid(pid, number);
        }
    }

    /// The child no longer lives: its spec stays, unless it is temporary.
    pub(crate) fn ended(&mut self, key: Key) {
        match self.get(key).map(|_| self.policy(key).restart) {
            Some(Restart::Temporary) => self.remove(key),
            _ => self.stopped(key),
        }
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Child> {
        self.places[self.number(key)?].as_ref()
    }

    fn get_mut(&mut self, key: Key) -> Option<&mut Child> {
        let number = self.number(key)?;
        self.places[number].as_mut()
    }

    pub(crate) fn find(&self, id: &str) -> Option<(Key, &Child)> {
        self.at(self.by_id.find(id, |number| id_at(&self.places, number))?)
    }

    pub(crate) fn by_pid(&self, pid: Pid) -> Option<(Key, &Child)> {
        self.at(self.by_pid.find(pid, |number| pid_at(&self.places, number))?)
    }

    fn at(&self, number: usize) -> Option<(Key, &Child)> {
        Some((self.key_at(number), self.places[number].as_ref()?))
    }

    /// Where the place is that has the key.
    fn number(&self, key: Key) -> Option<usize> {
        let later = self.runs.partition_point(|run| run.key <= key);
        let run = self.runs.get(later.checked_sub(1)?)?;
        let number = run.number + usize::try_from(key.0 - run.key.0).ok()?;
        let end = self.runs.get(later).map_or(self.places.len(), |next| next.number);
        (number < end).then_some(number)
    }

    fn key_at(&self, number: usize) -> Key {
        self.run_of(number).key_at(number)
    }

    /// The run to which a place belongs.
    fn run_of(&self, number: usize) -> &Run {
        let later = self.runs.partition_point(|run| run.number <= number);
        &self.runs[later - 1]
    }

    /// Oldest first.
    pub(crate) fn keys(&self) -> impl DoubleEndedIterator<Item = Key> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(number, place)| place.as_ref().map(|_| self.key_at(number)))
    }

    /// Oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Child> {
        self.places.iter().flatten()
    }

    /// Each with how it is treated, oldest first.
    pub(crate) fn with_policies(&self) -> impl Iterator<Item = (&Child, ChildPolicy)> {
        let places = self.places.iter().enumerate();
        places.filter_map(|(number, place)| Some((place.as_ref()?, self.run_of(number).policy)))
    }

    /// How a child that is there is treated.
    pub(crate) fn policy(&self, key: Key) -> ChildPolicy {
        self.run_of(self.number(key).expect(IS_THERE)).policy
    }

    /// The id of a child that is there.
    pub(crate) fn id(&self, key: Key) -> Arc<str> {
        self.get(key).expect(IS_THERE).id.to_shared()
    }

    /// As [`id`](Self::id), to be told: who falls again and again is told of by one text.
    pub(crate) fn told_id(&mut self, key: Key) -> Arc<str> {
        match &self.told {
            Some((told, id)) if *told == key => id.clone(),
            _ => self.told.insert((key, self.id(key))).1.clone(),
        }
    }

    /// The spec of a child that is there.
    pub(crate) fn spec(&self, key: Key) -> ChildSpec {
        let Child { id, start, .. } = self.get(key).expect(IS_THERE).clone();
        ChildSpec { id, start, policy: self.policy(key) }
    }

    /// The child as reports name it.
    pub(crate) fn offender(&mut self, key: Key, pid: Option<Pid>) -> Offender {
        let id = self.told_id(key);
        let kind = self.get(key).expect(IS_THERE).start.kind();
        let ChildPolicy { restart, shutdown, significant } = self.policy(key);
        Offender::new(id, pid, restart, shutdown, significant, kind)
    }
}

impl Run {
    /// The key of a place in this run.
    fn key_at(&self, number: usize) -> Key {
        Key(self.key.0 + (number - self.number) as u64)
    }
}

fn id_at(places: &[Option<Child>], number: usize) -> Option<&str> {
    places[number].as_ref().map(|child| &*child.id)
}

fn pid_at(places: &[Option<Child>], number: usize) -> Option<Pid> {
    places[number].as_ref()?.pid()
}

#[cfg(test)]
mod tests;
