//! The whole of a troupe as a pure state machine: what happens goes in, what shall be done comes out.
//!
//! Invariants:
//! - A job is in one place: it waits, or one worker has it, or it is being made again; until it ends, once.
//! - While a job waits that any worker may have, no worker has room for it.
//! - Jobs of one key are never with two workers at a time.
//! - What a worker has not begun is nobody's fault: when it ends, that waits again, and no attempt is counted.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
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
pub(super) enum Phase {
    Closed,
    Open,
    Draining,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) rank: Rank,
    pub(super) bond: Bond,
    pub(super) place: Place,
    pub(super) retries: u32,
    pub(super) is_repeatable: bool,
    pub(super) attempts: u32,
    pub(super) sent: Instant,
    pub(super) deadline: Option<Instant>,
    pub(super) limit: Option<Instant>,
    /// Its sender has been told how it ends.
    pub(super) is_told: bool,
    /// Its worker was killed because of it.
    pub(super) has_overrun: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
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
pub(super) struct Claim {
    pub(super) worker: WorkerId,
    pub(super) jobs: usize,
    /// Those that do not wait.
    pub(super) busy: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Alarm {
    Deadline,
    Limit,
}

#[derive(Debug)]
pub(super) struct Core {
    pub(super) settings: TroupeSettings,
    pub(super) phase: Phase,
    pub(super) last_job: JobId,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) free: Queue,
    /// How many wait, for anybody or for one.
    pub(super) waiting: usize,
    pub(super) crew: Crew,
    pub(super) claims: BTreeMap<u64, Claim>,
    pub(super) line: Line,
    /// How many workers are about to come.
    pub(super) hiring: usize,
    /// How many did not come, or went without having done anything, since one was good for something.
    pub(super) setbacks: u32,
    pub(super) hire_after: Option<Instant>,
    pub(super) alarms: BTreeSet<(Instant, JobId, Alarm)>,
    /// When to tick next, at the latest.
    pub(super) wanted: Option<Instant>,
    pub(super) counts: Counts,
    pub(super) actions: VecDeque<Action>,
}

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
            actions: VecDeque::new(),
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
        if !turn.is_some_and(|turn| self.line.redeem(turn)) {
            self.make_room(urgency, terms.bond, turn, may_wait)?;
        }
        if let Some(turn) = turn.take() {
            self.line.leave(turn);
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
            self.actions.push_back(Action::Forget(id));
            if let Place::Given(worker) = place {
                self.feed(worker, now);
            }
            self.settle(now);
        }
    }

    /// A worker looks for something to do. `now` is asked only if there is a time limit.
    pub(super) fn begin(&mut self, worker: WorkerId, now: impl FnOnce() -> Instant) -> Option<JobId> {
        let id = self.crew.get_mut(worker)?.given.pop_front()?;
        let limit = self.settings.time_limit.and_then(|limit| now().checked_add(limit));
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
        (self.hiring, self.setbacks, self.hire_after) = (0, 0, None);
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
    /// Whether anything is to be done.
    pub(super) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    /// What is to be done next.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
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
