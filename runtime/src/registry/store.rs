//! The entries of a registry.
//!
//! Invariants:
//! - No code of the user's runs under the lock: not even a key's own. Keys are hashed before and compared after; under
//!   the lock an entry is known by the hash of its key and by its number, which is greater than any before.
//! - A unique key is entered only while nothing has come under its hash since that was looked through.
//! - Who is told of a process's end finds none of its entries: a process that ends is [`release`](Holder::release)d.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hash, RandomState};
use std::ops::RangeInclusive;
use std::sync::{Arc, Weak};

use event_listener::Event;

use super::entry::{RegistryChange, RegistryEntry};
use crate::any_process::WithControl;
use crate::changes::{Changes, Listeners, Woken};
use crate::held::Holder;
use crate::key::{KeyError, RegistryKey, text_of};
use crate::panic::drop_quietly;
use crate::pid::Pid;
use crate::process::Process;
use crate::sync::Lock;
use crate::system::SystemHandle;

pub(super) struct Store<K, M: Send + 'static, V> {
    pub(super) system: SystemHandle,
    hasher: RandomState,
    state: Lock<State<K, M, V>>,
    /// Told when an entry comes.
    entered: Event,
}

/// Where an entry is: the hash of its key, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    hash: u64,
    number: u64,
}

struct State<K, M: Send + 'static, V> {
    entries: BTreeMap<Place, RegistryEntry<K, M, V>>,
    /// Whose they are.
    owners: BTreeSet<(Pid, Place)>,
    last_number: u64,
    monitors: Listeners<RegistryChange<K, M, V>>,
}

/// What became of a process that was to be entered.
enum Entered {
    Yes,
    /// Others came under the hash since it was looked through.
    TooLate,
    /// The process has ended.
    Ended,
}

impl<K: RegistryKey, M: Send + 'static, V: Send + Sync + 'static> Store<K, M, V> {
    pub(super) fn new(system: &SystemHandle) -> Self {
        let (entries, owners) = Default::default();
        let state = State { entries, owners, last_number: 0, monitors: Listeners::default() };
        Store { system: system.clone(), hasher: RandomState::new(), state: Lock::new(state), entered: Event::new() }
    }

    pub(super) fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Enters a process under a key that nobody has.
    pub(super) fn enter_alone(
        self: &Arc<Self>,
        entry: &RegistryEntry<K, M, V>,
        process: &Process<M>,
    ) -> Result<(), KeyError> {
        let hash = self.hash(entry.key());
        loop {
            let mut seen = 0;
            if let Some(rival) = self.find(hash, entry.key(), &mut seen) {
                return Err(KeyError::Taken { key: text_of(entry.key()), owner: rival.pid() });
            }
            match self.try_enter(hash, entry, process, Some(seen)) {
                Entered::TooLate => {}
                Entered::Yes => return Ok(()),
                Entered::Ended => return Err(ended(entry)),
            }
        }
    }

    /// Enters a process under a key, whoever else has it.
    pub(super) fn enter(
        self: &Arc<Self>,
        entry: &RegistryEntry<K, M, V>,
        process: &Process<M>,
    ) -> Result<(), KeyError> {
        match self.try_enter(self.hash(entry.key()), entry, process, None) {
            Entered::Ended => Err(ended(entry)),
            Entered::Yes | Entered::TooLate => Ok(()),
        }
    }

    /// Enters a process; if `seen` is given, only if nothing newer than that is under the hash.
    fn try_enter(
        self: &Arc<Self>,
        hash: u64,
        entry: &RegistryEntry<K, M, V>,
        process: &Process<M>,
        seen: Option<u64>,
    ) -> Entered {
        let mut state = self.state.lock();
        if seen.is_some_and(|seen| state.after(hash, seen).is_some()) {
            return Entered::TooLate;
        }
        let this: Weak<Self> = Arc::downgrade(self);
        if !process.control(|control| control.hold(this)) {
            return Entered::Ended;
        }
        let mut woken = Woken::default();
        state.add(hash, entry, &mut woken);
        drop(state);
        woken.wake();
        self.entered.notify(usize::MAX);
        Entered::Yes
    }

