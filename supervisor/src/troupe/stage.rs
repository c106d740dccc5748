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
use std::task::{Poll, Waker};
use std::time::Instant;

use proscenium_runtime::{Address, ExitReason, SystemHandle};

use super::core::{Action, Bond, Core, Refusal, Terms};
use super::crew::WorkerId;
use super::effects::{self, Effects};
use super::error::{JobError, JobFault};
use super::job::{Again, Payload};
use super::latency::Recent;
use super::line::Turn;
use super::manager::Control;
use super::queue::JobId;
use super::route::{Candidate, Route};
use super::settings::{SettingsError, TroupeSettings};
use super::status::TroupeStatus;

pub(super) struct Stage<M: Send + 'static> {
    state: Mutex<State<M>>,
}

struct State<M: Send + 'static> {
    core: Core,
    payloads: HashMap<JobId, Payload<M>>,
    workers: BTreeMap<WorkerId, Seated<M>>,
    last_worker: WorkerId,
    /// Who waits for room.
    line: BTreeMap<Turn, Waker>,
    /// Who waits until all is done.
    drained: Vec<Waker>,
    orders: Vec<Order>,
    manager: Option<Manager>,
    scene: Option<Scene<M>>,
    recent: Recent,
    route: Route<M>,
    copy: Option<Copier<M>>,
    label: Arc<str>,
}

/// Copies a message, if it can be.
pub(super) type Copier<M> = Arc<dyn Fn(&M) -> Option<M> + Send + Sync>;

/// A worker as the stage knows it.
struct Seated<M: Send + 'static> {
    address: Address<M>,
    /// While it waits for a job.
    waker: Option<Waker>,
    /// Why it stops, as it says itself: that is known even if nobody was there to hear of its end.
    reason: Option<ExitReason>,
}

/// Where a troupe runs.
pub(super) struct Scene<M: Send + 'static> {
    pub(super) system: SystemHandle,
    /// The process that takes messages for it.
    pub(super) door: Address<M>,
}

struct Manager {
    address: Address<Control>,
    /// It was told to look for orders, and has not yet.
    is_told: bool,
    /// When it looks by itself.
    alarm: Option<Instant>,
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

/// For who has jobs.
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
            recent: Recent::default(),
            route: Route::Free,
            copy: None,
            label: type_name::<M>().into(),
        };
        Stage { state: Mutex::new(state) }
    }

    /// Who shall have a job, by its message.
    pub(super) fn bond(&self, message: &M) -> Bond {
        let route = self.lock().route.clone();
        route.bond(message, || self.lock().candidates())
    }

    /// Takes a job, unless it is refused: then the sender keeps it, with a place in the line if it waits for room.
    pub(super) fn submit(
        &self,
        payload: &mut Option<Payload<M>>,
        terms: Terms,
        turn: &mut Option<Turn>,
        sender: Option<&Waker>,
    ) -> Result<JobId, Refusal> {
        self.act(|state, now| {
            let outcome = state.core.submit(terms, turn, sender.is_some(), now);
            match outcome {
                Ok(id) => drop(state.payloads.insert(id, payload.take().expect("a job is sent once"))),
                Err(_) => {
                    if let (Some(turn), Some(sender)) = (*turn, sender) {
                        return (outcome, state.line.insert(turn, sender.clone()));
                    }
                }
            }
            (outcome, None)
        })
        .0
    }

    pub(super) fn leave_line(&self, turn: Turn) {
        let waker = self.act(|state, now| {
            state.core.leave_line(turn, now);
            state.line.remove(&turn)
        });
        drop(waker);
    }

    pub(super) fn withdraw(&self, job: JobId) {
        self.act(|state, now| state.core.withdraw(job, now));
    }

    pub(super) fn system(&self) -> Option<SystemHandle> {
        self.lock().scene.as_ref().map(|scene| scene.system.clone())
    }

    pub(super) fn door(&self) -> Option<Address<M>> {
        self.lock().scene.as_ref().map(|scene| scene.door.clone())
    }

    pub(super) fn workers(&self) -> Vec<Address<M>> {
        self.lock().workers.values().map(|worker| worker.address.clone()).collect()
    }

    pub(super) fn error(&self, fault: JobFault) -> JobError {
        JobError { troupe: self.label(), fault }
    }

    pub(super) fn label(&self) -> Arc<str> {
        self.lock().label.clone()
    }

    /// Records that a message is dropped that nobody has begun with, and drops it.
    pub(super) fn bury(&self, message: M, fault: JobFault) {
        let scene = self.lock().scene.as_ref().map(Scene::share);
        let sender = scene.as_ref().and_then(|scene| scene.system.current());
        effects::end(Payload::of(message), Err(fault), scene.as_ref(), sender);
    }

    pub(super) fn status(&self) -> TroupeStatus {
        let state = self.lock();
        TroupeStatus::of(&state.core, state.recent.latency())
    }

    pub(super) fn settings(&self) -> TroupeSettings {
        self.lock().core.settings().clone()
    }

    /// Changes the settings, if they may be so.
    pub(super) fn change(&self, change: impl FnOnce(&mut TroupeSettings)) -> Result<(), SettingsError> {
        // The change is a user's code: not under the lock.
        let mut settings = self.settings();
        change(&mut settings);
        settings.check()?;
        self.set(settings);
        Ok(())
    }

    pub(super) fn set(&self, settings: TroupeSettings) {
        self.act(|state, now| state.core.set(settings, now));
    }

    pub(super) fn set_route(&self, route: Route<M>) {
        let before = std::mem::replace(&mut self.lock().route, route);
        drop(before);
    }

    pub(super) fn set_copy(&self, copy: Copier<M>) {
        let before = self.lock().copy.replace(copy);
        drop(before);
    }

    pub(super) fn set_label(&self, label: &str) {
        self.lock().label = label.into();
    }

    pub(super) fn drain(&self) {
        self.act(|state, _now| state.core.drain());
    }

    /// Ready when there is no job any more.
    pub(super) fn poll_drained(&self, waker: &Waker) -> Poll<()> {
        let mut state = self.lock();
        if state.core.is_empty() {
            return Poll::Ready(());
        }
        if !state.drained.iter().any(|known| known.will_wake(waker)) {
            state.drained.push(waker.clone());
        }
        Poll::Pending
    }
}

