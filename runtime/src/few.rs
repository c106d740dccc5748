//! A map that rarely has more than one entry: that one takes no allocation.

use std::collections::vec_deque;
use std::iter::FusedIterator;

use crate::sorted::Sorted;

/// A map in the order of its keys.
#[derive(Debug, Default)]
pub(crate) enum Few<K, V = ()> {
    #[default]
    None,
    One(K, V),
    // Never empty when it is left.
    Many(Box<Sorted<K, V>>),
}

impl<K: Ord, V> Few<K, V> {
    /// Adds an entry; returns what was there under that key.
    #[inline]
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self {
            Few::None => {
                *self = Few::One(key, value);
                None
            }
            Few::One(known, before) if *known == key => Some(std::mem::replace(before, value)),
            Few::One(..) => {
                self.grow(key, value);
                None
            }
            Few::Many(entries) => entries.insert(key, value),
        }
    }

    /// Adds an entry to the one that is there.
    #[cold]
    fn grow(&mut self, key: K, value: V) {
        let one = std::mem::take(self).into_iter();
        *self = Few::Many(Box::new(one.chain([(key, value)]).collect()));
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match self {
            Few::One(known, _) if known == key => match std::mem::take(self) {
                Few::One(_, value) => Some(value),
                Few::None | Few::Many(_) => None,
            },
            Few::None | Few::One(..) => None,
            Few::Many(_) => self.remove_of_many(key),
        }
    }

    fn remove_of_many(&mut self, key: &K) -> Option<V> {
        let Few::Many(entries) = self else { return None };
        let removed = entries.remove(key);
        if entries.is_empty() {
            *self = Few::None;
        }
        removed
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match self {
            Few::One(known, value) if known == key => Some(value),
            Few::None | Few::One(..) => None,
            Few::Many(entries) => entries.get(key),
        }
    }

    pub(crate) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }
}

impl<K, V> Few<K, V> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (one, many) = match self {
            Few::None => (None, None),
            Few::One(key, value) => (Some((key, value)), None),
            Few::Many(entries) => (None, Some(entries.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }
}

impl<K: Copy, V> Few<K, V> {
    pub(crate) fn keys(&self) -> Vec<K> {
        match self {
            Few::None => Vec::new(),
            Few::One(key, _) => vec![*key],
            Few::Many(entries) => entries.iter().map(|(key, _)| *key).collect(),
        }
    }
}

impl<K, V> IntoIterator for Few<K, V> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        match self {
            Few::None => IntoIter::One(None),
            Few::One(key, value) => IntoIter::One(Some((key, value))),
            Few::Many(entries) => IntoIter::Many(entries.into_places()),
        }
    }
}

/// What was in a map, in the order of the keys.
pub(crate) enum IntoIter<K, V> {
    One(Option<(K, V)>),
    Many(vec_deque::IntoIter<(K, Option<V>)>),
}

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    #[inline]
    fn next(&mut self) -> Option<(K, V)> {
        match self {
            IntoIter::One(entry) => entry.take(),
            // Nearly every place has an entry.
            IntoIter::Many(places) => loop {
                if let (key, Some(value)) = places.next()? {
                    return Some((key, value));
                }
            },
        }
    }
}

impl<K, V> FusedIterator for IntoIter<K, V> {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;

    #[test]
    fn it_does_what_a_plain_map_does() {
        for seed in 0..1_000 {
            let mut rng = Rng::with_seed(seed);
            let (mut few, mut model) = (Few::default(), BTreeMap::new());
            for n in 0..50 {
                let key = rng.u8(..3);
                match rng.u8(..3) {
                    0 => assert_eq!(few.remove(&key), model.remove(&key), "seed {seed}"),
                    1 => assert_eq!(few.get(&key), model.get(&key), "seed {seed}"),
                    _ => assert_eq!(few.insert(key, n), model.insert(key, n), "seed {seed}"),
                }
                assert!(few.iter().eq(&model), "seed {seed}");
            }
            assert!(few.into_iter().eq(model), "seed {seed}");
        }
    }
}
