//! Where a troupe's jobs are, and where they go from there; pure.

use std::cmp::Reverse;
use std::time::Instant;

use proscenium_runtime::ExitReason;

use super::core::{Action, Alarm, Bond, Claim, Core, Job, Place, Refusal};
use super::crew::{Worker, WorkerId};
use super::error::JobFault;
use super::line::Turn;
use super::queue::{JobId, Rank};
use super::settings::WhenFull;

impl Core {
    /// Finds room for a job, in the queue or with a worker, or tells why there is none.
    pub(super) fn make_room(
        &mut self,
        urgency: Reverse<i8>,
        bond: Bond,
        turn: &mut Option<Turn>,
        may_wait: bool,
    ) -> Result<(), Refusal> {
        let Some(bound) = self.settings.queue.map(usize::from) else { return Ok(()) };
        *turn = turn.filter(|turn| self.line.contains(*turn));
        if turn.is_none() && (self.waiting + self.line.promised() < bound || self.taker(bond).is_some()) {
            return Ok(());
        }
        match self.settings.when_full {
            WhenFull::Wait if may_wait => {
                turn.get_or_insert_with(|| self.line.join());
                return Err(Refusal::Full);
            }
            WhenFull::Wait | WhenFull::Reject => {
                *turn = None;
                return Err(Refusal::Full);
            }
            WhenFull::DropNewest => *turn = None,
            WhenFull::DropOldest => {
                *turn = None;
                if let Some(least) = self.least_waiting().filter(|least| least.urgency >= urgency) {
                    self.counts.dropped += 1;
                    self.end(least.job, Err(JobFault::QueueFull));
                    return Ok(());
                }
            }
        }
        self.counts.dropped += 1;
        Err(Refusal::Dropped)
    }

    /// The worker that would get such a job at once.
    pub(super) fn taker(&self, bond: Bond) -> Option<WorkerId> {
        match self.bound_to(bond) {
            Some(worker) => Some(worker).filter(|worker| self.crew.has_room(*worker)),
            None => self.crew.pick(self.settings.routing),
        }
    }

    /// The one worker that may have such a job.
    pub(super) fn bound_to(&self, bond: Bond) -> Option<WorkerId> {
        match bond {
            Bond::Anybody => None,
            Bond::Key(key) => self.claims.get(&key).map(|claim| claim.worker).or_else(|| self.crew.favourite(key)),
            Bond::Worker(worker) => self.crew.get(worker).filter(|worker| !worker.is_leaving).map(|_| worker),
        }
    }

    /// The oldest of the least urgent that wait.
    pub(super) fn least_waiting(&self) -> Option<Rank> {
        let own = self.crew.iter().filter_map(|(_, worker)| worker.own.least());
        own.chain(self.free.least()).max_by_key(|rank| (rank.urgency, Reverse(rank.job)))
    }

    /// Brings a job that is nowhere to a worker, or lets it wait.
    pub(super) fn place(&mut self, id: JobId) {
        let Some(&Job { rank, bond, .. }) = self.jobs.get(&id) else { return };
        if let Some(worker) = self.taker(bond) {
            return self.give(id, worker);
        }
        self.waiting += 1;
        match self.bound_to(bond) {
            Some(worker) => {
                self.claim(bond, worker);
                self.set_place(id, Place::Own(worker));
                self.crew.get_mut(worker).expect("it was found there").own.insert(rank);
            }
            None => {
                self.set_place(id, Place::Free);
                self.free.insert(rank);
            }
        }
    }

    /// Gives a job that is nowhere to a worker that has room.
    pub(super) fn give(&mut self, id: JobId, worker: WorkerId) {
        let Some(bond) = self.jobs.get(&id).map(|job| job.bond) else { return };
        if let Some(claim) = self.claim(bond, worker) {
            claim.busy += 1;
        }
        self.set_place(id, Place::Given(worker));
        self.crew.give(worker, id);
        self.actions.push_back(Action::Wake(worker));
    }

    pub(super) fn claim(&mut self, bond: Bond, worker: WorkerId) -> Option<&mut Claim> {
        let Bond::Key(key) = bond else { return None };
        let claim = self.claims.entry(key).or_insert(Claim { worker, jobs: 0, busy: 0 });
        claim.jobs += 1;
        Some(claim)
    }

