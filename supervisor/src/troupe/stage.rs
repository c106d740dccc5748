//! What the processes of a troupe share with those that have jobs for it.
//!
//! It is there before they are, and outlives each of them: a job that was taken is lost with none.
//!
//! Invariants:
//! - Under the lock is no code of a user's: no message is made or dropped there, and nobody is woken.
//! - What is decided is carried out by whoever brought it about; what takes a process is ordered from the manager.

use std::any::type_name;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Instant;

use proscenium_runtime::{Address, ExitReason, SystemHandle};

use super::core::{Action, Core};
use super::crew::{Worker, WorkerId};
use super::effects::Effects;
use super::job::Payload;
use super::latency::Recent;
use super::line::Turn;
use super::manager::Control;
use super::queue::JobId;
use super::route::{Candidate, Route};
use super::settings::TroupeSettings;
use crate::supervisor_ref::SupervisorRef;

pub(super) struct Stage<M: Send + 'static> {
    state: Mutex<State<M>>,
}

pub(super) struct State<M: Send + 'static> {
    pub(super) core: Core,
    pub(super) payloads: HashMap<JobId, Payload<M>>,
    pub(super) workers: BTreeMap<WorkerId, Seated<M>>,
    pub(super) last_worker: WorkerId,
    /// Who waits for room.
    pub(super) line: BTreeMap<Turn, Waker>,
    /// Who waits until all is done.
    pub(super) drained: Vec<Waker>,
    pub(super) orders: Vec<Order>,
    pub(super) manager: Option<Manager>,
    pub(super) scene: Option<Scene<M>>,
    /// Above all of its processes.
    pub(super) supervisor: Option<SupervisorRef>,
    pub(super) recent: Recent,
    pub(super) route: Route<M>,
    pub(super) copy: Option<Copier<M>>,
    pub(super) label: Arc<str>,
}

/// Copies a message, if it can be.
pub(super) type Copier<M> = Arc<dyn Fn(&M) -> Option<M> + Send + Sync>;

/// A worker as the stage knows it.
pub(super) struct Seated<M: Send + 'static> {
    pub(super) address: Address<M>,
    /// While it waits for a job.
    pub(super) waker: Option<Waker>,
    /// Why it stops, as it says itself: that is known even if nobody was there to hear of its end.
    pub(super) reason: Option<ExitReason>,
}

/// Where a troupe runs.
pub(super) struct Scene<M: Send + 'static> {
    pub(super) system: SystemHandle,
    /// The process that takes messages for it.
    pub(super) door: Address<M>,
}

pub(super) struct Manager {
    pub(super) address: Address<Control>,
    /// It was told to look for orders, and has not yet.
    pub(super) is_told: bool,
    /// When it looks by itself.
    pub(super) alarm: Option<Instant>,
}

/// What the manager has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Hire,
    Watch(WorkerId),
    Dismiss(WorkerId),
    Kill(WorkerId),
    Repeat(JobId),
    GiveUp,
}

/// What a worker is to do.
pub(super) struct Part<M> {
    pub(super) job: JobId,
    pub(super) message: M,
    /// Makes the copy that is to be kept of it.
    pub(super) copy: Option<Copier<M>>,
}

