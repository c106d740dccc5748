//! A task for each of many items, so many at a time; Elixir's `async_stream`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::thread;
use std::time::Duration;

use async_channel::Receiver;
use futures_lite::Stream;
use proscenium_runtime::{Address, Context, ExitReason};

use super::spawner::{Spawner, Start, Step};
use super::{DEFAULT_TIMEOUT, Task, TaskBody, TaskError};

/// A stream of tasks that has yet to begin; made by [`Task::stream`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use proscenium_behaviours::Task;
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// let test = TestSystem::new(1);
/// let in_order_of_end = test.run(|mut ctx: Context<()>| async move {
///     let sleep = |ctx: Context<()>, seconds: u64| async move {
///         ctx.sleep(Duration::from_secs(seconds)).await;
///         seconds
///     };
///     let mut ends = Task::stream([3, 9, 1], sleep).max_concurrency(3).unordered().without_timeout().spawn(&mut ctx);
///     let mut order = Vec::new();
///     while let Some(Ok(seconds)) = ends.next().await {
///         order.push(seconds);
///     }
///     order
/// });
/// assert_eq!(in_order_of_end, [1, 3, 9]);
/// assert_eq!(test.elapsed(), Duration::from_secs(9));
/// ```
#[must_use = "nothing begins before it is spawned"]
pub struct StreamTasks<I, B> {
    items: I,
    body: B,
    start: Option<Start>,
    options: StreamOptions,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct StreamOptions {
    pub(super) max_concurrency: NonZeroUsize,
    pub(super) ordered: bool,
    pub(super) timeout: Option<Duration>,
    /// Whether a late task is killed and the stream goes on.
    pub(super) kill_late: bool,
    /// Whether a task that fails takes the owner along.
    pub(super) linked: bool,
}

impl Task<()> {
    /// A task for each item, of which a bounded number runs at a time; Elixir's `Task.async_stream`.
    ///
    /// It is lazy: no task is started before the first result is asked for, and no item is taken from `items` before there is
    /// room for its task. By default there are as many tasks at a time as the machine has processors, results come in the order
    /// of the items, and a task that takes more than 5 s is the stream's end.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason};
    ///
    /// let test = TestSystem::new(1);
    /// let pages = test.run(|mut ctx: Context<()>| async move {
    ///     let fetch = |ctx: Context<()>, page: u64| async move {
    ///         ctx.sleep(Duration::from_secs(1)).await;
    ///         page * 100
    ///     };
    ///     let mut fetched = Task::stream(1..=6, fetch).max_concurrency(2).spawn_link(&mut ctx);
    ///     let mut pages = Vec::new();
    ///     while let Some(page) = fetched.next().await {
    ///         pages.push(page?);
    ///     }
    ///     Ok::<_, ExitReason>(pages)
    /// });
    /// assert_eq!(pages, Ok(vec![100, 200, 300, 400, 500, 600]));
    /// assert_eq!(test.elapsed(), Duration::from_secs(3));
    /// ```
    pub fn stream<I, B, F, T>(items: I, body: B) -> StreamTasks<I::IntoIter, B>
    where
        I: IntoIterator<Item: Send + 'static, IntoIter: Send + 'static>,
        B: Fn(Context<()>, I::Item) -> F + Send + Sync + 'static,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let options = StreamOptions {
            max_concurrency: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            ordered: true,
            timeout: Some(DEFAULT_TIMEOUT),
            kill_late: false,
            linked: true,
        };
        StreamTasks { items: items.into_iter(), body, start: None, options }
    }
}

