//! The whole of a troupe as a pure state machine: what happens goes in, what shall be done comes out.
//!
//! Invariants:
//! - A job is in one place: it waits, or one worker has it, or it is being made again; until it ends, once.
//! - While a job waits that any worker may have, no worker has room for it.
//! - Jobs of one key are never with two workers at a time.
//! - What a worker has not begun is nobody's fault: when it ends, that waits again, and no attempt is counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proscenium_runtime::ExitReason;

use super::crew::{Crew, WorkerId};
use super::error::JobFault;
use super::line::{Line, Turn};
use super::queue::{JobId, Queue, Rank};
use super::settings::{TroupeSettings, WhenFull};

/// What is said of a job when it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Terms {
    pub(super) urgency: i8,
    pub(super) bond: Bond,
    /// If not as the settings say.
    pub(super) deadline: Option<Duration>,
    /// If not as the settings say.
    pub(super) retries: Option<u32>,
    /// Whether its message can be made again.
    pub(super) is_repeatable: bool,
}

/// Who shall have a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Bond {
    #[default]
    Anybody,
    /// Whoever has the other jobs of that key.
    Key(u64),
    /// That one, as long as it is there.
    Worker(WorkerId),
}

/// Why a job was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its sender keeps it; if it may wait, it has a place in the line now.
    Full,
    /// It is dropped.
    Dropped,
    Draining,
    NotRunning,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    /// The worker has been given something.
    Wake(WorkerId),
    /// The job is over.
    End(JobId, Result<(), JobFault>),
    /// Its sender is told that, though the worker goes on with it.
    Tell(JobId, JobFault),
    /// Nobody wants it any more.
    Forget(JobId),
    /// Its message is to be made again.
    Repeat(JobId),
    Hire,
    Dismiss(WorkerId),
    Kill(WorkerId),
    /// There is room for that sender, or it shall look why there is none.
    Room(Turn),
    /// No worker comes, time after time.
    GiveUp,
}

/// How much has come and gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) retried: u64,
    pub(super) expired: u64,
    pub(super) dropped: u64,
    pub(super) withdrawn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Closed,
    Open,
    Draining,
}

#[derive(Debug)]
struct Job {
    rank: Rank,
    bond: Bond,
    place: Place,
    retries: u32,
    is_repeatable: bool,
    attempts: u32,
    sent: Instant,
    deadline: Option<Instant>,
    limit: Option<Instant>,
    /// Its sender has been told how it ends.
    is_told: bool,
    /// Its worker was killed because of it.
    has_overrun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It waits for anybody.
    Free,
    /// It waits for that worker.
    Own(WorkerId),
    Given(WorkerId),
    Begun(WorkerId),
    /// Its message is being made again, or it is new.
    Nowhere,
}

/// Whose a key is while any of its jobs is with a worker, or waits for it.
#[derive(Debug)]
struct Claim {
    worker: WorkerId,
    jobs: usize,
    /// Those that do not wait.
    busy: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alarm {
    Deadline,
    Limit,
}

#[derive(Debug)]
pub(super) struct Core {
    settings: TroupeSettings,
    phase: Phase,
    last_job: JobId,
    jobs: BTreeMap<JobId, Job>,
    free: Queue,
    /// How many wait, for anybody or for one.
    waiting: usize,
    crew: Crew,
    claims: BTreeMap<u64, Claim>,
    line: Line,
    /// How many workers are about to come.
    hiring: usize,
    /// How many did not come, or went without having done anything, since one was good for something.
    setbacks: u32,
    hire_after: Option<Instant>,
    alarms: BTreeSet<(Instant, JobId, Alarm)>,
    /// When to tick next, at the latest.
    wanted: Option<Instant>,
    counts: Counts,
    actions: Vec<Action>,
}

/// The pause after the first setback; after each further one it is twice as long, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// So many setbacks in a row are borne.
const MOST_SETBACKS: u32 = 10;

/// What happens.
impl Core {
    pub(super) fn new(settings: TroupeSettings) -> Self {
        let crew = Crew::new(settings.concurrency.get());
        Core {
            settings,
            phase: Phase::Closed,
            last_job: 0,
            jobs: BTreeMap::new(),
            free: Queue::default(),
            waiting: 0,
            crew,
            claims: BTreeMap::new(),
            line: Line::default(),
            hiring: 0,
            setbacks: 0,
            hire_after: None,
            alarms: BTreeSet::new(),
            wanted: None,
            counts: Counts::default(),
            actions: Vec::new(),
        }
    }

