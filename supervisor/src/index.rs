//! Where something is in a list, by what it carries itself: an index that keeps nothing but places, in some ten bytes each.

use std::hash::{BuildHasher, Hash, RandomState};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Places in a list by a key that each has for its own; `key_of` tells the key of a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    places: HashTable<u32>,
    hasher: RandomState,
}

impl Index {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Index { places: HashTable::with_capacity(capacity), hasher: RandomState::new() }
    }

    pub(crate) fn find<K: Hash + PartialEq>(&self, key: K, key_of: impl Fn(usize) -> Option<K>) -> Option<usize> {
        let has_it = |place: &u32| key_of(*place as usize).as_ref() == Some(&key);
        self.places.find(self.hasher.hash_one(&key), has_it).map(|place| *place as usize)
    }

    /// From now on `key` leads to `place`.
    ///
    /// # Errors
    /// If it leads somewhere already: that place.
    pub(crate) fn insert<K: Hash + PartialEq>(
        &mut self,
        key: K,
        place: usize,
        key_of: impl Fn(usize) -> Option<K>,
    ) -> Result<(), usize> {
        let place = u32::try_from(place).expect("memory ends before four billion children");
        let has_it = |other: &u32| key_of(*other as usize).as_ref() == Some(&key);
        let hash = |other: &u32| key_of(*other as usize).map_or(0, |key| self.hasher.hash_one(key));
        match self.places.entry(self.hasher.hash_one(&key), has_it, hash) {
            Entry::Occupied(entry) => return Err(*entry.get() as usize),
            Entry::Vacant(entry) => _ = entry.insert(place),
        }
        Ok(())
    }

    pub(crate) fn remove<K: Hash + PartialEq>(&mut self, key: K, key_of: impl Fn(usize) -> Option<K>) {
        let has_it = |place: &u32| key_of(*place as usize).as_ref() == Some(&key);
        if let Ok(entry) = self.places.find_entry(self.hasher.hash_one(&key), has_it) {
            entry.remove();
        }
    }
}
