//! Whatever happens to a troupe, in whatever order: what holds of it.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use fastrand::Rng;
use proscenium_runtime::ExitReason;

use super::core::{Action, Bond, Core, Job, Place, Refusal, Terms};
use super::crew::WorkerId;
use super::error::JobFault;
use super::line::Turn;
use super::queue::{JobId, Rank};
use super::settings::{Routing, TroupeSettings, WhenFull};

/// A troupe, all that surrounds it, and what was seen of it.
struct World {
    rng: Rng,
    core: Core,
    now: Instant,
    last_worker: WorkerId,
    /// Workers that were asked for.
    hires: usize,
    repeats: BTreeSet<JobId>,
    senders: BTreeSet<Turn>,
    /// Who was promised room, or shall look.
    invited: BTreeSet<Turn>,
    taken: BTreeSet<JobId>,
    ended: BTreeMap<JobId, Option<Result<(), JobFault>>>,
    /// How often workers began with a job.
    begun: BTreeMap<JobId, u32>,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let mut core = Core::new(settings(&mut rng));
        let now = Instant::now();
        core.open(now);
        let mut world = World {
            rng,
            core,
            now,
            last_worker: 0,
            hires: 0,
            repeats: BTreeSet::new(),
            senders: BTreeSet::new(),
            invited: BTreeSet::new(),
            taken: BTreeSet::new(),
            ended: BTreeMap::new(),
            begun: BTreeMap::new(),
            log: Vec::new(),
        };
        world.see();
        world
    }

    /// Something happens, at random.
    fn step(&mut self) {
        let step = self.rng.u32(0..100);
        self.log.push(format!("step {step}"));
        match step {
            0..30 => self.submit(None),
            30..35 => {
                if let Some(turn) = self.pick(self.invited.clone()) {
                    self.submit(Some(turn));
                }
            }
            35..55 => self.begin(),
            55..75 => self.finish(),
            75..82 => self.come(),
            82..86 => self.go(),
            86..88 => {
                let jobs: Vec<JobId> = self.core.jobs.keys().copied().collect();
                if let Some(job) = self.pick(jobs) {
                    self.core.withdraw(job, self.now);
                }
            }
            88..90 => {
                if let Some(turn) = self.pick(self.senders.clone()) {
                    self.senders.remove(&turn);
                    self.invited.remove(&turn);
                    self.core.leave_line(turn, self.now);
                }
            }
            90..95 => {
                self.now += Duration::from_millis(self.rng.u64(0..400));
                self.core.tick(self.now);
            }
            95..97 => {
                let settings = settings(&mut self.rng);
                self.log.push(format!("{settings:?}"));
                self.core.set(settings, self.now);
            }
            97 => self.core.restarted(self.now),
            _ => {
                if let Some(job) = self.pick(self.repeats.clone()) {
                    self.repeats.remove(&job);
                    let is_made = self.rng.u32(0..4) > 0;
                    self.core.repeated(job, is_made, self.now);
                }
            }
        }
        self.see();
    }

    fn submit(&mut self, turn: Option<Turn>) {
        let bond = match self.rng.u32(0..4) {
            0 => Bond::Key(self.rng.u64(0..3)),
            1 => Bond::Worker(self.rng.u64(0..self.last_worker + 2)),
            _ => Bond::Anybody,
        };
        let deadline = self.rng.bool().then(|| Duration::from_millis(self.rng.u64(0..500)));
        let terms =
            Terms { urgency: self.rng.i8(-1..=1), bond, deadline, retries: None, is_repeatable: self.rng.bool() };
        let (mut place, may_wait) = (turn, turn.is_some() || self.rng.bool());
        turn.map(|turn| (self.senders.remove(&turn), self.invited.remove(&turn)));
        match self.core.submit(terms, &mut place, may_wait, self.now) {
            Ok(job) => assert!(self.taken.insert(job) && place.is_none()),
            Err(Refusal::Full) => self.senders.extend(place),
            Err(_) => assert!(place.is_none() || place == turn),
        }
    }

    fn begin(&mut self) {
        let worker = self.pick(self.core.crew.ids());
        if let Some(job) = worker.and_then(|worker| self.core.begin(worker, || self.now)) {
            *self.begun.entry(job).or_default() += 1;
        }
    }

    fn finish(&mut self) {
        let begun = self.core.jobs.iter().filter(|(_, job)| matches!(job.place, Place::Begun(_)));
        if let Some(job) = self.pick(begun.map(|(id, _)| *id).collect::<Vec<_>>()) {
            let result = if self.rng.u32(0..10) > 0 { Ok(()) } else { Err(JobFault::Unanswered) };
            self.core.finished(job, result, self.now);
        }
    }

    /// A worker comes that was asked for, or does not.
    fn come(&mut self) {
        let Some(left) = self.hires.checked_sub(1) else { return };
        self.hires = left;
        if self.rng.u32(0..8) == 0 {
            return self.core.not_hired(self.now);
        }
        self.last_worker += 1;
        self.core.joined(self.last_worker, self.now);
    }

    fn go(&mut self) {
        let Some(worker) = self.pick(self.core.crew.ids()) else { return };
        if self.rng.bool() {
            self.core.leaving(worker);
        }
        let reason = if self.rng.bool() { ExitReason::Kill } else { ExitReason::Shutdown };
        self.core.left(worker, &reason, self.now);
    }

    fn pick<T: Copy>(&mut self, of: impl IntoIterator<Item = T>) -> Option<T> {
        let all: Vec<T> = of.into_iter().collect();
        (!all.is_empty()).then(|| all[self.rng.usize(0..all.len())])
    }

    /// Takes note of what is to be done, and looks whether all is well.
    fn see(&mut self) {
        while let Some(action) = self.core.next_action() {
            self.log.push(format!("    {action:?}"));
            match action {
                Action::End(job, result) => self.end(job, Some(result)),
                Action::Forget(job) => self.end(job, None),
                Action::Repeat(job) => drop(self.repeats.insert(job)),
                Action::Hire => self.hires += 1,
                Action::Room(turn) => {
                    self.invited.extend(self.senders.contains(&turn).then_some(turn));
                }
                Action::Tell(..) | Action::Wake(_) | Action::Dismiss(_) | Action::Kill(_) | Action::GiveUp => {}
            }
        }
        self.check();
    }

    fn end(&mut self, job: JobId, how: Option<Result<(), JobFault>>) {
        assert!(self.taken.contains(&job), "job {job} was never taken");
        assert!(self.ended.insert(job, how).is_none(), "job {job} ends twice");
        self.repeats.remove(&job);
    }

    fn check(&self) {
        let Core { jobs, free, waiting, crew, claims, settings, .. } = &self.core;
        let inside: BTreeSet<JobId> = self.taken.iter().copied().filter(|job| !self.ended.contains_key(job)).collect();
        assert_eq!(inside, jobs.keys().copied().collect(), "what was taken and has not ended is there");

        let mut places: BTreeMap<JobId, Place> = free.iter().map(|rank| (rank.job, Place::Free)).collect();
        let mut own = 0;
        for (id, worker) in crew.iter() {
            own += worker.own.len();
            places.extend(worker.own.iter().map(|rank| (rank.job, Place::Own(id))));
            places.extend(worker.jobs.iter().map(|job| (*job, Place::Begun(id))));
            places.extend(worker.given.iter().map(|job| (*job, Place::Given(id))));
            assert!(worker.given.iter().all(|job| worker.jobs.contains(job)));
            if worker.idle_since.is_some() {
                assert!(worker.jobs.is_empty(), "worker {id} is idle and has a job");
            }
            let has_room = worker.jobs.len() < settings.concurrency.get() && !worker.is_leaving;
            assert_eq!(crew.has_room(id), has_room, "worker {id}");
            assert!(!has_room || worker.own.is_empty(), "worker {id} has room and lets a job of its own wait");
            assert!(!has_room || free.is_empty(), "worker {id} has room and lets a job wait");
        }
        assert_eq!(*waiting, free.len() + own);
        for (id, job) in jobs {
            assert_eq!(places.remove(id).unwrap_or(Place::Nowhere), job.place, "job {id}");
            assert_eq!(job.place == Place::Nowhere, self.repeats.contains(id), "job {id} is being made again");
        }
        assert_eq!(places, BTreeMap::new());

        let staying = crew.iter().filter(|(_, worker)| !worker.is_leaving).count();
        assert_eq!(crew.staying(), staying);
        let mut of_keys: BTreeMap<u64, BTreeSet<WorkerId>> = BTreeMap::new();
        for Job { bond, place, .. } in jobs.values() {
            if let (Bond::Key(key), Place::Own(worker) | Place::Given(worker) | Place::Begun(worker)) = (bond, place) {
                of_keys.entry(*key).or_default().insert(*worker);
            }
        }
        for (key, workers) in &of_keys {
            assert_eq!(workers.len(), 1, "key {key} is with several workers");
        }
        assert_eq!(of_keys.keys().collect::<Vec<_>>(), claims.keys().collect::<Vec<_>>());
        if settings.queue.is_some_and(|bound| *waiting < bound.get()) {
            assert!(
                self.core.line.len() == 0 || *waiting + self.core.line.promised() >= settings.queue.unwrap().get(),
                "there is room, and nobody in the line is told"
            );
        }
        let wants_more = *waiting > 0 && crew.staying() + self.core.hiring < settings.max_workers;
        if wants_more && self.core.hiring == 0 {
            assert!(self.core.hire_after.is_some(), "a job waits, and nobody comes");
        }
    }

    /// From now on all goes well, until nothing is left to do.
    fn come_to_rest(&mut self) {
        self.core.drain();
        self.see();
        for _ in 0..100_000 {
            if self.core.is_empty() {
                return;
            }
            while let Some(job) = self.repeats.pop_first() {
                self.core.repeated(job, true, self.now);
                self.see();
            }
            if self.hires > 0 {
                self.hires -= 1;
                self.last_worker += 1;
                self.core.joined(self.last_worker, self.now);
                self.see();
            }
            for worker in self.core.crew.ids() {
                if self.core.crew.get(worker).is_some_and(|worker| worker.is_leaving) {
                    self.core.left(worker, &ExitReason::Shutdown, self.now);
                    self.see();
                }
                while let Some(job) = self.core.begin(worker, || self.now) {
                    *self.begun.entry(job).or_default() += 1;
                }
            }
            self.finish();
            self.see();
            self.now = self.core.wanted().unwrap_or(self.now).max(self.now);
            self.core.tick(self.now);
            self.see();
        }
        panic!("jobs are left over: {:?}", self.core.jobs);
    }
}