    /// Somebody sends a job. Who may wait for room keeps its `turn`.
    pub(super) fn submit(
        &mut self,
        terms: Terms,
        turn: &mut Option<Turn>,
        may_wait: bool,
        now: Instant,
    ) -> Result<JobId, Refusal> {
        match self.phase {
            Phase::Closed => return Err(Refusal::NotRunning),
            Phase::Draining => return Err(Refusal::Draining),
            Phase::Open => {}
        }
        let urgency = Reverse(terms.urgency);
        match turn.filter(|turn| self.line.redeem(*turn)) {
            Some(_) => *turn = None,
            None => self.make_room(urgency, terms.bond, turn, may_wait)?,
        }
        self.last_job += 1;
        let (id, settings) = (self.last_job, &self.settings);
        let job = Job {
            rank: Rank { urgency, job: id },
            bond: terms.bond,
            place: Place::Nowhere,
            retries: terms.retries.unwrap_or(settings.retries),
            is_repeatable: terms.is_repeatable,
            attempts: 0,
            sent: now,
            deadline: terms.deadline.or(settings.deadline).and_then(|deadline| now.checked_add(deadline)),
            limit: None,
            is_told: false,
            has_overrun: false,
        };
        if let Some(at) = job.deadline {
            self.set_alarm(at, id, Alarm::Deadline);
        }
        self.jobs.insert(id, job);
        self.place(id);
        self.settle(now);
        Ok(id)
    }

    /// A sender no longer waits for room.
    pub(super) fn leave_line(&mut self, turn: Turn, now: Instant) {
        self.line.leave(turn);
        self.settle(now);
    }

    /// Who sent a job no longer wants it. What has begun goes on.
    pub(super) fn withdraw(&mut self, id: JobId, now: Instant) {
        if let Some(job) = self.jobs.get(&id).filter(|job| !matches!(job.place, Place::Begun(_))) {
            let place = job.place;
            self.remove(id);
            self.counts.withdrawn += 1;
            self.actions.push(Action::Forget(id));
            if let Place::Given(worker) = place {
                self.feed(worker, now);
            }
            self.settle(now);
        }
    }

    /// A worker looks for something to do.
    pub(super) fn begin(&mut self, worker: WorkerId, now: Instant) -> Option<JobId> {
        let id = self.crew.get_mut(worker)?.given.pop_front()?;
        let limit = self.settings.time_limit.and_then(|limit| now.checked_add(limit));
        let job = self.jobs.get_mut(&id).expect("what a worker was given is a job");
        job.place = Place::Begun(worker);
        job.attempts += 1;
        job.limit = limit;
        if let Some(at) = limit {
            self.set_alarm(at, id, Alarm::Limit);
        }
        Some(id)
    }

    /// The message of a job that has begun can be made again.
    pub(super) fn set_repeatable(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.is_repeatable = true;
        }
    }

    /// Whether a job that begins now would be begun again if its worker died.
    pub(super) fn has_retries(&self, id: JobId) -> bool {
        self.jobs.get(&id).is_some_and(|job| job.attempts <= job.retries)
    }

    /// A worker has done a job, or has failed to without dying of it. Returns how long it has taken since it was sent.
    pub(super) fn finished(&mut self, id: JobId, result: Result<(), JobFault>, now: Instant) -> Option<Duration> {
        let job = self.jobs.get(&id)?;
        let Place::Begun(worker) = job.place else { return None };
        let took = now.saturating_duration_since(job.sent);
        if let Some(worker) = self.crew.get_mut(worker) {
            worker.is_proven = true;
        }
        (self.setbacks, self.hire_after) = (0, None);
        self.end(id, result);
        self.feed(worker, now);
        self.settle(now);
        Some(took)
    }

    /// A worker is ready.
    pub(super) fn joined(&mut self, worker: WorkerId, now: Instant) {
        self.hiring = self.hiring.saturating_sub(1);
        self.crew.add(worker);
        self.hand_over_keys(worker);
        self.feed(worker, now);
        self.settle(now);
    }

    /// A worker that was to come did not.
    pub(super) fn not_hired(&mut self, now: Instant) {
        self.hiring = self.hiring.saturating_sub(1);
        self.count_setback(now);
        self.settle(now);
    }

