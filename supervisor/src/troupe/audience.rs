//! What those ask of a troupe's stage that have jobs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use proscenium_runtime::Address;

use super::core::{Bond, Refusal};
use super::effects;
use super::error::{JobError, JobFault};
use super::job::Payload;
use super::offer::{Limit, Offer, Taken, WaitsUntil};
use super::queue::JobId;
use super::route::Route;
use super::settings::{SettingsError, TroupeSettings};
use super::stage::{Copier, Scene, Stage};
use super::status::TroupeStatus;
use crate::supervisor_ref::SupervisorRef;

impl<M: Send + 'static> Stage<M> {
    /// Who shall have a job, by its message.
    pub(super) fn bond(&self, message: &M) -> Bond {
        if !self.is_routed.load(Ordering::Acquire) {
            return Bond::Anybody;
        }
        let route = self.lock().route.clone();
        route.bond(message, || self.lock().candidates())
    }

    /// Takes a job, unless it is refused: then it is offered still, with a place in the line if its `sender` waits for room.
    pub(super) fn submit(&self, offer: &mut Offer<M>, sender: Option<&Waker>, limit: Limit) -> Result<Taken, Refusal> {
        self.act(|state| {
            let now = state.now();
            match state.core.submit(offer.terms, &mut offer.turn, sender.is_some(), now) {
                Ok(job) => {
                    state.payloads.insert(job, offer.payload.take().expect("a job is sent once"));
                    (Ok(Taken { job, waits_until: state.waits_until(limit, now) }), None)
                }
                Err(refusal) => {
                    let waiting = offer.turn.zip(sender);
                    (Err(refusal), waiting.and_then(|(turn, sender)| state.line.insert(turn, sender.clone())))
                }
            }
        })
        .0
    }

    /// As [`submit`](Self::submit), for a sender that waits for room: pending while it does.
    pub(super) fn poll_submit(
        &self,
        offer: &mut Offer<M>,
        sender: &Waker,
        limit: Limit,
    ) -> Poll<Result<Taken, Refusal>> {
        match self.submit(offer, Some(sender), limit) {
            Err(Refusal::Full) if offer.turn.is_some() => Poll::Pending,
            outcome => Poll::Ready(outcome),
        }
    }

    /// Until when a sender waits that begins to wait now.
    pub(super) fn waits_until(&self, limit: Limit) -> Option<WaitsUntil> {
        let state = self.lock();
        state.waits_until(limit, state.now())
    }

    /// The sender no longer waits for room, if it does.
    pub(super) fn leave_line(&self, offer: &mut Offer<M>) {
        let Some(turn) = offer.turn.take() else { return };
        let waker = self.act(|state| {
            state.core.leave_line(turn, state.now());
            state.line.remove(&turn)
        });
        drop(waker);
    }

    pub(super) fn withdraw(&self, job: JobId) {
        self.act(|state| state.core.withdraw(job, state.now()));
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
        let (status, recent) = (TroupeStatus::of(&state.core), state.recent.clone());
        drop(state);
        TroupeStatus { latency: recent.latency(), ..status }
    }

    pub(super) fn supervisor(&self) -> Option<SupervisorRef> {
        self.lock().supervisor.clone()
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
        self.act(|state| state.core.set(settings, state.now()));
    }

    pub(super) fn set_route(&self, route: Route<M>) {
        let before = std::mem::replace(&mut self.lock().route, route);
        self.is_routed.store(true, Ordering::Release);
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
        self.act(|state| state.core.drain());
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