    /// The first entry of a key beyond `seen`, which becomes the number of the last that was of another.
    pub(super) fn find<Q>(&self, hash: u64, key: &Q, seen: &mut u64) -> Option<RegistryEntry<K, M, V>>
    where
        K: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        loop {
            let (number, entry) = self.state.lock().after(hash, *seen)?;
            if entry.key().borrow() == key {
                return Some(entry);
            }
            *seen = number;
        }
    }

    /// Waits until somebody is registered under a key.
    pub(super) async fn when_entered<Q>(&self, key: &Q) -> RegistryEntry<K, M, V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hash(key);
        loop {
            let entered = self.entered.listen();
            if let Some(entry) = self.find(hash, key, &mut 0) {
                return entry;
            }
            entered.await;
        }
    }

    /// Puts another entry in an entry's place, if that is there still. Returns whether it was.
    pub(super) fn replace(&self, place: Place, old: &RegistryEntry<K, M, V>, new: RegistryEntry<K, M, V>) -> bool {
        let mut state = self.state.lock();
        let place = state.entries.get_mut(&place).filter(|entry| entry.is(old));
        let replaced = place.map(|place| std::mem::replace(place, new));
        drop(state);
        replaced.is_some()
    }

    /// All entries of a key, the oldest first.
    pub(super) fn all_of<Q>(&self, key: &Q) -> Vec<RegistryEntry<K, M, V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hash(key);
        let state = self.state.lock();
        let mut entries: Vec<_> = state.entries.range(Place::all(hash)).map(|(_, entry)| entry.clone()).collect();
        drop(state);
        entries.retain(|entry| entry.key().borrow() == key);
        entries
    }

    /// What a process has under a key, with the numbers, the oldest first.
    pub(super) fn own<Q>(&self, pid: Pid, key: &Q) -> Vec<(Place, RegistryEntry<K, M, V>)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let hash = self.hash(key);
        let state = self.state.lock();
        let places = Place::all(hash);
        let owned = state.owners.range((pid, *places.start())..=(pid, *places.end()));
        let mut own: Vec<_> =
            owned.filter_map(|(_, place)| Some((*place, state.entries.get(place)?.clone()))).collect();
        drop(state);
        own.retain(|(_, entry)| entry.key().borrow() == key);
        own
    }

    /// All that a process has, the oldest first.
    pub(super) fn all_own(&self, pid: Pid) -> Vec<RegistryEntry<K, M, V>> {
        let state = self.state.lock();
        let places = state.places(pid);
        places.iter().filter_map(|place| state.entries.get(place).cloned()).collect()
    }

    /// All entries, the oldest first.
    pub(super) fn all(&self) -> Vec<RegistryEntry<K, M, V>> {
        self.state.lock().all()
    }

    /// Takes entries out, and returns how many were there.
    pub(super) fn remove(&self, places: &[Place]) -> usize {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let removed: Vec<_> = places.iter().filter_map(|place| state.remove(*place, &mut woken)).collect();
        drop(state);
        woken.wake();
        removed.len()
    }

    pub(super) fn len(&self) -> usize {
        self.state.lock().entries.len()
    }

    #[expect(clippy::type_complexity, reason = "as it is made public")]
    pub(super) fn monitor(self: &Arc<Self>) -> (Vec<RegistryEntry<K, M, V>>, Changes<RegistryChange<K, M, V>>) {
        let mut state = self.state.lock();
        let (entries, line) = (state.all(), state.monitors.add());
        drop(state);
        let this = Arc::downgrade(self);
        let forget = move |line: &_| {
            if let Some(store) = this.upgrade() {
                store.state.lock().monitors.remove(line);
            }
        };
        (entries, Changes::new(line, forget))
    }
}