/// For workers.
impl<M: Send + 'static> Stage<M> {
    /// A number for a worker that is to come.
    pub(super) fn number(&self) -> WorkerId {
        let mut state = self.lock();
        state.last_worker += 1;
        state.last_worker
    }

    pub(super) fn joined(&self, worker: WorkerId, address: &Address<M>) {
        self.act(|state, now| {
            // Who comes when all is over belongs to a tree that is being stopped.
            if !state.core.is_closed() {
                state.workers.insert(worker, Seated { address: address.clone(), waker: None, reason: None });
                state.orders.push(Order::Watch(worker));
                state.core.joined(worker, now);
            }
        });
    }

    pub(super) fn poll_part(&self, worker: WorkerId, waker: &Waker) -> Poll<Part<M>> {
        let (part, before) = self.act(|state, now| match state.core.begin(worker, now) {
            Some(job) => (Some(state.part(job)), None),
            None => (None, state.workers.get_mut(&worker).and_then(|seated| seated.waker.replace(waker.clone()))),
        });
        drop(before);
        part.map_or(Poll::Pending, Poll::Ready)
    }

    /// Keeps a copy of what a worker has begun with.
    pub(super) fn keep_copy(&self, job: JobId, copy: M) {
        let mut copy = Some(copy);
        self.act(|state, _now| {
            if let Some(payload) = state.payloads.get_mut(&job) {
                payload.copy = copy.take();
                state.core.set_repeatable(job);
            }
        });
    }

    pub(super) fn finished(&self, job: JobId, result: Result<(), JobFault>) {
        self.act(|state, now| {
            let is_done = result.is_ok();
            if let Some(took) = state.core.finished(job, result, now).filter(|_| is_done) {
                state.recent.record(took);
            }
        });
    }

    pub(super) fn stopping(&self, worker: WorkerId, reason: &ExitReason) {
        if let Some(seated) = self.lock().workers.get_mut(&worker) {
            seated.reason = Some(reason.clone());
        }
    }

    pub(super) fn leaving(&self, worker: WorkerId) {
        self.act(|state, _now| state.core.leaving(worker));
    }
}

