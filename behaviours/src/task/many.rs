//! Several tasks at a time.

use std::time::Duration;

use super::{Task, TaskError};

/// Waits for the results of all tasks, with one limit for all, and returns them in the order of the tasks; Elixir's
/// `Task.await_many`.
///
/// The first in that order that fails ends the wait. (If it is linked to this process, that has ended before.)
///
/// # Errors
/// See [`TaskError`]. The other tasks go on, and their results are lost.
///
/// # Cancel safety
/// Dropping the future abandons the results.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::{Task, await_many};
/// use proscenium_runtime::{Context, ExitReason, System};
///
/// let outcome = System::new("squares").run(|mut ctx: Context<()>| async move {
///     let tasks = (1..=4).map(|n| Task::spawn_link(&mut ctx, move |_ctx| async move { n * n })).collect();
///     assert_eq!(await_many(tasks, Duration::from_secs(5)).await?, [1, 4, 9, 16]);
///     Ok::<_, ExitReason>(())
/// });
/// assert_eq!(outcome, Ok(()));
/// ```
pub async fn await_many<T: Send + 'static>(tasks: Vec<Task<T>>, timeout: Duration) -> Result<Vec<T>, TaskError> {
    let Some(late) = tasks.first().map(|task| task.system.sleep(timeout)) else {
        return Ok(Vec::new());
    };
    let mut results = Vec::with_capacity(tasks.len());
    let all = async {
        for task in &tasks {
            results.push(task.take().await?);
        }
        Ok(())
    };
    match late.limit(all).await {
        Some(outcome) => outcome.map(|()| results),
        None => {
            let task = tasks[results.len()].pid().expect("what it waits for runs");
            Err(TaskError::Timeout { task, timeout })
        }
    }
}

/// Waits until all tasks have a result, but at most this long, and returns those that are there, in the order of the
/// tasks; `None` where there is none yet. The tasks go on: ask again, or [`shutdown`](Task::shutdown) or
/// [`ignore`](Task::ignore) what is late. Elixir's `Task.yield_many`.
///
/// # Cancel safety
/// Dropping the future loses the results that have come.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use proscenium_behaviours::{Task, yield_many};
/// use proscenium_runtime::testing::TestSystem;
/// use proscenium_runtime::Context;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let second = Duration::from_secs(1);
///     let mut tasks = [1, 9].map(|n| {
///         Task::spawn_link(&mut ctx, move |ctx| async move {
///             ctx.sleep(n * second).await;
///             n
///         })
///     });
///     assert_eq!(yield_many(&mut tasks, 2 * second).await, [Some(Ok(1)), None]);
/// });
/// ```
pub async fn yield_many<T: Send + 'static>(
    tasks: &mut [Task<T>],
    timeout: Duration,
) -> Vec<Option<Result<T, TaskError>>> {
    let mut results = Vec::with_capacity(tasks.len());
    let Some(began) = tasks.first().map(|task| task.system.now()) else {
        return results;
    };
    for task in tasks {
        let left = timeout.saturating_sub(task.system.now().saturating_duration_since(began));
        results.push(task.yield_for(left).await);
    }
    results
}