impl<I, B> StreamTasks<I, B> {
    /// So many tasks run at a time, or have a result that has not been taken; at least one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// let test = TestSystem::new(1);
    /// test.run(|mut ctx: Context<()>| async move {
    ///     let second = |ctx: Context<()>, _item| async move { ctx.sleep(Duration::from_secs(1)).await };
    ///     let mut all = Task::stream(0..10, second).max_concurrency(5).spawn_link(&mut ctx);
    ///     while let Some(done) = all.next().await {
    ///         assert_eq!(done, Ok(()));
    ///     }
    /// });
    /// assert_eq!(test.elapsed(), Duration::from_secs(2)); // Ten in two fives.
    /// ```
    pub fn max_concurrency(mut self, tasks: usize) -> Self {
        self.options.max_concurrency = NonZeroUsize::new(tasks).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Results come as they are there, not in the order of the items.
    pub fn unordered(mut self) -> Self {
        self.options.ordered = false;
        self
    }

    /// Gives each task this long.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::{Task, TaskError};
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     ctx.trap_exit(true);
    ///     let sleep = |ctx: Context<()>, seconds| async move {
    ///         ctx.sleep(Duration::from_secs(seconds)).await;
    ///         seconds
    ///     };
    ///     let limit = Duration::from_secs(10);
    ///     let mut ends = Task::stream([1, 60, 2], sleep).max_concurrency(1).timeout(limit).spawn(&mut ctx);
    ///     assert_eq!(ends.next().await, Some(Ok(1)));
    ///     assert!(matches!(ends.next().await, Some(Err(TaskError::Timeout { .. }))));
    ///     assert_eq!(ends.next().await, None); // One that is late is the end of all.
    /// });
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = Some(timeout);
        self
    }

    /// Gives each task as long as it takes.
    pub fn without_timeout(mut self) -> Self {
        self.options.timeout = None;
        self
    }

    /// A task that takes too long is killed, its item gives [`TaskError::Timeout`], and the stream goes on. By default that
    /// error is the last item, and the other tasks are killed, too.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use proscenium_behaviours::{Task, TaskError};
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let sleep = |ctx: Context<()>, seconds| async move {
    ///         ctx.sleep(Duration::from_secs(seconds)).await;
    ///         seconds
    ///     };
    ///     let limit = Duration::from_secs(10);
    ///     let mut ends = Task::stream([1, 60, 2], sleep).timeout(limit).kill_late().spawn_link(&mut ctx);
    ///     assert_eq!(ends.next().await, Some(Ok(1)));
    ///     assert!(matches!(ends.next().await, Some(Err(TaskError::Timeout { timeout, .. })) if timeout == limit));
    ///     assert_eq!(ends.next().await, Some(Ok(2))); // The others are not harmed.
    /// });
    /// ```
    pub fn kill_late(mut self) -> Self {
        self.options.kill_late = true;
        self
    }

    /// Has each task started by `start`, under a parent of its own, and not by the stream itself; for supervisors of tasks. Where
    /// it fails, an error with that reason is the last item, and the owner fails likewise unless it traps exits.
    ///
    /// # Examples
    ///
    /// Tasks whose parent is another process:
    ///
    /// ```
    /// use proscenium_behaviours::{Task, TaskBody};
    /// use proscenium_runtime::testing::TestSystem;
    /// use proscenium_runtime::{Context, ExitReason, Parent, Reply, StartOptions};
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let keeper = ctx.spawn_link(|mut ctx: Context<Reply<Parent>>| async move {
    ///         ctx.receive_message().await.send(ctx.as_parent());
    ///         std::future::pending::<()>().await;
    ///     });
    ///     let parent = keeper.call(|reply| reply).await.unwrap();
    ///     let whose_child = |ctx: Context<()>, _item| async move { ctx.parent() };
    ///     let start = move |task: TaskBody| {
    ///         let parent = parent.clone();
    ///         async move { task.start_link(&parent, StartOptions::new()).await.map_err(ExitReason::from) }
    ///     };
    ///     let mut parents = Task::stream(0..3, whose_child).start_with(start).spawn(&mut ctx);
    ///     while let Some(parent) = parents.next().await {
    ///         assert_eq!(parent.unwrap(), keeper.pid());
    ///     }
    /// });
    /// ```
    pub fn start_with<S, F>(mut self, start: S) -> Self
    where
        S: Fn(TaskBody) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Address<()>, ExitReason>> + Send + 'static,
    {
        self.start = Some(Box::new(move |body| Box::pin(start(body))));
        self
    }

    /// Begins the stream. A task that fails takes this process along, unless it traps exits: then the error is the last item.
    pub fn spawn_link<M, F, T>(self, ctx: &mut Context<M>) -> TaskStream<T>
    where
        M: Send + 'static,
        I: Iterator<Item: Send + 'static> + Send + 'static,
        B: Fn(Context<()>, I::Item) -> F + Send + Sync + 'static,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, results) = async_channel::unbounded();
        let StreamTasks { items, body, start, options } = self;
        let spawner = ctx.spawn_link(move |ctx| Spawner::new(ctx, items, body, start, options, sender).run());
        TaskStream { spawner, results: Box::pin(results), begin: Some(options.max_concurrency.get()) }
    }

    /// As [`spawn_link`](Self::spawn_link), but a task that fails gives its item a [`TaskError`], and the stream goes on; what
    /// Elixir's `async_stream_nolink` does.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::{Task, TaskError};
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let parse = |_ctx: Context<()>, text: &'static str| async move { text.parse::<u8>().expect("a number") };
    ///     let mut numbers = Task::stream(["7", "seven", "8"], parse).spawn(&mut ctx);
    ///     assert_eq!(numbers.next().await, Some(Ok(7)));
    ///     assert!(matches!(numbers.next().await, Some(Err(TaskError::Exit { .. })))); // It fails alone.
    ///     assert_eq!(numbers.next().await, Some(Ok(8)));
    /// });
    /// ```
    pub fn spawn<M, F, T>(mut self, ctx: &mut Context<M>) -> TaskStream<T>
    where
        M: Send + 'static,
        I: Iterator<Item: Send + 'static> + Send + 'static,
        B: Fn(Context<()>, I::Item) -> F + Send + Sync + 'static,
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.options.linked = false;
        self.spawn_link(ctx)
    }
}

impl<I, B> fmt::Debug for StreamTasks<I, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamTasks").field("options", &self.options).finish_non_exhaustive()
    }
}