impl<K, M, V> Holder for Store<K, M, V>
where
    K: RegistryKey,
    M: Send + 'static,
    V: Send + Sync + 'static,
{
    fn release(&self, pid: Pid) {
        let mut woken = Woken::default();
        let mut state = self.state.lock();
        let places = state.places(pid);
        let removed: Vec<_> = places.into_iter().filter_map(|place| state.remove(place, &mut woken)).collect();
        drop(state);
        woken.wake();
        // Keys and values are the user's: a panic in the drop of one must not keep others from hearing of the end.
        for entry in removed {
            let _ = drop_quietly(entry);
        }
    }
}

impl Place {
    /// Every place under a hash.
    fn all(hash: u64) -> RangeInclusive<Place> {
        Place { hash, number: 0 }..=Place { hash, number: u64::MAX }
    }
}

impl<K, M: Send + 'static, V> State<K, M, V> {
    fn add(&mut self, hash: u64, entry: &RegistryEntry<K, M, V>, woken: &mut Woken) {
        self.last_number += 1;
        let place = Place { hash, number: self.last_number };
        self.owners.insert((entry.pid(), place));
        self.entries.insert(place, entry.clone());
        self.monitors.tell(&RegistryChange::Registered(entry.clone()), woken);
    }

    /// Takes an entry out. What is returned must be dropped when the lock is free.
    fn remove(&mut self, place: Place, woken: &mut Woken) -> Option<RegistryEntry<K, M, V>> {
        let entry = self.entries.remove(&place)?;
        self.owners.remove(&(entry.pid(), place));
        self.monitors.tell(&RegistryChange::Unregistered(entry.clone()), woken);
        Some(entry)
    }

    /// The first entry under a hash with a number greater than that.
    fn after(&self, hash: u64, number: u64) -> Option<(u64, RegistryEntry<K, M, V>)> {
        let mut later = self.entries.range(Place { hash, number: number + 1 }..=*Place::all(hash).end());
        later.next().map(|(place, entry)| (place.number, entry.clone()))
    }

    /// Where the entries of a process are, the oldest first.
    fn places(&self, pid: Pid) -> Vec<Place> {
        let (first, last) = (*Place::all(0).start(), *Place::all(u64::MAX).end());
        let mut places: Vec<_> = self.owners.range((pid, first)..=(pid, last)).map(|(_, place)| *place).collect();
        places.sort_by_key(|place| place.number);
        places
    }

    fn all(&self) -> Vec<RegistryEntry<K, M, V>> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_by_key(|(place, _)| place.number);
        entries.into_iter().map(|(_, entry)| entry.clone()).collect()
    }
}

fn ended<K: RegistryKey, M: Send + 'static, V>(entry: &RegistryEntry<K, M, V>) -> KeyError {
    KeyError::NoProcess { pid: entry.pid(), key: text_of(entry.key()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::context::Context;
    use crate::testing::TestSystem;

    #[test]
    fn nothing_is_entered_alone_if_anything_has_come_under_its_hash_since_that_was_looked_through() {
        let test = TestSystem::new(1);
        let (give, given) = async_channel::bounded(1);
        test.spawn(move |ctx: Context<()>| async move {
            give.try_send(ctx).expect("it is the only one");
            std::future::pending::<()>().await;
        });
        test.run_until_idle();
        let ctx = given.try_recv().expect("it was given");
        let process = ctx.process();
        let store = Arc::new(Store::<u32, (), ()>::new(&test));
        let enter = |key, seen| {
            let entry = RegistryEntry::new(key, process.pid, Address::of(process.clone()), ());
            store.try_enter(0, &entry, process, seen)
        };
        assert!(matches!(enter(1, Some(0)), Entered::Yes));
        assert!(matches!(enter(2, Some(0)), Entered::TooLate));
        assert!(matches!(enter(2, Some(1)), Entered::Yes));
        assert!(matches!(enter(3, None), Entered::Yes));
        assert_eq!(store.len(), 3);
    }
}
