//! What a troupe's own processes ask of its stage.

use std::task::{Poll, Waker};
use std::time::Instant;

use proscenium_runtime::{Address, ExitReason};

use super::crew::WorkerId;
use super::error::JobFault;
use super::job::Again;
use super::manager::Control;
use super::queue::JobId;
use super::stage::{Manager, Order, Part, Scene, Seated, Stage};
use crate::supervisor_ref::SupervisorRef;

/// For workers.
impl<M: Send + 'static> Stage<M> {
    /// A number for a worker that is to come.
    pub(super) fn number(&self) -> WorkerId {
        let mut state = self.lock();
        state.last_worker += 1;
        state.last_worker
    }

    pub(super) fn joined(&self, worker: WorkerId, address: &Address<M>) {
        self.act(|state| {
            // Who comes when all is over belongs to a tree that is being stopped.
            if !state.core.is_closed() {
                state.workers.insert(worker, Seated { address: address.clone(), waker: None, reason: None });
                state.orders.push(Order::Watch(worker));
                state.core.joined(worker, state.now());
            }
        });
    }

    pub(super) fn poll_part(&self, worker: WorkerId, waker: &Waker) -> Poll<Part<M>> {
        let (part, before) = self.act(|state| match state.begin(worker) {
            Some(job) => (Some(state.part(job)), None),
            None => (None, state.workers.get_mut(&worker).and_then(|seated| seated.waker.replace(waker.clone()))),
        });
        drop(before);
        part.map_or(Poll::Pending, Poll::Ready)
    }

    /// Keeps a copy of what a worker has begun with.
    pub(super) fn keep_copy(&self, job: JobId, copy: M) {
        let mut copy = Some(copy);
        self.act(|state| {
            if let Some(payload) = state.payloads.get_mut(&job) {
                payload.copy = copy.take();
                state.core.set_repeatable(job);
            }
        });
    }

    pub(super) fn finished(&self, job: JobId, result: Result<(), JobFault>) {
        self.act(|state| {
            let is_done = result.is_ok();
            if let Some(took) = state.core.finished(job, result, state.now()).filter(|_| is_done) {
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
        self.act(|state| state.core.leaving(worker));
    }
}

/// For the processes that run it.
impl<M: Send + 'static> Stage<M> {
    /// From now on it runs. False if it does already.
    pub(super) fn open(&self, scene: Scene<M>) -> bool {
        self.act(|state| {
            let is_new = state.core.is_closed();
            if is_new {
                state.scene = Some(scene);
                state.core.open(state.now());
            }
            is_new
        })
    }

    pub(super) fn set_supervisor(&self, supervisor: SupervisorRef) {
        let before = self.lock().supervisor.replace(supervisor);
        drop(before);
    }

    pub(super) fn close(&self) {
        let before = self.act(|state| {
            state.core.close();
            state.orders.clear();
            (std::mem::take(&mut state.workers), state.manager.take())
        });
        drop(before);
    }

    /// A manager begins: returns the workers that there are.
    pub(super) fn manage(&self, manager: Address<Control>) -> Vec<WorkerId> {
        self.act(|state| {
            state.orders.clear();
            state.core.restarted(state.now());
            // It looks before it does anything else.
            state.manager = Some(Manager { address: manager, is_told: true, alarm: None });
            state.workers.keys().copied().collect()
        })
    }

    /// What the manager has to do, and when it shall look again. It asks when it was told to look, and after each
    /// [`tick`](Self::tick).
    pub(super) fn orders(&self) -> (Vec<Order>, Option<Instant>) {
        self.act(|state| {
            let alarm = state.core.wanted();
            if let Some(manager) = &mut state.manager {
                (manager.is_told, manager.alarm) = (false, alarm);
            }
            (std::mem::take(&mut state.orders), alarm)
        })
    }

    pub(super) fn tick(&self) {
        self.act(|state| {
            if let Some(manager) = &mut state.manager {
                (manager.is_told, manager.alarm) = (true, None);
            }
            state.core.tick(state.now());
        });
    }

    pub(super) fn address(&self, worker: WorkerId) -> Option<Address<M>> {
        self.lock().workers.get(&worker).map(|seated| seated.address.clone())
    }

    pub(super) fn left(&self, worker: WorkerId, reason: &ExitReason) {
        let seated = self.act(|state| {
            let seated = state.workers.remove(&worker);
            let own = seated.as_ref().and_then(|seated| seated.reason.as_ref());
            state.core.left(worker, own.unwrap_or(reason), state.now());
            seated
        });
        drop(seated);
    }

    /// Orders something of the manager.
    pub(super) fn order(&self, order: Order) {
        self.act(|state| state.orders.push(order));
    }

    pub(super) fn not_hired(&self) {
        self.act(|state| state.core.not_hired(state.now()));
    }

    /// What makes the message of a job again.
    pub(super) fn take_again(&self, job: JobId) -> Option<Again<M>> {
        self.lock().payloads.get_mut(&job)?.again.take()
    }

    /// The message of a job was made again, or could not be.
    pub(super) fn repeated(&self, job: JobId, mut made: Option<(M, Again<M>)>) {
        self.act(|state| {
            let is_made = made.is_some();
            if let (Some(payload), Some((message, again))) = (state.payloads.get_mut(&job), made.take()) {
                (payload.message, payload.again) = (Some(message), Some(again));
            }
            state.core.repeated(job, is_made, state.now());
        });
    }
}
