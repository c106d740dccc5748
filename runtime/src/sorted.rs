//! A map in the order of its keys that is small and quick where keys come in order.
//!
//! Numbers of monitors are given in order, and so are the pids of many children. What goes, goes mostly at either end, or another
//! comes in its place: a pid is that of a slot which somebody else has had.

use std::collections::{VecDeque, vec_deque};

/// So many more places than entries it may have.
const SLACK: usize = 16;

#[derive(Debug)]
pub(crate) struct Sorted<K, V> {
    /// What has gone leaves its key behind. There is an entry at either end, if there is any.
    places: VecDeque<(K, Option<V>)>,
    /// How many entries there are.
    len: usize,
}

impl<K: Ord, V> Sorted<K, V> {
    /// Adds an entry; returns what was there under that key.
    #[inline]
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.places.back().is_none_or(|(last, _)| *last < key) {
            self.places.push_back((key, Some(value)));
            self.len += 1;
            return None;
        }
        self.insert_among(key, value)
    }

    fn insert_among(&mut self, key: K, value: V) -> Option<V> {
        let before = match self.find(&key) {
            Ok(place) => self.places[place].1.replace(value),
            Err(place) => {
                self.put(place, key, value);
                None
            }
        };
        self.len += usize::from(before.is_none());
        before
    }

    /// Puts an entry before that place, or where another has gone beside it.
    fn put(&mut self, place: usize, key: K, value: V) {
        let is_free = |place: &usize| self.places[*place].1.is_none();
        match [place.saturating_sub(1), place].into_iter().find(is_free) {
            Some(free) => self.places[free] = (key, Some(value)),
            None => self.places.insert(place, (key, Some(value))),
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.find(key).ok()?;
        let value = self.places[place].1.take()?;
        self.len -= 1;
        while self.places.front().is_some_and(|(_, entry)| entry.is_none()) {
            self.places.pop_front();
        }
        while self.places.back().is_some_and(|(_, entry)| entry.is_none()) {
            self.places.pop_back();
        }
        if self.places.len() > 2 * self.len + SLACK {
            self.places.retain(|(_, entry)| entry.is_some());
        }
        if self.places.capacity() > 4 * self.len + SLACK {
            self.places.shrink_to(2 * self.len);
        }
        Some(value)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.places[self.find(key).ok()?].1.as_ref()
    }

    /// Where the key is, or would be. It is looked for at the ends first.
    #[inline]
    fn find(&self, key: &K) -> Result<usize, usize> {
        match self.places.back() {
            Some((last, _)) if last == key => Ok(self.places.len() - 1),
            Some((last, _)) if last < key => Err(self.places.len()),
            Some(_) => self.find_among(key),
            None => Err(0),
        }
    }

    fn find_among(&self, key: &K) -> Result<usize, usize> {
        match self.places.front() {
            Some((first, _)) if first == key => Ok(0),
            _ => self.places.binary_search_by(|(known, _)| known.cmp(key)),
        }
    }
}

impl<K, V> Sorted<K, V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.places.iter().filter_map(|(key, entry)| Some((key, entry.as_ref()?)))
    }

    pub(crate) fn into_places(self) -> vec_deque::IntoIter<(K, Option<V>)> {
        self.places.into_iter()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Sorted<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut sorted = Sorted { places: VecDeque::new(), len: 0 };
        for (key, value) in entries {
            sorted.insert(key, value);
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;

    fn empty() -> Sorted<u8, u32> {
        Sorted::from_iter([])
    }

    #[test]
    fn it_does_what_a_plain_map_does() {
        for seed in 0..300 {
            let mut rng = Rng::with_seed(seed);
            let (mut sorted, mut model) = (empty(), BTreeMap::new());
            for n in 0..400 {
                let key = rng.u8(..60);
                match rng.u8(..5) {
                    0 | 1 => assert_eq!(sorted.remove(&key), model.remove(&key), "seed {seed}"),
                    2 => assert_eq!(sorted.get(&key), model.get(&key), "seed {seed}"),
                    _ => assert_eq!(sorted.insert(key, n), model.insert(key, n), "seed {seed}"),
                }
                assert!(sorted.iter().eq(&model) && sorted.is_empty() == model.is_empty(), "seed {seed}");
            }
            let left: Vec<_> = sorted.into_places().filter_map(|(key, entry)| Some((key, entry?))).collect();
            assert!(left.into_iter().eq(model), "seed {seed}");
        }
    }

    #[test]
    fn who_comes_where_another_has_gone_moves_nobody_and_what_was_needed_is_given_back() {
        let mut sorted: Sorted<u32, ()> = (0..100_000).map(|n| (2 * n, ())).collect();
        for n in (2..50_000).step_by(2) {
            sorted.remove(&(2 * n));
            sorted.insert(2 * n + 1, ());
        }
        assert_eq!(sorted.places.len(), 100_000);
        for n in (0..200_000).filter(|n| *n % 1_000 != 500) {
            sorted.remove(&n);
        }
        assert_eq!(sorted.iter().count(), sorted.len);
        assert!(sorted.places.capacity() <= 4 * sorted.len + SLACK, "{} places", sorted.places.capacity());
    }
}
