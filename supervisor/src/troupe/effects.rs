//! What follows from a change of a troupe's state, and may run code of a user's: so it is done when the lock is free.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;
use std::{iter, option, vec};

use proscenium_runtime::{Address, DeadLetter, DeadReason, Pid};

use super::error::JobFault;
use super::job::{Payload, Waiter};
use super::manager::Control;
use super::stage::Scene;

pub(super) struct Effects<M> {
    /// Jobs that are over.
    pub(super) over: Several<(Payload<M>, Result<(), JobFault>)>,
    /// Who hears how a job ends that is not over.
    pub(super) told: Vec<(Arc<dyn Waiter>, JobFault)>,
    /// Jobs that nobody wants any more.
    pub(super) forgotten: Vec<Payload<M>>,
    pub(super) wakers: Several<Waker>,
    /// The manager has something to do.
    pub(super) look: Option<Address<Control>>,
}

/// Nearly always one, or none: the first needs no memory of its own.
pub(super) struct Several<T> {
    first: Option<T>,
    others: Vec<T>,
}

impl<T> Several<T> {
    const fn new() -> Self {
        Several { first: None, others: Vec::new() }
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.others)
    }
}

impl<T> Extend<T> for Several<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        for item in items {
            match self.first {
                None => self.first = Some(item),
                Some(_) => self.others.push(item),
            }
        }
    }
}

impl<T> IntoIterator for Several<T> {
    type Item = T;
    type IntoIter = iter::Chain<option::IntoIter<T>, vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

impl<M> Default for Effects<M> {
    fn default() -> Self {
        let (over, wakers) = (Several::new(), Several::new());
        Effects { over, told: Vec::new(), forgotten: Vec::new(), wakers, look: None }
    }
}

impl<M: Send + 'static> Effects<M> {
    /// Whether a job that is over is a dead letter, which says where it was.
    pub(super) fn has_dead_letters(&self) -> bool {
        self.over.iter().any(|(payload, result)| result.is_err() && is_dead_letter(payload))
    }

    pub(super) fn happen(self, scene: Option<&Scene<M>>) {
        for (payload, result) in self.over {
            end(payload, result, scene, None);
        }
        for (waiter, fault) in self.told {
            waiter.hear(Err(fault));
        }
        for payload in self.forgotten {
            drop_quietly(payload);
        }
        for waker in self.wakers {
            waker.wake();
        }
        if let Some(manager) = self.look {
            manager.cast(Control::Look);
        }
    }
}

/// Whether a job that has failed is a dead letter: nobody waits for it, and nobody has begun with it.
fn is_dead_letter<M>(payload: &Payload<M>) -> bool {
    payload.waiter.is_none() && payload.message.is_some()
}

/// Tells whoever waits, before the message goes with the reply in it.
pub(super) fn end<M: Send + 'static>(
    payload: Payload<M>,
    result: Result<(), JobFault>,
    scene: Option<&Scene<M>>,
    sender: Option<Pid>,
) {
    match (&payload.waiter, result) {
        (Some(waiter), result) => waiter.hear(result),
        (None, Err(fault)) if is_dead_letter(&payload) => {
            if let Some(Scene { system, door }) = scene {
                system.dead_letter(DeadLetter {
                    target: door.recipient(),
                    message_type: type_name::<M>(),
                    reason: dead_reason(&fault),
                    sender,
                });
            }
        }
        (None, _) => {}
    }
    drop_quietly(payload);
}

fn dead_reason(fault: &JobFault) -> DeadReason {
    match fault {
        JobFault::QueueFull => DeadReason::MailboxFull,
        JobFault::Expired(_) => DeadReason::Expired,
        JobFault::NotRunning => DeadReason::DroppedAtExit,
        _ => DeadReason::Exited,
    }
}

/// A message that panics when it is dropped harms nobody.
fn drop_quietly<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}
