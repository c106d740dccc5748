//! Which worker a job shall have, by what its message says.

use std::sync::Arc;

use super::core::Bond;

/// A worker, as a [choice](super::Troupe::choose_by) finds it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_supervisor::Candidate;
///
/// # mod baker { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/doc/baker.rs")); }
/// # use baker::*;
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let least = |_order: &Order, bakers: &[Candidate]| {
///         bakers.iter().min_by_key(|baker| baker.jobs + baker.waiting).map(|baker| baker.number)
///     };
///     let bakers = bakers().workers(3..=3).choose_by(least).start_link(&mut ctx).await.unwrap();
///     (0..6).for_each(|_| bakers.cast(Order::Bread(1)));
///     let began = ctx.system().now();
///     bakers.drain().await;
///     assert_eq!(ctx.system().now() - began, Duration::from_secs(2)); // Two each.
/// });
/// ```
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
