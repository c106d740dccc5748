//! A process that owns tasks.

use std::time::Duration;

use proscenium_behaviours::{Task, TaskError};
use proscenium_runtime::testing::for_each_seed;
use proscenium_runtime::{Context, ExitReason};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Runs `play` as a process, in many orders.
#[track_caller]
pub(crate) fn in_any_order<F>(play: impl Fn(Context<()>) -> F + Clone + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    for_each_seed(32, |test| test.run(play.clone()));
}

/// Runs `play` as a process that `owner` monitors, and returns why it ended.
pub(crate) async fn ends<F>(owner: &mut Context<()>, play: impl FnOnce(Context<()>) -> F + Send + 'static) -> ExitReason
where
    F: Future<Output = Result<(), ExitReason>> + Send + 'static,
{
    owner.spawn(play).exited().await
}

/// A task that takes so many seconds.
pub(crate) fn takes(ctx: &mut Context<()>, seconds: u32) -> Task<u32> {
    Task::spawn_link(ctx, move |ctx| async move {
        ctx.sleep(seconds * SECOND).await;
        seconds
    })
}

/// Why a task ended without a result.
#[track_caller]
pub(crate) fn reason<T: std::fmt::Debug>(outcome: Result<T, TaskError>) -> ExitReason {
    match outcome {
        Err(TaskError::Exit { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
pub(crate) fn panicked(reason: &ExitReason) -> &str {
    match reason {
        ExitReason::Panic(panic) => panic.message(),
        other => panic!("{other}"),
    }
}

/// Waits until nobody has anything to do at this moment.
pub(crate) async fn settle(ctx: &Context<()>) {
    ctx.sleep(Duration::from_nanos(1)).await;
}