/// The results of a stream of tasks. Dropping it kills the tasks that still run.
///
/// # Examples
///
/// It is a [`Stream`], too:
///
/// ```
/// use futures_lite::{StreamExt, pin};
/// use proscenium_behaviours::{Task, TaskStream};
/// use proscenium_runtime::Context;
/// use proscenium_runtime::testing::TestSystem;
///
/// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
///     let square = |_ctx: Context<()>, n: u64| async move { n * n };
///     let squares: TaskStream<u64> = Task::stream(1.., square).spawn_link(&mut ctx);
///     pin!(squares);
///     let small = StreamExt::next(&mut squares).await;
///     assert_eq!(small, Some(Ok(1)));
///     // Dropped here, the endless rest is never begun.
/// });
/// ```
pub struct TaskStream<T: Send + 'static> {
    spawner: Address<Step>,
    results: Pin<Box<Receiver<Result<T, TaskError>>>>,
    /// How many tasks may be started when the first result is asked for.
    begin: Option<usize>,
}

impl<T: Send + 'static> TaskStream<T> {
    /// The next result; `None` when all have come.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use proscenium_behaviours::Task;
    /// use proscenium_runtime::Context;
    /// use proscenium_runtime::testing::TestSystem;
    ///
    /// TestSystem::new(1).run(|mut ctx: Context<()>| async move {
    ///     let mut squares = Task::stream(1..=3, |_ctx: Context<()>, n| async move { n * n }).spawn_link(&mut ctx);
    ///     let mut sum = 0;
    ///     while let Some(square) = squares.next().await {
    ///         sum += square.unwrap();
    ///     }
    ///     assert_eq!(sum, 14);
    /// });
    /// ```
    pub async fn next(&mut self) -> Option<Result<T, TaskError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl<T: Send + 'static> Stream for TaskStream<T> {
    type Item = Result<T, TaskError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(tasks) = self.begin.take() {
            let _ = self.spawner.try_send(Step::Start(tasks));
        }
        let result = ready!(self.results.as_mut().poll_next(cx));
        if result.is_some() {
            // There is room for one more.
            let _ = self.spawner.try_send(Step::Start(1));
        }
        Poll::Ready(result)
    }
}

impl<T: Send + 'static> Drop for TaskStream<T> {
    fn drop(&mut self) {
        // If all is done, there is nobody to tell.
        let _ = self.spawner.try_send(Step::Halt);
    }
}

impl<T: Send + 'static> fmt::Debug for TaskStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStream").field("spawner", &self.spawner.pid()).finish_non_exhaustive()
    }
}