/// For the processes that run it.
impl<M: Send + 'static> Stage<M> {
    /// From now on it runs. False if it does already.
    pub(super) fn open(&self, scene: Scene<M>) -> bool {
        self.act(|state, now| {
            let is_new = state.core.is_closed();
            if is_new {
                state.scene = Some(scene);
                state.core.open(now);
            }
            is_new
        })
    }

    pub(super) fn close(&self) {
        let before = self.act(|state, _now| {
            state.core.close();
            state.orders.clear();
            (std::mem::take(&mut state.workers), state.manager.take())
        });
        drop(before);
    }

    /// A manager begins: returns the workers that there are.
    pub(super) fn manage(&self, manager: Address<Control>) -> Vec<WorkerId> {
        self.act(|state, now| {
            state.orders.clear();
            state.core.restarted(now);
            // It looks before it does anything else.
            state.manager = Some(Manager { address: manager, is_told: true, alarm: None });
            state.workers.keys().copied().collect()
        })
    }

    /// What the manager has to do, and when it shall look again. It asks when it was told to look, and after each
    /// [`tick`](Self::tick).
    pub(super) fn orders(&self) -> (Vec<Order>, Option<Instant>) {
        self.act(|state, _now| {
            let alarm = state.core.wanted();
            if let Some(manager) = &mut state.manager {
                (manager.is_told, manager.alarm) = (false, alarm);
            }
            (std::mem::take(&mut state.orders), alarm)
        })
    }

    pub(super) fn tick(&self) {
        self.act(|state, now| {
            if let Some(manager) = &mut state.manager {
                (manager.is_told, manager.alarm) = (true, None);
            }
            state.core.tick(now);
        });
    }

    pub(super) fn address(&self, worker: WorkerId) -> Option<Address<M>> {
        self.lock().workers.get(&worker).map(|seated| seated.address.clone())
    }

    pub(super) fn left(&self, worker: WorkerId, reason: &ExitReason) {
        let seated = self.act(|state, now| {
            let seated = state.workers.remove(&worker);
            let own = seated.as_ref().and_then(|seated| seated.reason.as_ref());
            state.core.left(worker, own.unwrap_or(reason), now);
            seated
        });
        drop(seated);
    }

    /// Orders something of the manager.
    pub(super) fn order(&self, order: Order) {
        self.act(|state, _now| state.orders.push(order));
    }

    pub(super) fn not_hired(&self) {
        self.act(|state, now| state.core.not_hired(now));
    }

    /// What makes the message of a job again.
    pub(super) fn take_again(&self, job: JobId) -> Option<Again<M>> {
        self.lock().payloads.get_mut(&job)?.again.take()
    }

    /// The message of a job was made again, or could not be.
    pub(super) fn repeated(&self, job: JobId, mut made: Option<(M, Again<M>)>) {
        self.act(|state, now| {
            let is_made = made.is_some();
            if let (Some(payload), Some((message, again))) = (state.payloads.get_mut(&job), made.take()) {
                (payload.message, payload.again) = (Some(message), Some(again));
            }
            state.core.repeated(job, is_made, now);
        });
    }
}

impl<M: Send + 'static> Stage<M> {
    /// Changes the state, then does what follows.
    fn act<R>(&self, change: impl FnOnce(&mut State<M>, Instant) -> R) -> R {
        let mut state = self.lock();
        let now = state.scene.as_ref().map_or_else(Instant::now, |scene| scene.system.now());
        let result = change(&mut state, now);
        let effects = state.carry_out(now);
        let scene = effects.over.first().and_then(|_| state.scene.as_ref()).map(Scene::share);
        drop(state);
        effects.happen(scene.as_ref());
        result
    }

    fn lock(&self) -> MutexGuard<'_, State<M>> {
        // Nothing of a user's runs under it, so nothing panics there.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Send + 'static> State<M> {
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

    fn part(&mut self, job: JobId) -> Part<M> {
        let is_repeated = self.core.has_retries(job);
        let payload = self.payloads.get_mut(&job).expect("what a worker was given is a job");
        let copy = if is_repeated && payload.again.is_none() { self.copy.clone() } else { None };
        Part { job, message: payload.message.take().expect("it is taken once"), copy }
    }

    fn candidates(&self) -> Vec<Candidate> {
        let staying = self.core.crew().iter().filter(|(_, worker)| !worker.is_leaving);
        let candidate = |(number, worker): (_, &super::crew::Worker)| Candidate {
            number,
            jobs: worker.jobs.len(),
            waiting: worker.own.len(),
        };
        staying.map(candidate).collect()
    }
}

impl<M: Send + 'static> Scene<M> {
    fn share(&self) -> Self {
        Scene { system: self.system.clone(), door: self.door.clone() }
    }
}