    /// A worker is about to end: it gets nothing more, and what it has is decided when it has [`left`](Self::left).
    pub(super) fn leaving(&mut self, worker: WorkerId) {
        self.crew.leave(worker);
    }

    /// A worker has ended.
    pub(super) fn left(&mut self, worker: WorkerId, reason: &ExitReason, now: Instant) {
        let Some(mut gone) = self.crew.remove(worker) else { return };
        let mut homeless: Vec<Rank> = gone.own.iter().collect();
        for id in &gone.given {
            gone.jobs.remove(id);
            homeless.extend(self.jobs.get(id).map(|job| job.rank));
        }
        homeless.sort_unstable();
        if gone.jobs.is_empty() && !gone.is_proven && reason.is_crash() {
            self.count_setback(now);
        }
        for rank in &homeless {
            self.displace(rank.job);
        }
        for id in gone.jobs {
            self.bereave(id, reason);
        }
        for rank in homeless {
            self.place(rank.job);
        }
        self.settle(now);
    }

    /// The message of a job was made again, or could not be.
    pub(super) fn repeated(&mut self, id: JobId, is_made: bool, now: Instant) {
        if self.jobs.get(&id).is_none_or(|job| job.place != Place::Nowhere) {
            return;
        }
        if is_made {
            self.counts.retried += 1;
            self.place(id);
        } else {
            self.end(id, Err(JobFault::Unanswered));
        }
        self.settle(now);
    }

    /// Time has passed.
    pub(super) fn tick(&mut self, now: Instant) {
        while let Some(&(at, id, alarm)) = self.alarms.first()
            && at <= now
        {
            self.alarms.pop_first();
            self.ring(id, alarm, now);
        }
        self.hire_after = self.hire_after.filter(|at| *at > now);
        while let Some((since, worker)) = self.crew.idlest()
            && self.crew.staying() > self.settings.min_workers
            && now.saturating_duration_since(since) >= self.settings.idle_time
        {
            self.dismiss(worker);
        }
        self.wanted = None;
        self.settle(now);
        self.want_all();
    }

    pub(super) fn set(&mut self, settings: TroupeSettings, now: Instant) {
        self.settings = settings;
        self.crew.set_concurrency(self.settings.concurrency.get());
        if self.settings.when_full != WhenFull::Wait {
            self.disband_line();
        }
        for worker in self.crew.with_room() {
            self.feed(worker, now);
        }
        self.settle(now);
        self.want_all();
    }

    /// Jobs are taken from now on.
    pub(super) fn open(&mut self, now: Instant) {
        self.phase = Phase::Open;
        (self.hiring, self.setbacks, self.hire_after) = (0, 0, None);
        self.settle(now);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// No further job is taken.
    pub(super) fn drain(&mut self) {
        if self.phase == Phase::Open {
            self.phase = Phase::Draining;
        }
        self.disband_line();
    }

    /// Nothing is done any more: all jobs are over, and the workers are nobody's.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Closed;
        self.disband_line();
        for id in self.jobs.keys().copied().collect::<Vec<_>>() {
            self.end(id, Err(JobFault::NotRunning));
        }
        for worker in self.crew.ids() {
            self.crew.remove(worker);
        }
        self.claims.clear();
        self.wanted = None;
    }

    /// Who carries out the actions has begun anew: what the one before may not have done is to be done again.
    pub(super) fn restarted(&mut self, now: Instant) {
        self.hiring = 0;
        let leaving = self.crew.iter().filter(|(_, worker)| worker.is_leaving);
        self.actions.extend(leaving.map(|(id, _)| Action::Dismiss(id)));
        let again = self.jobs.iter().filter(|(_, job)| job.place == Place::Nowhere);
        self.actions.extend(again.map(|(id, _)| Action::Repeat(*id)));
        self.settle(now);
        self.want_all();
    }
}

/// What can be asked of it.
impl Core {
    pub(super) fn take_actions(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.actions)
    }

    pub(super) fn settings(&self) -> &TroupeSettings {
        &self.settings
    }

    /// When to tick, at the latest.
    pub(super) fn wanted(&self) -> Option<Instant> {
        self.wanted
    }

    pub(super) fn crew(&self) -> &Crew {
        &self.crew
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn in_line(&self) -> usize {
        self.line.len() + self.line.promised()
    }

    /// How many jobs workers have.
    pub(super) fn running(&self) -> usize {
        self.jobs.len() - self.waiting
    }

    pub(super) fn hiring(&self) -> usize {
        self.hiring
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }
}

