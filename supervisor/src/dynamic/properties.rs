//! The machine under random events, held to what needs no model.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use fastrand::Rng;
use proscenium_runtime::testing::TestSystem;
use proscenium_runtime::{Context, ExitReason, Pid, StartError};

use super::{ChildState, Dynamic, DynamicChild, Later, Removal, Step, Terms};
use crate::backoff::Backoff;
use crate::child_spec::{ChildKind, Restart, process};
use crate::decide::Stopped;

const PERIOD: Duration = Duration::from_secs(5);

/// The machine, and what is known of its children without it.
struct World {
    rng: Rng,
    terms: Terms,
    dynamic: Dynamic,
    pids: VecDeque<Pid>,
    /// Who lives, and whether it can be started again.
    living: BTreeMap<Pid, bool>,
    /// Who is restarted, by who it was, and how many retries are under way.
    restarting: BTreeMap<Pid, u32>,
    later: VecDeque<Later>,
    now: Duration,
    decided: Vec<u64>,
    over: bool,
}

impl World {
    fn new(seed: u64, pids: &[Pid]) -> Self {
        let mut rng = Rng::with_seed(seed);
        let terms = Terms {
            intensity: [0, 1, 3, 100][rng.usize(..4)],
            period: PERIOD,
            backoff: rng.bool().then(|| Backoff::new(Duration::from_millis(10))),
            max_children: [1, 3, 100][rng.usize(..3)],
            restart: [Restart::Permanent, Restart::Transient, Restart::Temporary][rng.usize(..3)],
            shutdown: None,
        };
        World {
            rng,
            terms,
            dynamic: Dynamic::new(terms),
            pids: pids.iter().copied().collect(),
            living: BTreeMap::new(),
            restarting: BTreeMap::new(),
            later: VecDeque::new(),
            now: Duration::ZERO,
            decided: Vec::new(),
            over: false,
        }
    }

    fn new_pid(&mut self) -> Pid {
        self.pids.pop_front().expect("there are enough of them")
    }

    fn happen(&mut self) {
        self.now += Duration::from_millis(self.rng.u64(..2000));
        match self.rng.u8(..8) {
            0..3 => self.add(),
            3..5 => self.end(),
            5 | 6 => {
                if let Some(later) = self.later.pop_front() {
                    let steps = self.dynamic.retry(later, self.now);
                    let pending = self.restarting.get_mut(&later.pid);
                    assert_eq!(steps.is_empty(), pending.is_none(), "a retry is for who is restarted");
                    if let Some(pending) = pending {
                        *pending -= 1;
                        self.follow(later.pid, steps, later.counts);
                    }
                }
            }
            _ => self.remove(),
        }
        self.assert_alike();
    }

    fn add(&mut self) {
        assert_eq!(self.dynamic.is_full(), self.living.len() + self.restarting.len() >= self.terms.max_children);
        if self.dynamic.is_full() {
            return;
        }
        let is_kept = self.terms.restart != Restart::Temporary && self.rng.bool();
        let start = is_kept.then(|| std::sync::Arc::new(process(|_ctx: Context<()>| async {})) as _);
        let pid = self.new_pid();
        self.dynamic.add(pid, DynamicChild::new(start, self.terms.restart, "child", ChildKind::Worker));
        self.living.insert(pid, is_kept);
    }

    fn end(&mut self) {
        let pids: Vec<Pid> = self.living.keys().copied().collect();
        let Some(pid) = self.rng.choice(pids) else { return };
        let in_peace = self.rng.bool();
        let reason = if in_peace { ExitReason::Normal } else { ExitReason::error("boom") };
        let is_kept = self.living.remove(&pid).expect("it lives");
        let steps = self.dynamic.exited(pid, reason, self.now);
        let restarts = is_kept && (self.terms.restart == Restart::Permanent || !in_peace);
        if restarts {
            self.restarting.insert(pid, 0);
        }
        let is_step = |step: &Step| !matches!(step, Step::Report { .. });
        assert_eq!(steps.iter().any(is_step), restarts, "{steps:?}");
        self.follow(pid, steps, true);
        assert!(self.dynamic.exited(pid, ExitReason::Killed, self.now).is_empty(), "it ends once");
    }