fn settings(rng: &mut Rng) -> TroupeSettings {
    let max_workers = rng.usize(1..5);
    let routings = [Routing::FirstIdle, Routing::RoundRobin, Routing::LeastLoaded];
    let when_full = [WhenFull::Wait, WhenFull::Reject, WhenFull::DropNewest, WhenFull::DropOldest];
    TroupeSettings {
        min_workers: rng.usize(0..=max_workers),
        max_workers,
        idle_time: Duration::from_millis(rng.u64(0..300)),
        concurrency: NonZeroUsize::new(rng.usize(1..3)).unwrap(),
        queue: NonZeroUsize::new(rng.usize(0..6)),
        when_full: when_full[rng.usize(0..4)],
        routing: routings[rng.usize(0..3)],
        deadline: None,
        time_limit: rng.bool().then(|| Duration::from_millis(rng.u64(0..500))),
        retries: rng.u32(0..3),
    }
}

/// Runs a world to its end.
fn live(seed: u64, steps: u32) -> World {
    let mut world = World::new(seed);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        for _ in 0..steps {
            world.step();
        }
        world.come_to_rest();
    }));
    if let Err(panic) = outcome {
        let last = world.log.len().saturating_sub(40);
        eprintln!("seed {seed}:\n{}", world.log[last..].join("\n"));
        std::panic::resume_unwind(panic);
    }
    world
}