/// Where jobs are.
impl Core {
    /// Finds room for a job, in the queue or with a worker, or tells why there is none.
    fn make_room(
        &mut self,
        urgency: Reverse<i8>,
        bond: Bond,
        turn: &mut Option<Turn>,
        may_wait: bool,
    ) -> Result<(), Refusal> {
        let Some(bound) = self.settings.queue.map(usize::from) else { return Ok(()) };
        if turn.is_none() && (self.waiting + self.line.promised() < bound || self.taker(bond).is_some()) {
            return Ok(());
        }
        match self.settings.when_full {
            WhenFull::Wait if may_wait => {
                let place = turn.filter(|turn| self.line.contains(*turn));
                *turn = Some(place.unwrap_or_else(|| self.line.join()));
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
    fn taker(&self, bond: Bond) -> Option<WorkerId> {
        match self.bound_to(bond) {
            Some(worker) => Some(worker).filter(|worker| self.crew.has_room(*worker)),
            None => self.crew.pick(self.settings.routing),
        }
    }

    /// The one worker that may have such a job.
    fn bound_to(&self, bond: Bond) -> Option<WorkerId> {
        match bond {
            Bond::Anybody => None,
            Bond::Key(key) => self.claims.get(&key).map(|claim| claim.worker).or_else(|| self.crew.favourite(key)),
            Bond::Worker(worker) => self.crew.get(worker).filter(|worker| !worker.is_leaving).map(|_| worker),
        }
    }

    /// The oldest of the least urgent that wait.
    fn least_waiting(&self) -> Option<Rank> {
        let own = self.crew.iter().filter_map(|(_, worker)| worker.own.least());
        own.chain(self.free.least()).max_by_key(|rank| (rank.urgency, Reverse(rank.job)))
    }

    /// Brings a job that is nowhere to a worker, or lets it wait.
    fn place(&mut self, id: JobId) {
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
    fn give(&mut self, id: JobId, worker: WorkerId) {
        let Some(bond) = self.jobs.get(&id).map(|job| job.bond) else { return };
        if let Some(claim) = self.claim(bond, worker) {
            claim.busy += 1;
        }
        self.set_place(id, Place::Given(worker));
        self.crew.give(worker, id);
        self.actions.push(Action::Wake(worker));
    }

    fn claim(&mut self, bond: Bond, worker: WorkerId) -> Option<&mut Claim> {
        let Bond::Key(key) = bond else { return None };
        let claim = self.claims.entry(key).or_insert(Claim { worker, jobs: 0, busy: 0 });
        claim.jobs += 1;
        Some(claim)
    }

    fn set_place(&mut self, id: JobId, place: Place) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.place = place;
        }
    }

    /// Takes a job away from where it is.
    fn displace(&mut self, id: JobId) {
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

    fn release(&mut self, key: u64, was_busy: bool) {
        if let Some(claim) = self.claims.get_mut(&key) {
            claim.jobs -= 1;
            claim.busy -= usize::from(was_busy);
            if claim.jobs == 0 {
                self.claims.remove(&key);
            }
        }
    }

    fn remove(&mut self, id: JobId) {
        self.displace(id);
        if let Some(job) = self.jobs.remove(&id) {
            for (at, alarm) in [(job.deadline, Alarm::Deadline), (job.limit, Alarm::Limit)] {
                if let Some(at) = at {
                    self.alarms.remove(&(at, id, alarm));
                }
            }
        }
    }

    fn end(&mut self, id: JobId, result: Result<(), JobFault>) {
        match &result {
            _ if self.jobs.get(&id).is_some_and(|job| job.is_told) => {}
            Ok(()) => self.counts.done += 1,
            Err(JobFault::Expired(_)) => self.counts.expired += 1,
            Err(JobFault::QueueFull) => {}
            Err(_) => self.counts.failed += 1,
        }
        self.remove(id);
        self.actions.push(Action::End(id, result));
    }

    /// The worker of a job that had begun has ended.
    fn bereave(&mut self, id: JobId, reason: &ExitReason) {
        self.displace(id);
        let Some(job) = self.jobs.get(&id) else { return };
        let fault = match self.settings.time_limit {
            Some(limit) if job.has_overrun => JobFault::TimeLimit(limit),
            _ if job.is_repeatable && job.attempts <= job.retries && !job.is_told => {
                return self.actions.push(Action::Repeat(id));
            }
            _ => JobFault::WorkerDied { reason: reason.clone(), attempts: job.attempts },
        };
        self.end(id, Err(fault));
    }

    /// Gives a worker what it has room for.
    fn feed(&mut self, worker: WorkerId, now: Instant) {
        while self.crew.has_room(worker)
            && let Some(id) = self.next_for(worker)
        {
            self.displace(id);
            self.give(id, worker);
        }
        let surplus = self.crew.staying() > self.settings.max_workers;
        let Some(fed) = self.crew.get_mut(worker).filter(|fed| fed.jobs.is_empty() && !fed.is_leaving) else { return };
        let since = *fed.idle_since.get_or_insert(now);
        if surplus {
            self.dismiss(worker);
        } else if self.crew.staying() > self.settings.min_workers {
            self.want(since.checked_add(self.settings.idle_time));
        }
    }

    /// What waits for a worker, or for anybody; a job of a key that is another's goes there instead.
    fn next_for(&mut self, worker: WorkerId) -> Option<JobId> {
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
    fn hand_over_keys(&mut self, new: WorkerId) {
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

/// Who comes and goes, and when.
impl Core {
    /// What follows from any change.
    fn settle(&mut self, now: Instant) {
        let bound = self.settings.queue.map_or(usize::MAX, usize::from);
        while self.waiting + self.line.promised() < bound
            && let Some(turn) = self.line.promise()
        {
            self.actions.push(Action::Room(turn));
        }
        self.hire(now);
    }

    fn disband_line(&mut self) {
        let turns = self.line.disband();
        self.actions.extend(turns.into_iter().map(Action::Room));
    }

    /// As many as the fewest need be, and as wait, but no more than may be.
    fn hire(&mut self, now: Instant) {
        if self.phase == Phase::Closed || self.hire_after.is_some_and(|at| at > now) {
            return;
        }
        let TroupeSettings { min_workers, max_workers, concurrency, .. } = self.settings;
        let have = self.crew.staying() + self.hiring;
        let for_jobs = self.waiting.div_ceil(concurrency.get()).saturating_sub(self.hiring);
        let more = min_workers.saturating_sub(have).max(for_jobs.min(max_workers.saturating_sub(have)));
        self.hiring += more;
        self.actions.extend((0..more).map(|_| Action::Hire));
    }

    fn dismiss(&mut self, worker: WorkerId) {
        self.crew.leave(worker);
        self.actions.push(Action::Dismiss(worker));
    }

    fn count_setback(&mut self, now: Instant) {
        self.setbacks += 1;
        if self.setbacks > MOST_SETBACKS {
            self.setbacks = 0;
            self.actions.push(Action::GiveUp);
        }
        let pause = FIRST_PAUSE * 2_u32.pow(self.setbacks.saturating_sub(1).min(10));
        self.hire_after = now.checked_add(pause.min(LONGEST_PAUSE));
        self.want(self.hire_after);
    }

    fn ring(&mut self, id: JobId, alarm: Alarm, now: Instant) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let after = job.deadline.unwrap_or(now).saturating_duration_since(job.sent);
        match (alarm, job.place) {
            (Alarm::Deadline, Place::Begun(_)) => {
                job.is_told = true;
                self.counts.expired += 1;
                self.actions.push(Action::Tell(id, JobFault::Expired(after)));
            }
            (Alarm::Deadline, place) => {
                self.end(id, Err(JobFault::Expired(after)));
                if let Place::Given(worker) = place {
                    self.feed(worker, now);
                }
            }
            (Alarm::Limit, Place::Begun(worker)) => {
                job.has_overrun = true;
                self.crew.leave(worker);
                self.actions.push(Action::Kill(worker));
            }
            (Alarm::Limit, _) => {}
        }
    }

    fn set_alarm(&mut self, at: Instant, id: JobId, alarm: Alarm) {
        self.alarms.insert((at, id, alarm));
        self.want(Some(at));
    }

    fn want(&mut self, at: Option<Instant>) {
        self.wanted = [self.wanted, at].into_iter().flatten().min();
    }

    /// Wants all that is to come.
    fn want_all(&mut self) {
        self.want(self.alarms.first().map(|(at, ..)| *at));
        self.want(self.hire_after);
        if self.crew.staying() > self.settings.min_workers {
            let idlest = self.crew.idlest();
            self.want(idlest.and_then(|(since, _)| since.checked_add(self.settings.idle_time)));
        }
    }
}
