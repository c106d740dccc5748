//! What the processes of a troupe share with those that have jobs for it.
//!
//! It is there before they are, and outlives each of them: a job that was taken is lost with none.
//!
//! Invariants:
//! - Under the lock is no code of a user's: no message is made or dropped there, and nobody is woken.
//! - What is decided is carried out by whoever brought it about; what takes a process is ordered from the manager.

use std::any::type_name;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::AtomicBool;
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
use super::offer::{Limit, WaitsUntil};
use super::queue::JobId;
use super::route::{Candidate, Route};
use super::settings::TroupeSettings;
use crate::number_hasher::HashNumbers;
use crate::supervisor_ref::SupervisorRef;

pub(super) struct Stage<M: Send + 'static> {
    state: Mutex<State<M>>,
    /// Whether messages say who shall have them, told without the lock.
    pub(super) is_routed: AtomicBool,
}

pub(super) struct State<M: Send + 'static> {
    pub(super) core: Core,
    pub(super) payloads: HashMap<JobId, Payload<M>, HashNumbers>,
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
            payloads: HashMap::default(),
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
        Stage { state: Mutex::new(state), is_routed: AtomicBool::new(false) }
    }

    /// Changes the state, then does what follows.
    pub(super) fn act<R>(&self, change: impl FnOnce(&mut State<M>) -> R) -> R {
        let mut state = self.lock();
        let result = change(&mut state);
        Self::follow(state);
        result
    }

    /// Carries out what was decided, frees the lock, and only then does what may run a user's code.
    // Apart from `act`, which is compiled for each change.
    fn follow(mut state: MutexGuard<'_, State<M>>) {
        if state.is_at_rest() {
            return;
        }
        let effects = state.carry_out();
        let scene = state.scene.as_ref().filter(|_| effects.has_dead_letters()).map(Scene::share);
        drop(state);
        effects.happen(scene.as_ref());
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State<M>> {
        // Nothing of a user's runs under it, so nothing panics there.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Send + 'static> State<M> {
    pub(super) fn now(&self) -> Instant {
        now(self.scene.as_ref())
    }

    /// Until when a sender waits from `now` on, if not for ever.
    pub(super) fn waits_until(&self, limit: Limit, now: Instant) -> Option<WaitsUntil> {
        let system = &self.scene.as_ref()?.system;
        let (at, timeout) = match limit {
            Limit::Never => return None,
            // What the clock cannot tell never comes.
            Limit::After(timeout) => (now.checked_add(timeout)?, timeout),
            Limit::At(at) => (at, at.saturating_duration_since(now)),
        };
        Some((system.sleep_until(at), timeout))
    }

    /// A worker looks for something to do.
    pub(super) fn begin(&mut self, worker: WorkerId) -> Option<JobId> {
        let State { core, scene, .. } = self;
        core.begin(worker, || now(scene.as_ref()))
    }

    /// Whether nothing follows from the last change.
    fn is_at_rest(&self) -> bool {
        !self.core.has_actions() && self.drained.is_empty() && !self.is_manager_wanted()
    }

    /// Carries out what was decided, but for what may run code of a user's.
    fn carry_out(&mut self) -> Effects<M> {
        let mut effects = Effects::default();
        while let Some(action) = self.core.next_action() {
            self.carry_out_one(action, &mut effects);
        }
        if !self.drained.is_empty() && self.core.is_empty() {
            effects.wakers.extend(self.drained.drain(..));
        }
        if self.is_manager_wanted()
            && let Some(manager) = &mut self.manager
        {
            manager.is_told = true;
            effects.look = Some(manager.address.clone());
        }
        effects
    }

    /// Whether the manager has something to do, or shall look sooner than it does by itself, and was not told so.
    fn is_manager_wanted(&self) -> bool {
        self.manager.as_ref().filter(|manager| !manager.is_told).is_some_and(|manager| {
            let is_sooner = |at: Instant| manager.alarm.is_none_or(|alarm| at < alarm);
            !self.orders.is_empty() || self.core.wanted().is_some_and(is_sooner)
        })
    }

    fn carry_out_one(&mut self, action: Action, effects: &mut Effects<M>) {
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
                    self.core.repeated(job, true, self.now());
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

fn now<M: Send + 'static>(scene: Option<&Scene<M>>) -> Instant {
    scene.map_or_else(Instant::now, |scene| scene.system.now())
}

impl<M: Send + 'static> Scene<M> {
    pub(super) fn share(&self) -> Self {
        Scene { system: self.system.clone(), door: self.door.clone() }
    }
}