#[test]
fn each_job_is_in_one_place_and_ends_once_whatever_happens() {
    let mut faults = BTreeSet::new();
    for seed in 0..1_000 {
        let world = live(seed, 150);
        assert_eq!(world.ended.len(), world.taken.len());
        for (job, how) in &world.ended {
            let begun = world.begun.get(job).copied().unwrap_or(0);
            assert!(*how != Some(Ok(())) || begun > 0, "job {job} is done and nobody has begun with it");
            assert!(begun <= 3, "job {job} was begun {begun} times");
        }
        faults.extend(world.ended.values().flatten().filter_map(|end| end.as_ref().err().map(kind)));
    }
    // What never came up shows nothing.
    assert_eq!(faults, BTreeSet::from(["died", "expired", "full", "limit", "unanswered"]));
}

fn kind(fault: &JobFault) -> &'static str {
    match fault {
        JobFault::WorkerDied { .. } => "died",
        JobFault::TimeLimit(_) => "limit",
        JobFault::Expired(_) => "expired",
        JobFault::Unanswered => "unanswered",
        JobFault::QueueFull => "full",
        _ => "another",
    }
}

/// The order in which jobs are begun by workers that live, one at a time.
fn order_of(routing: Routing, workers: u64, terms: &[Terms]) -> Vec<(WorkerId, JobId)> {
    let now = Instant::now();
    let settings = TroupeSettings { min_workers: 0, routing, ..TroupeSettings::default() };
    let mut core = Core::new(settings);
    core.open(now);
    for terms in terms {
        core.submit(*terms, &mut None, false, now).unwrap();
    }
    (1..=workers).for_each(|worker| core.joined(worker, now));
    let mut order = Vec::new();
    while !core.is_empty() {
        let begun = (1..=workers).filter_map(|worker| Some((worker, core.begin(worker, || now)?)));
        let begun: Vec<_> = begun.collect();
        for (_, job) in &begun {
            core.finished(*job, Ok(()), now);
        }
        order.extend(begun);
    }
    order
}

