//! What follows from a change of a troupe's state, and may run code of a user's: so it is done when the lock is free.

use std::any::type_name;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use proscenium_runtime::{Address, DeadLetter, DeadReason, Pid};

use super::error::JobFault;
use super::job::{Payload, Waiter};
use super::manager::Control;
use super::stage::Scene;

pub(super) struct Effects<M> {
    /// Jobs that are over.
    pub(super) over: Vec<(Payload<M>, Result<(), JobFault>)>,
    /// Who hears how a job ends that is not over.
    pub(super) told: Vec<(Arc<dyn Waiter>, JobFault)>,
    /// Jobs that nobody wants any more.
    pub(super) forgotten: Vec<Payload<M>>,
    pub(super) wakers: Vec<Waker>,
    /// The manager has something to do.
    pub(super) look: Option<Address<Control>>,
}

impl<M> Default for Effects<M> {
    fn default() -> Self {
        Effects { over: Vec::new(), told: Vec::new(), forgotten: Vec::new(), wakers: Vec::new(), look: None }
    }
}

impl<M: Send + 'static> Effects<M> {
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

/// Tells whoever waits, before the message goes with the reply in it. What nobody waits for and nobody has begun with is a
/// dead letter.
pub(super) fn end<M: Send + 'static>(
    payload: Payload<M>,
    result: Result<(), JobFault>,
    scene: Option<&Scene<M>>,
    sender: Option<Pid>,
) {
    match (&payload.waiter, result) {
        (Some(waiter), result) => waiter.hear(result),
        (None, Err(fault)) if payload.message.is_some() => {
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
