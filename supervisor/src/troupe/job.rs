//! A job as a troupe keeps it: its message, and who hears how it ends.

use std::sync::Arc;

use super::error::JobFault;

pub(super) struct Payload<M> {
    /// Until a worker takes it.
    pub(super) message: Option<M>,
    /// Of what a worker took: for another worker, should that one die.
    pub(super) copy: Option<M>,
    /// Makes the message again.
    pub(super) again: Option<Again<M>>,
    /// `None` if nobody waits.
    pub(super) waiter: Option<Arc<dyn Waiter>>,
}

pub(super) type Again<M> = Box<dyn FnMut() -> M + Send>;

/// Whoever waits for the end of a job.
pub(super) trait Waiter: Send + Sync {
    /// It is over. What is said first counts.
    fn hear(&self, result: Result<(), JobFault>);
}

impl<M> Payload<M> {
    /// Of which nobody hears how it ends.
    pub(super) fn of(message: M) -> Self {
        Payload { message: Some(message), copy: None, again: None, waiter: None }
    }
}
