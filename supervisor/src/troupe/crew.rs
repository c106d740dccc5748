//! The workers of a troupe, and which of them gets a job; pure.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::time::Instant;

use super::queue::{JobId, Queue};
use super::settings::Routing;

/// A worker of a troupe; no two have ever had one number.
pub(super) type WorkerId = u64;

#[derive(Debug, Default)]
pub(super) struct Worker {
    /// What it was given and has not done yet.
    pub(super) jobs: BTreeSet<JobId>,
    /// What of that it has not begun.
    pub(super) given: VecDeque<JobId>,
    /// What waits for it, and for nobody else.
    pub(super) own: Queue,
    pub(super) idle_since: Option<Instant>,
    /// It was told to stop, and gets no job any more.
    pub(super) is_leaving: bool,
    /// It has done a job.
    pub(super) is_proven: bool,
}

impl Worker {
    /// Whether it stays, has no job, and none waits for it.
    pub(super) fn is_free(&self) -> bool {
        self.jobs.is_empty() && self.own.is_empty() && !self.is_leaving
    }
}

#[derive(Debug, Default)]
pub(super) struct Crew {
    workers: BTreeMap<WorkerId, Worker>,
    /// Those that may be given a job now.
    with_room: BTreeSet<WorkerId>,
    /// How many stay.
    staying: usize,
    /// Who was picked last.
    last: WorkerId,
    concurrency: usize,
}

impl Crew {
    pub(super) fn new(concurrency: usize) -> Self {
        Crew { concurrency, ..Crew::default() }
    }

    pub(super) fn set_concurrency(&mut self, concurrency: usize) {
        self.concurrency = concurrency;
        for id in self.ids() {
            self.update(id);
        }
    }

    pub(super) fn add(&mut self, id: WorkerId) {
        self.workers.insert(id, Worker::default());
        self.staying += 1;
        self.update(id);
    }

    pub(super) fn remove(&mut self, id: WorkerId) -> Option<Worker> {
        let worker = self.workers.remove(&id)?;
        self.with_room.remove(&id);
        self.staying -= usize::from(!worker.is_leaving);
        Some(worker)
    }

    /// From now on it gets no job.
    pub(super) fn leave(&mut self, id: WorkerId) {
        if let Some(worker) = self.workers.get_mut(&id).filter(|worker| !worker.is_leaving) {
            worker.is_leaving = true;
            self.staying -= 1;
            self.with_room.remove(&id);
        }
    }

    pub(super) fn give(&mut self, id: WorkerId, job: JobId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.jobs.insert(job);
            worker.given.push_back(job);
            worker.idle_since = None;
        }
        self.last = id;
        self.update(id);
    }

    /// It has that job no longer.
    pub(super) fn relieve(&mut self, id: WorkerId, job: JobId) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.jobs.remove(&job);
            worker.given.retain(|given| *given != job);
        }
        self.update(id);
    }

    fn update(&mut self, id: WorkerId) {
        let has_room =
            self.workers.get(&id).is_some_and(|worker| !worker.is_leaving && worker.jobs.len() < self.concurrency);
        if has_room {
            self.with_room.insert(id);
        } else {
            self.with_room.remove(&id);
        }
    }

    pub(super) fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.workers.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        self.workers.get_mut(&id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        self.workers.iter().map(|(id, worker)| (*id, worker))
    }

    pub(super) fn ids(&self) -> Vec<WorkerId> {
        self.workers.keys().copied().collect()
    }

    /// Those that may be given a job.
    pub(super) fn with_room(&self) -> Vec<WorkerId> {
        self.with_room.iter().copied().collect()
    }

    pub(super) fn has_room(&self, id: WorkerId) -> bool {
        self.with_room.contains(&id)
    }

    /// How many were not told to stop.
    pub(super) fn staying(&self) -> usize {
        self.staying
    }

    /// How many stay and have nothing to do.
    pub(super) fn idle(&self) -> usize {
        self.workers.values().filter(|worker| worker.is_free()).count()
    }

    /// Who has been idle longest, and since when.
    pub(super) fn idlest(&self) -> Option<(Instant, WorkerId)> {
        let idle = self.iter().filter(|(_, worker)| worker.is_free());
        idle.filter_map(|(id, worker)| Some((worker.idle_since?, id))).min()
    }

    /// Who gets a job that any may have; `None` if nobody has room.
    pub(super) fn pick(&self, routing: Routing) -> Option<WorkerId> {
        let first = self.with_room.first();
        match routing {
            Routing::FirstIdle => first.copied(),
            Routing::RoundRobin => {
                let after = (Bound::Excluded(self.last), Bound::Unbounded);
                self.with_room.range(after).next().or(first).copied()
            }
            Routing::LeastLoaded => {
                let load = |id: &&WorkerId| self.workers.get(id).map(|worker| (worker.jobs.len(), worker.idle_since));
                self.with_room.iter().min_by_key(load).copied()
            }
        }
    }

    /// Whose a key is: the same one as long as nobody comes or goes; and then few keys change hands. Rendezvous hashing.
    pub(super) fn favourite(&self, key: u64) -> Option<WorkerId> {
        let staying = self.iter().filter(|(_, worker)| !worker.is_leaving);
        staying.map(|(id, _)| id).max_by_key(|id| weight(key, *id))
    }
}

fn weight(key: u64, worker: WorkerId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (key, worker).hash(&mut hasher);
    hasher.finish()
}
