//! Values in numbered places.
//!
//! Places lie in chunks, so nothing moves when there are more of them. The lowest chunk with room is filled first, and the
//! memory of those that have become empty is given back, but for one.

use std::collections::BTreeSet;
use std::mem;
use std::ops::{Index, IndexMut};

/// Places in a chunk.
const CHUNK: usize = 512;

pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// The chunks that have room.
    open: BTreeSet<usize>,
    /// One that is empty and keeps its memory, so that who comes and goes at its border does not pay for that.
    spare: Option<usize>,
}

struct Chunk<T> {
    places: Vec<Place<T>>,
    /// The place that became vacant last.
    vacant: Option<u32>,
    taken: usize,
}

enum Place<T> {
    Taken(T),
    /// And the one that became vacant before it.
    Vacant(Option<u32>),
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Slab { chunks: Vec::new(), open: BTreeSet::new(), spare: None }
    }

    // Always, as in a chunk: or the value would be written somewhere else first.
    #[inline(always)]
    pub(super) fn insert(&mut self, value: T) -> u32 {
        let number = self.open.first().copied().unwrap_or_else(|| self.add_chunk());
        let chunk = &mut self.chunks[number];
        let place = chunk.insert(value);
        if chunk.taken == CHUNK {
            self.open.remove(&number);
        }
        if self.spare == Some(number) {
            self.spare = None;
        }
        u32::try_from(number * CHUNK).expect("memory ends before the numbers do") + place
    }

    /// Takes out what is there, which must be something.
    pub(super) fn remove(&mut self, index: u32) -> T {
        let (number, place) = split(index);
        let chunk = &mut self.chunks[number];
        let removed = chunk.remove(place);
        match chunk.taken {
            0 => self.close(number),
            taken if taken == CHUNK - 1 => drop(self.open.insert(number)),
            _ => {}
        }
        removed
    }

    #[inline]
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        let (number, place) = split(index);
        match self.chunks.get(number)?.places.get(place)? {
            Place::Taken(value) => Some(value),
            Place::Vacant(_) => None,
        }
    }

    fn add_chunk(&mut self) -> usize {
        let number = self.chunks.len();
        self.chunks.push(Chunk { places: Vec::new(), vacant: None, taken: 0 });
        self.open.insert(number);
        number
    }

    /// The chunk is empty.
    fn close(&mut self, number: usize) {
        if self.spare.is_none() {
            self.spare = Some(number);
            return;
        }
        let chunk = &mut self.chunks[number];
        (chunk.places, chunk.vacant) = (Vec::new(), None);
        while self.chunks.pop_if(|last| last.places.capacity() == 0).is_some() {
            self.open.remove(&self.chunks.len());
        }
    }
}

impl<T> Chunk<T> {
    #[inline(always)]
    fn insert(&mut self, value: T) -> u32 {
        self.taken += 1;
        if let Some(vacant) = self.vacant {
            let before = std::mem::replace(&mut self.places[vacant as usize], Place::Taken(value));
            self.vacant = match before {
                Place::Vacant(next) => next,
                Place::Taken(_) => unreachable!("it was vacant"),
            };
            return vacant;
        }
        if self.places.capacity() == 0 {
            self.places.reserve_exact(CHUNK);
        }
        self.places.push(Place::Taken(value));
        self.places.len() as u32 - 1
    }

    fn remove(&mut self, place: usize) -> T {
        let vacant = Place::Vacant(self.vacant.replace(place as u32));
        self.taken -= 1;
        match mem::replace(&mut self.places[place], vacant) {
            Place::Taken(value) => value,
            Place::Vacant(_) => unreachable!("who removes knows that it is there"),
        }
    }
}

impl<T> Index<u32> for Slab<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        self.get(index).expect("who has its index knows that it is there")
    }
}

impl<T> IndexMut<u32> for Slab<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        let (number, place) = split(index);
        match &mut self.chunks[number].places[place] {
            Place::Taken(value) => value,
            Place::Vacant(_) => unreachable!("who has its index knows that it is there"),
        }
    }
}

/// The number of the chunk, and the place in it.
#[inline]
fn split(index: u32) -> (usize, usize) {
    let index = index as usize;
    (index / CHUNK, index % CHUNK)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;

    impl<T> Slab<T> {
        fn places(&self) -> usize {
            self.chunks.iter().map(|chunk| chunk.places.capacity()).sum()
        }
    }

    #[test]
    fn what_was_put_somewhere_is_there_until_it_is_removed() {
        for seed in 0..20 {
            let mut rng = Rng::with_seed(seed);
            let (mut slab, mut model) = (Slab::new(), BTreeMap::new());
            let mut indexes = Vec::new();
            for n in 0..20_000 {
                // It grows for a while, then it shrinks.
                if rng.u32(..10_000) > n / 2 {
                    let index = slab.insert(n);
                    assert_eq!(model.insert(index, n), None, "the place was taken");
                    indexes.push(index);
                } else if !indexes.is_empty() {
                    let index = indexes.swap_remove(rng.usize(..indexes.len()));
                    assert_eq!(slab.get(index).copied(), model.remove(&index));
                    slab.remove(index);
                    assert_eq!(slab.get(index), None);
                }
            }
            assert!(model.iter().all(|(index, n)| slab[*index] == *n), "seed {seed}");
        }
    }

    #[test]
    fn after_a_burst_the_memory_is_given_back_whatever_goes_first() {
        for seed in 0..20 {
            let mut rng = Rng::with_seed(seed);
            let mut slab = Slab::new();
            let mut indexes: Vec<u32> = (0..100 * CHUNK).map(|_| slab.insert(())).collect();
            assert_eq!(slab.places(), 100 * CHUNK);
            match seed {
                0 => {}
                1 => indexes.reverse(),
                _ => rng.shuffle(&mut indexes),
            }
            let last = indexes.pop().expect("there are many");
            indexes.into_iter().for_each(|index| slab.remove(index));
            assert!(slab.places() <= 2 * CHUNK, "seed {seed}: {} places", slab.places());
            slab.remove(last);
            assert!(slab.places() <= CHUNK, "seed {seed}");
            for _ in 0..200 * CHUNK {
                let index = slab.insert(());
                assert!(slab.get(index).is_some(), "seed {seed}");
            }
        }
    }

    #[test]
    fn who_comes_and_goes_at_the_border_of_a_chunk_costs_no_memory_each_time() {
        let mut slab = Slab::new();
        let full: Vec<u32> = (0..CHUNK).map(|_| slab.insert(())).collect();
        assert_eq!(slab.places(), full.len());
        for _ in 0..10 {
            let index = slab.insert(());
            assert_eq!(slab.places(), 2 * CHUNK);
            slab.remove(index);
            assert_eq!(slab.places(), 2 * CHUNK);
        }
    }
}
