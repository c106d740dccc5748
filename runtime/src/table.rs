//! Pid to process.

use std::array;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::any_process::AnyProcess;
use crate::pid::Pid;
use crate::sync::{Apart, SpinLock};
use crate::vitals::Tally;

const SHARDS: usize = 16;

/// How many slots are looked at while a shard is locked.
const AT_A_TIME: usize = 256;

/// The processes of a system that have not ended.
pub(crate) struct Table {
    shards: [Apart<SpinLock<Shard>>; SHARDS],
    /// How many processes there have been, and one.
    births: Apart<AtomicUsize>,
}

#[derive(Default)]
struct Shard {
    slots: Vec<Slot>,
    free: Vec<u32>,
    ended: Tally,
}

/// A slot is used again and again, by a new generation each time: an old pid never finds a new process.
enum Slot {
    /// The generation of who had it last.
    Free(u32),
    Taken {
        /// How many there had been before it.
        birth: usize,
        process: Arc<dyn AnyProcess>,
    },
}

impl Table {
    pub(crate) fn new() -> Self {
        Table { shards: array::from_fn(|_| Apart::default()), births: Apart(AtomicUsize::new(1)) }
    }

    /// Adds the process that `make` builds around its pid.
    pub(crate) fn insert<P: AnyProcess>(&self, make: impl FnOnce(Pid) -> Arc<P>) -> Arc<P> {
        let birth = self.births.fetch_add(1, Ordering::Relaxed);
        let number = birth % SHARDS;
        let mut shard = self.shards[number].lock();
        let index = shard.free.pop().unwrap_or_else(|| shard.grow());
        let slot = &mut shard.slots[index as usize];
        let generation = slot.generation().wrapping_add(1);
        let process = make(Pid::new(index * SHARDS as u32 + number as u32, generation));
        *slot = Slot::Taken { birth, process: process.clone() };
        process
    }

    pub(crate) fn get(&self, pid: Pid) -> Option<Arc<dyn AnyProcess>> {
        let (number, index) = place(pid);
        let shard = self.shards[number].lock();
        match shard.slots.get(index)? {
            Slot::Taken { process, .. } if process.pid() == pid => Some(process.clone()),
            Slot::Taken { .. } | Slot::Free(_) => None,
        }
    }

    /// Removes the process, and keeps what `add_to` adds to the tally.
    pub(crate) fn remove(&self, pid: Pid, add_to: impl FnOnce(&mut Tally)) {
        let (number, index) = place(pid);
        let mut shard = self.shards[number].lock();
        let Some(process) = shard.slots.get_mut(index).and_then(|slot| slot.take(pid)) else { return };
        shard.free.push(index as u32);
        add_to(&mut shard.ended);
        drop(shard);
        drop(process);
    }

    /// How many there are: a count that all who spawn and end would change is not kept for that.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    /// Whether none is left. Not mistaken once nobody spawns any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.lock().len() == 0)
    }

    /// How many processes there have been.
    pub(crate) fn births(&self) -> u64 {
        self.births.load(Ordering::Relaxed) as u64 - 1
    }

    /// What is left of the processes that have ended. Looked at before [`all`](Self::all), none counts twice.
    pub(crate) fn ended(&self) -> Tally {
        let mut sum = Tally::default();
        for shard in &self.shards {
            sum += shard.lock().ended;
        }
        sum
    }

    /// Every process that was there before the call and still is, oldest first.
    pub(crate) fn all(&self) -> Vec<Arc<dyn AnyProcess>> {
        let mut all = Vec::with_capacity(self.len());
        for shard in &self.shards {
            let mut place = 0;
            while shard.lock().collect(&mut place, &mut all) {}
        }
        all.sort_by_key(|(birth, _)| *birth);
        all.into_iter().map(|(_, process)| process).collect()
    }
}

impl Shard {
    fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Adds the processes of the next slots to `all`: so many at a time that who waits for the lock hardly notices. Returns
    /// whether there are more.
    fn collect(&self, place: &mut usize, all: &mut Vec<(usize, Arc<dyn AnyProcess>)>) -> bool {
        let rest = &self.slots[*place..];
        let next = &rest[..rest.len().min(AT_A_TIME)];
        all.extend(next.iter().filter_map(|slot| match slot {
            Slot::Taken { birth, process } => Some((*birth, process.clone())),
            Slot::Free(_) => None,
        }));
        *place += next.len();
        next.len() < rest.len()
    }

    fn grow(&mut self) -> u32 {
        self.slots.push(Slot::Free(0));
        u32::try_from(self.slots.len() - 1).expect("memory ends before four billion slots")
    }
}

impl Slot {
    fn generation(&self) -> u32 {
        match self {
            Slot::Free(generation) => *generation,
            Slot::Taken { process, .. } => process.pid().generation(),
        }
    }

    /// Takes the process out that is called so, if it is here.
    fn take(&mut self, pid: Pid) -> Option<Arc<dyn AnyProcess>> {
        let is_here = matches!(self, Slot::Taken { process, .. } if process.pid() == pid);
        match is_here.then(|| mem::replace(self, Slot::Free(pid.generation())))? {
            Slot::Taken { process, .. } => Some(process),
            Slot::Free(_) => None,
        }
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