    /// Carries out what the machine wants done about who was `pid`.
    fn follow(&mut self, pid: Pid, steps: Vec<Step>, counts: bool) {
        for step in steps {
            match step {
                Step::Report { .. } => {}
                Step::Start(who) => {
                    assert_eq!(who, pid);
                    self.count(counts);
                    self.start(pid);
                }
                Step::Later { later, pause } => {
                    assert_eq!(later.pid, pid);
                    self.count(counts && pause.is_some());
                    self.put_off(later);
                }
                Step::GiveUp => {
                    self.restarting.remove(&pid);
                    self.over = true;
                }
            }
        }
    }

    fn start(&mut self, pid: Pid) {
        let successor = self.new_pid();
        let outcome = match self.rng.u8(..4) {
            0 => Err(StartError::Init(ExitReason::error("no luck"))),
            1 => Err(StartError::Ignored),
            _ => Ok(successor),
        };
        let steps = self.dynamic.restarted(pid, outcome.clone());
        match outcome {
            Ok(successor) => drop((self.restarting.remove(&pid), self.living.insert(successor, true))),
            Err(StartError::Ignored) => drop(self.restarting.remove(&pid)),
            Err(_) => {
                let Some(Step::Later { later, pause: None }) = steps.last().cloned() else { panic!("{steps:?}") };
                assert!(later.counts, "another attempt is another decision");
                self.put_off(later);
            }
        }
    }

    fn put_off(&mut self, later: Later) {
        let pending = self.restarting.get_mut(&later.pid).expect("it is restarted");
        *pending += 1;
        assert_eq!(*pending, 1, "one retry at a time");
        self.later.push_back(later);
    }

    /// A restart was decided: there are no more of them within the period than there may be.
    fn count(&mut self, counts: bool) {
        if counts {
            let second = self.now.as_secs();
            self.decided.push(second);
            let recent = self.decided.iter().filter(|at| **at + PERIOD.as_secs() >= second).count();
            assert!(recent <= self.terms.intensity as usize, "{recent} restarts");
        }
    }

    fn remove(&mut self) {
        let pids: Vec<Pid> = self.living.keys().chain(self.restarting.keys()).copied().collect();
        let Some(pid) = self.rng.choice(pids) else { return };
        match self.dynamic.remove(pid) {
            Removal::Stop(_) => {
                assert!(self.living.remove(&pid).is_some(), "who is stopped lives");
                let orderly = self.dynamic.stopped(pid, Stopped::Ended(ExitReason::Shutdown));
                assert_eq!(orderly, None);
            }
            Removal::Done => assert!(self.restarting.remove(&pid).is_some()),
            Removal::Unknown => panic!("{pid} is a child"),
        }
        assert_eq!(self.dynamic.remove(pid), Removal::Unknown);
    }

    fn assert_alike(&self) {
        let (mut living, mut restarting) = (Vec::new(), 0);
        for (state, _) in self.dynamic.children() {
            match state {
                ChildState::Running(pid) => living.push(pid),
                ChildState::Restarting | ChildState::Stopped => restarting += 1,
            }
        }
        assert!(living.iter().eq(self.living.keys()) && restarting == self.restarting.len());
    }
}

#[test]
fn whatever_happens_each_child_is_known_once_and_restarts_are_borne() {
    let test = TestSystem::new(0);
    let pid = |_| test.spawn(|_ctx: Context<()>| async {}).pid().expect("it is the address of a process");
    let pids: Vec<Pid> = (0..400).map(pid).collect();
    for seed in 0..10_000 {
        let run = std::panic::catch_unwind(|| {
            let mut world = World::new(seed, &pids);
            for _ in 0..world.rng.usize(1..80) {
                if !world.over {
                    world.happen();
                }
            }
        });
        assert!(run.is_ok(), "seed {seed}");
    }
}