    pub(super) fn set_place(&mut self, id: JobId, place: Place) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.place = place;
        }
    }

    /// Takes a job away from where it is.
    pub(super) fn displace(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let (rank, bond) = (job.rank, job.bond);
        let place = std::mem::replace(&mut job.place, Place::Nowhere);
        let is_busy = matches!(place, Place::Given(_) | Place::Begun(_));
        match place {
            Place::Free => drop(self.free.remove(rank)),
            Place::Own(worker) => {
                if let Some(worker) = self.crew.get_mut(worker) {
                    worker.own.remove(rank);
                }
            }
            Place::Given(worker) | Place::Begun(worker) => self.crew.relieve(worker, id),
            Place::Nowhere => {}
        }
        self.waiting -= usize::from(matches!(place, Place::Free | Place::Own(_)));
        if !matches!(place, Place::Free | Place::Nowhere)
            && let Bond::Key(key) = bond
        {
            self.release(key, is_busy);
        }
    }

    pub(super) fn release(&mut self, key: u64, was_busy: bool) {
        if let Some(claim) = self.claims.get_mut(&key) {
            claim.jobs -= 1;
            claim.busy -= usize::from(was_busy);
            if claim.jobs == 0 {
                self.claims.remove(&key);
            }
        }
    }

    pub(super) fn remove(&mut self, id: JobId) {
        self.displace(id);
        if let Some(job) = self.jobs.remove(&id) {
            for (at, alarm) in [(job.deadline, Alarm::Deadline), (job.limit, Alarm::Limit)] {
                if let Some(at) = at {
                    self.alarms.remove(&(at, id, alarm));
                }
            }
        }
    }

    pub(super) fn end(&mut self, id: JobId, result: Result<(), JobFault>) {
        match &result {
            _ if self.jobs.get(&id).is_some_and(|job| job.is_told) => {}
            Ok(()) => self.counts.done += 1,
            Err(JobFault::Expired(_)) => self.counts.expired += 1,
            Err(JobFault::QueueFull) => {}
            Err(_) => self.counts.failed += 1,
        }
        self.remove(id);
        self.actions.push_back(Action::End(id, result));
    }

    /// The worker of a job that had begun has ended.
    pub(super) fn bereave(&mut self, id: JobId, reason: &ExitReason) {
        self.displace(id);
        let Some(job) = self.jobs.get(&id) else { return };
        let fault = match self.settings.time_limit {
            Some(limit) if job.has_overrun => JobFault::TimeLimit(limit),
            _ if job.is_repeatable && job.attempts <= job.retries && !job.is_told => {
                return self.actions.push_back(Action::Repeat(id));
            }
            _ => JobFault::WorkerDied { reason: reason.clone(), attempts: job.attempts },
        };
        self.end(id, Err(fault));
    }

    /// Gives a worker what it has room for.
    pub(super) fn feed(&mut self, worker: WorkerId, now: Instant) {
        if self.crew.staying() > self.settings.max_workers && self.crew.get(worker).is_some_and(Worker::is_free) {
            return self.dismiss(worker);
        }
        while self.crew.has_room(worker)
            && let Some(id) = self.next_for(worker)
        {
            self.displace(id);
            self.give(id, worker);
        }
        if let Some(fed) = self.crew.get_mut(worker).filter(|fed| fed.is_free()) {
            let since = *fed.idle_since.get_or_insert(now);
            if self.crew.staying() > self.settings.min_workers {
                self.want(since.checked_add(self.settings.idle_time));
            }
        }
    }

    /// What waits for a worker, or for anybody; a job of a key that is another's goes there instead.
    pub(super) fn next_for(&mut self, worker: WorkerId) -> Option<JobId> {
        loop {
            let own = self.crew.get(worker)?.own.first();
            let Some(free) = self.free.first().filter(|free| own.is_none_or(|own| *free < own)) else {
                return own.map(|own| own.job);
            };
            match self.jobs.get(&free.job).map(|job| job.bond) {
                Some(Bond::Key(key)) if self.claims.get(&key).is_some_and(|claim| claim.worker != worker) => {
                    self.displace(free.job);
                    self.place(free.job);
                }
                _ => return Some(free.job),
            }
        }
    }

    /// Keys that are a new worker's and have no job with another move to it, with their jobs that wait.
    pub(super) fn hand_over_keys(&mut self, new: WorkerId) {
        let is_idle = |key: u64| self.claims.get(&key).is_some_and(|claim| claim.busy == 0);
        let is_moving = |rank: &Rank| match self.jobs.get(&rank.job).map(|job| job.bond) {
            Some(Bond::Key(key)) => is_idle(key) && self.crew.favourite(key) == Some(new),
            _ => false,
        };
        let moving = self.crew.iter().flat_map(|(_, worker)| worker.own.iter()).filter(is_moving);
        let mut moving: Vec<Rank> = moving.collect();
        moving.sort_unstable();
        for rank in &moving {
            self.displace(rank.job);
        }
        for rank in moving {
            self.place(rank.job);
        }
    }
}