impl<M: Send + 'static> Stage<M> {
    pub(super) fn new() -> Self {
        let state = State {
            core: Core::new(TroupeSettings::default()),
            payloads: HashMap::new(),
            workers: BTreeMap::new(),
            last_worker: 0,
            line: BTreeMap::new(),
            drained: Vec::new(),
            orders: Vec::new(),
            manager: None,
            scene: None,
            supervisor: None,
            recent: Recent::default(),
            route: Route::Free,
            copy: None,
            label: type_name::<M>().into(),
        };
        Stage { state: Mutex::new(state) }
    }

    /// Changes the state, then does what follows.
    pub(super) fn act<R>(&self, change: impl FnOnce(&mut State<M>, Instant) -> R) -> R {
        let mut state = self.lock();
        let now = state.now();
        let result = change(&mut state, now);
        Self::follow(state, now);
        result
    }

    /// Carries out what was decided, frees the lock, and only then does what may run a user's code.
    // Apart from `act`, which is compiled for each change.
    fn follow(mut state: MutexGuard<'_, State<M>>, now: Instant) {
        let effects = state.carry_out(now);
        let scene = effects.over.first().and_then(|_| state.scene.as_ref()).map(Scene::share);
        drop(state);
        effects.happen(scene.as_ref());
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<M>> {
        // Nothing of a user's runs under it, so nothing panics there.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Send + 'static> State<M> {
    fn now(&self) -> Instant {
        self.scene.as_ref().map_or_else(Instant::now, |scene| scene.system.now())
    }

    /// Carries out what was decided, but for what may run code of a user's.
    fn carry_out(&mut self, now: Instant) -> Effects<M> {
        let mut effects = Effects::default();
        loop {
            let actions = self.core.take_actions();
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.carry_out_one(action, &mut effects, now);
            }
        }
        if !self.drained.is_empty() && self.core.is_empty() {
            effects.wakers.append(&mut self.drained);
        }
        let wanted = self.core.wanted();
        if let Some(manager) = self.manager.as_mut().filter(|manager| !manager.is_told) {
            let is_late = wanted.is_some_and(|at| manager.alarm.is_none_or(|alarm| at < alarm));
            if is_late || !self.orders.is_empty() {
                manager.is_told = true;
                effects.look = Some(manager.address.clone());
            }
        }
        effects
    }

    fn carry_out_one(&mut self, action: Action, effects: &mut Effects<M>, now: Instant) {
        match action {
            Action::Wake(worker) => {
                let seated = self.workers.get_mut(&worker);
                effects.wakers.extend(seated.and_then(|seated| seated.waker.take()));
            }
            Action::Room(turn) => effects.wakers.extend(self.line.remove(&turn)),
            Action::End(job, result) => {
                effects.over.extend(self.payloads.remove(&job).map(|payload| (payload, result)));
            }
            Action::Tell(job, fault) => {
                let waiter = self.payloads.get(&job).and_then(|payload| payload.waiter.clone());
                effects.told.extend(waiter.map(|waiter| (waiter, fault)));
            }
            Action::Forget(job) => effects.forgotten.extend(self.payloads.remove(&job)),
            Action::Repeat(job) => match self.payloads.get_mut(&job).and_then(|payload| payload.copy.take()) {
                Some(copy) => {
                    self.payloads.get_mut(&job).expect("it was there").message = Some(copy);
                    self.core.repeated(job, true, now);
                }
                None => self.orders.push(Order::Repeat(job)),
            },
            Action::Hire => self.orders.push(Order::Hire),
            Action::Dismiss(worker) => self.orders.push(Order::Dismiss(worker)),
            Action::Kill(worker) => self.orders.push(Order::Kill(worker)),
            Action::GiveUp => self.orders.push(Order::GiveUp),
        }
    }

    pub(super) fn part(&mut self, job: JobId) -> Part<M> {
        let is_repeated = self.core.has_retries(job);
        let payload = self.payloads.get_mut(&job).expect("what a worker was given is a job");
        let copy = if is_repeated && payload.again.is_none() { self.copy.clone() } else { None };
        Part { job, message: payload.message.take().expect("it is taken once"), copy }
    }

    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let staying = self.core.crew().iter().filter(|(_, worker)| !worker.is_leaving);
        let candidate =
            |(number, worker): (_, &Worker)| Candidate { number, jobs: worker.jobs.len(), waiting: worker.own.len() };
        staying.map(candidate).collect()
    }
}

impl<M: Send + 'static> Scene<M> {
    pub(super) fn share(&self) -> Self {
        Scene { system: self.system.clone(), door: self.door.clone() }
    }
}
