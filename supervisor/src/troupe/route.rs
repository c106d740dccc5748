//! Which worker a job shall have, by what its message says.

use std::sync::Arc;

use super::core::Bond;

/// A worker, as a [choice](super::Troupe::choose_by) finds it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its [number](super::Member::number). It grows with each worker that is started.
    pub number: u64,
    /// How many jobs it has.
    pub jobs: usize,
    /// How many wait for it, and for nobody else.
    pub waiting: usize,
}

/// How a job's message says who shall have it.
pub(super) enum Route<M> {
    /// It does not.
    Free,
    Key(Arc<dyn Fn(&M) -> u64 + Send + Sync>),
    Choice(Arc<Choose<M>>),
}

pub(super) type Choose<M> = dyn Fn(&M, &[Candidate]) -> Option<u64> + Send + Sync;

impl<M> Route<M> {
    /// Asks the user's code: not under a lock.
    pub(super) fn bond(&self, message: &M, candidates: impl FnOnce() -> Vec<Candidate>) -> Bond {
        match self {
            Route::Free => Bond::Anybody,
            Route::Key(key) => Bond::Key(key(message)),
            Route::Choice(choose) => {
                let candidates = candidates();
                let chosen = if candidates.is_empty() { None } else { choose(message, &candidates) };
                chosen.map_or(Bond::Anybody, Bond::Worker)
            }
        }
    }
}

impl<M> Clone for Route<M> {
    fn clone(&self) -> Self {
        match self {
            Route::Free => Route::Free,
            Route::Key(key) => Route::Key(key.clone()),
            Route::Choice(choose) => Route::Choice(choose.clone()),
        }
    }
}
