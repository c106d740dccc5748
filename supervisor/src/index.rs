//! Where something is in a list, by what it carries itself: an index that keeps nothing but places, in some five bytes each.

use std::hash::{BuildHasher, Hash, RandomState};

use crate::number_hasher::HashNumbers;

/// Places in a list by a key that each has for its own; `key_of` tells the key of a place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index<S = RandomState> {
    /// Each place is where its key's hash leads, or in the next slot that was free. One in five at least is free.
    slots: Vec<u32>,
    len: usize,
    hasher: S,
}

/// An index by pids.
pub(crate) type PidIndex = Index<HashNumbers>;

const FREE: u32 = u32::MAX;

impl<S: BuildHasher + Default> Index<S> {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Index { slots: free_slots(capacity), len: 0, hasher: S::default() }
    }

    pub(crate) fn find<K: Hash + PartialEq>(&self, key: K, key_of: impl Fn(usize) -> Option<K>) -> Option<usize> {
        self.slot(self.hash(&key), &key, key_of).map(|slot| self.slots[slot] as usize)
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
        let hash = self.hash(&key);
        if let Some(known) = self.slot(hash, &key, &key_of) {
            return Err(self.slots[known] as usize);
        }
        if 5 * (self.len + 1) > 4 * self.slots.len() {
            self.grow(&key_of);
        }
        let place = u32::try_from(place).expect("memory ends before four billion children");
        self.put(hash, place);
        Ok(())
    }

    pub(crate) fn remove<K: Hash + PartialEq>(&mut self, key: K, key_of: impl Fn(usize) -> Option<K>) {
        let Some(mut hole) = self.slot(self.hash(&key), &key, &key_of) else { return };
        // Whoever had to go past the hole moves into it, and leaves one.
        for slot in around(self.slots.len(), hole).skip(1) {
            let Some(other) = self.taken(slot).and_then(&key_of) else { break };
            if self.distance(self.home(self.hash(&other)), slot) >= self.distance(hole, slot) {
                self.slots[hole] = self.slots[slot];
                hole = slot;
            }
        }
        self.slots[hole] = FREE;
        self.len -= 1;
    }

    fn grow<K: Hash>(&mut self, key_of: impl Fn(usize) -> Option<K>) {
        let before = std::mem::replace(&mut self.slots, free_slots(3 * self.len / 2 + 2));
        self.len = 0;
        for place in before.into_iter().filter(|place| *place != FREE) {
            if let Some(key) = key_of(place as usize) {
                self.put(self.hash(&key), place);
            }
        }
    }

    /// There is a free slot.
    fn put(&mut self, hash: u64, place: u32) {
        let free = around(self.slots.len(), self.home(hash)).find(|slot| self.slots[*slot] == FREE);
        self.slots[free.expect("one in five is free")] = place;
        self.len += 1;
    }

    /// The slot of the place to which `key` leads.
    fn slot<K: PartialEq>(&self, hash: u64, key: &K, key_of: impl Fn(usize) -> Option<K>) -> Option<usize> {
        if self.slots.is_empty() {
            return None;
        }
        let mut taken = around(self.slots.len(), self.home(hash)).map_while(|slot| Some((slot, self.taken(slot)?)));
        taken.find(|(_, place)| key_of(*place).as_ref() == Some(key)).map(|(slot, _)| slot)
    }

    fn taken(&self, slot: usize) -> Option<usize> {
        Some(self.slots[slot] as usize).filter(|_| self.slots[slot] != FREE)
    }

    fn hash<K: Hash>(&self, key: &K) -> u64 {
        self.hasher.hash_one(key)
    }

    /// Where to look first for a key; there are slots.
    fn home(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots.len() as u128) >> u64::BITS) as usize
    }

    /// So many slots on from `one` is `other`.
    fn distance(&self, one: usize, other: usize) -> usize {
        if other >= one { other - one } else { other + self.slots.len() - one }
    }
}

/// All slots, from this one on around.
fn around(slots: usize, slot: usize) -> impl Iterator<Item = usize> {
    (slot..slots).chain(0..slot)
}

fn free_slots(capacity: usize) -> Vec<u32> {
    vec![FREE; capacity + capacity.div_ceil(4)]
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use fastrand::Rng;
    use proscenium_runtime::Pid;

    use super::*;

    #[test]
    fn it_leads_where_a_plain_map_does() {
        for seed in 0..300 {
            let mut rng = Rng::with_seed(seed);
            let mut index: Index = Index::with_capacity(rng.usize(..20));
            let mut model = BTreeMap::new();
            // Each place has a key of its own.
            let mut keys: Vec<Option<u8>> = Vec::new();
            for _ in 0..200 {
                let key = rng.u8(..40);
                if rng.bool() {
                    index.remove(key, |place| keys[place]);
                    if let Some(place) = model.remove(&key) {
                        keys[place] = None;
                    }
                } else {
                    let known = model.get(&key).copied();
                    let inserted = index.insert(key, keys.len(), |place| keys[place]);
                    assert_eq!(inserted, known.map_or(Ok(()), Err), "seed {seed}");
                    if known.is_none() {
                        model.insert(key, keys.len());
                        keys.push(Some(key));
                    }
                }
                for key in 0..40 {
                    assert_eq!(index.find(key, |place| keys[place]), model.get(&key).copied(), "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn as_many_as_it_was_made_for_find_room() {
        for capacity in 0..100 {
            let mut index: Index = Index::with_capacity(capacity);
            let slots = index.slots.len();
            (0..capacity).for_each(|place| index.insert(place, place, Some).expect("it is new"));
            assert_eq!(index.slots.len(), slots);
        }
    }

    #[test]
    fn pids_of_many_slots_and_of_many_generations_are_spread() {
        let mut index = PidIndex::with_capacity(0);
        index.slots = vec![FREE; 4096];
        let home = |pid: String| index.home(index.hash(&pid.parse::<Pid>().unwrap()));
        let slots = (0..4096).map(|slot| home(format!("<0.{slot}.1>")));
        let every_sixteenth = (0..4096).map(|slot| home(format!("<0.{}.1>", 16 * slot)));
        let generations = (0..4096).map(|generation| home(format!("<0.42.{generation}>")));
        for homes in [slots.collect::<BTreeSet<_>>(), every_sixteenth.collect(), generations.collect()] {
            // Of places into which as many are thrown at random, 63 in a hundred have one.
            assert!(homes.len() > 2400, "{} places", homes.len());
        }
    }
}
