//! Pid to process.

use std::array;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::any_process::AnyProcess;
use crate::pid::Pid;
use crate::sync::Lock;

const SHARDS: usize = 16;

/// The processes of a system that have not ended.
pub(crate) struct Table {
    shards: [Lock<Shard>; SHARDS],
    /// How many processes there have been.
    births: AtomicUsize,
    len: AtomicUsize,
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

/// A slot is used again and again, by a new generation each time: an old pid never finds a new process.
#[derive(Default)]
struct Slot {
    generation: u32,
    /// How many there had been before its process.
    birth: usize,
    process: Option<Arc<dyn AnyProcess>>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Table { shards: array::from_fn(|_| Lock::default()), births: AtomicUsize::new(1), len: AtomicUsize::new(0) }
    }

    /// Adds the process that `make` builds around its pid.
    pub(crate) fn insert<P: AnyProcess>(&self, make: impl FnOnce(Pid) -> Arc<P>) -> Arc<P> {
        let birth = self.births.fetch_add(1, Ordering::Relaxed);
        let number = birth % SHARDS;
        let mut shard = self.shards[number].lock();
        let index = shard.free.pop().unwrap_or_else(|| shard.grow());
        let slot = &mut shard.slots[index as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.birth = birth;
        let process = make(Pid::new(index * SHARDS as u32 + number as u32, slot.generation));
        slot.process = Some(process.clone());
        self.len.fetch_add(1, Ordering::Relaxed);
        process
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<dyn AnyProcess>> {
        let (number, index) = place(pid);
        let shard = self.shards[number].lock();
        let slot = shard.slots.get(index).filter(|slot| slot.generation == pid.generation())?;
        slot.process.clone()
    }

    /// Returns whether the table is empty now.
    pub(crate) fn remove(&self, pid: Pid) -> bool {
        let (number, index) = place(pid);
        let mut shard = self.shards[number].lock();
        let removed = shard.slots.get_mut(index).filter(|slot| slot.generation == pid.generation());
        let Some(process) = removed.and_then(|slot| slot.process.take()) else {
            return false;
        };
        shard.free.push(index as u32);
        drop(shard);
        drop(process);
        self.len.fetch_sub(1, Ordering::Relaxed) == 1
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Every process that was there before the call and still is, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyProcess>> {
        let mut all = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let shard = shard.lock();
            let born = shard.slots.iter().filter_map(|slot| Some((slot.birth, slot.process.clone()?)));
            all.extend(born);
        }
        all.sort_by_key(|(birth, _)| *birth);
        all.into_iter().map(|(_, process)| process).collect()
    }
}

impl Shard {
    fn grow(&mut self) -> u32 {
        self.slots.push(Slot::default());
        u32::try_from(self.slots.len() - 1).expect("memory ends before four billion slots")
    }
}

fn place(pid: Pid) -> (usize, usize) {
    let slot = pid.slot() as usize;
    (slot % SHARDS, slot / SHARDS)
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("len", &self.len()).finish()
    }
}