fn urgency(urgency: i8) -> Terms {
    Terms { urgency, ..Terms::default() }
}

fn key(key: u64) -> Terms {
    Terms { bond: Bond::Key(key), ..Terms::default() }
}

#[test]
fn the_most_urgent_goes_first_and_of_equals_the_oldest() {
    let order = order_of(Routing::FirstIdle, 1, &[0, -1, 1, 0, 1].map(urgency));
    assert_eq!(order.iter().map(|(_, job)| *job).collect::<Vec<_>>(), [3, 5, 1, 4, 2]);
}

#[test]
fn jobs_of_one_key_are_done_by_one_worker_in_their_order() {
    let keys = [1, 2, 1, 3, 2, 1, 3, 2];
    let order = order_of(Routing::RoundRobin, 3, &keys.map(key));
    for of in [1, 2, 3] {
        let is_of = |job: &&(WorkerId, JobId)| keys[usize::try_from(job.1 - 1).unwrap()] == of;
        let (workers, jobs): (BTreeSet<_>, Vec<_>) = order.iter().filter(is_of).copied().unzip();
        assert_eq!(workers.len(), 1, "key {of}");
        assert!(jobs.is_sorted(), "key {of}");
    }
}

#[test]
fn a_key_stays_with_its_worker_as_long_as_nobody_comes_or_goes() {
    let mut crew = super::crew::Crew::new(1);
    (1..=5).for_each(|worker| crew.add(worker));
    let before: Vec<_> = (0..1_000).map(|key| crew.favourite(key)).collect();
    crew.add(6);
    let after: Vec<_> = (0..1_000).map(|key| crew.favourite(key)).collect();
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
    assert!(before.iter().zip(&after).all(|(before, after)| before == after || *after == Some(6)));
    assert!((100..250).contains(&moved), "a sixth of the keys moves, more or less: {moved}");
}

#[test]
fn each_routing_has_its_way_with_jobs_that_come_one_by_one() {
    let table =
        [(Routing::FirstIdle, [1, 1, 1, 1]), (Routing::RoundRobin, [1, 2, 3, 1]), (Routing::LeastLoaded, [1, 2, 3, 1])];
    for (routing, expected) in table {
        let mut now = Instant::now();
        let mut core = Core::new(TroupeSettings { routing, ..TroupeSettings::default() });
        core.open(now);
        (1..=3).for_each(|worker| core.joined(worker, now));
        let workers = expected.map(|_| {
            now += Duration::from_millis(1);
            let job = core.submit(Terms::default(), &mut None, false, now).unwrap();
            let worker = (1..=3).find(|worker| core.begin(*worker, || now).is_some()).unwrap();
            core.finished(job, Ok(()), now);
            worker
        });
        assert_eq!(workers, expected, "{routing:?}");
    }
}

#[test]
fn the_oldest_of_the_least_urgent_gives_way_unless_the_new_one_is_less_urgent() {
    let (now, two) = (Instant::now(), NonZeroUsize::new(2));
    let mut core =
        Core::new(TroupeSettings { queue: two, when_full: WhenFull::DropOldest, ..TroupeSettings::default() });
    core.open(now);
    let mut send = |urgency| core.submit(Terms { urgency, ..Terms::default() }, &mut None, false, now);
    assert_eq!([send(0), send(1)], [Ok(1), Ok(2)]);
    assert_eq!(send(-1), Err(Refusal::Dropped));
    assert_eq!(send(1), Ok(3), "and 1 is dropped");
    assert_eq!(send(1), Ok(4), "and 2 is dropped");
    let dropped = iter::from_fn(|| core.next_action()).filter_map(|action| match action {
        Action::End(job, Err(JobFault::QueueFull)) => Some(job),
        _ => None,
    });
    assert_eq!(dropped.collect::<Vec<_>>(), [1, 2]);
    assert_eq!(core.free.iter().map(|Rank { job, .. }| job).collect::<Vec<_>>(), [3, 4]);
}
